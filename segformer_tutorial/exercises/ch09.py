"""Checkers of chapter 9, the whole model."""

from collections.abc import Callable

CHECKERS: dict[str, Callable] = {}
