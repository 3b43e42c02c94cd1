"""Checkers of chapter 2, the model as a flow of shapes."""

from collections.abc import Callable

CHECKERS: dict[str, Callable] = {}
