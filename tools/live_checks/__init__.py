"""What each live figure has to compute, said by torch and the package.

A file here belongs to the figure of its name (book/_static/live-NAME.js) and
is found by itself. Its `check(state, found)` yields a message for each fault
of what the figure computed (`found`) from a state of its controls.
"""

from collections.abc import Callable, Iterator
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

State = dict[str, Any]

CHECKS: dict[str, Callable[[State, dict], Iterator[str]]] = {
    file.name: import_module(f"{__name__}.{file.name}").check
    for file in iter_modules(__path__)
}
