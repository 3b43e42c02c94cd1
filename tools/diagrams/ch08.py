"""The diagrams of chapter 8."""

from collections.abc import Callable

from .drawing import Drawing

DRAWINGS: dict[str, Callable[[], Drawing]] = {}
