"""Checkers of chapter 6, block and stage."""

from collections.abc import Callable

CHECKERS: dict[str, Callable] = {}
