"""The diagrams of chapter 2."""

from collections.abc import Callable

from .drawing import Drawing

DRAWINGS: dict[str, Callable[[], Drawing]] = {}
