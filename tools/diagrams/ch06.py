"""The diagrams of chapter 6."""

from collections.abc import Callable

from .drawing import Drawing

DRAWINGS: dict[str, Callable[[], Drawing]] = {}
