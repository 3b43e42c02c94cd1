"""The diagrams of chapter 9."""

from collections.abc import Callable

from .drawing import Drawing

DRAWINGS: dict[str, Callable[[], Drawing]] = {}
