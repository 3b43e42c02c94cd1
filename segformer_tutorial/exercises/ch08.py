"""Checkers of chapter 8, the decoder."""

from collections.abc import Callable

CHECKERS: dict[str, Callable] = {}
