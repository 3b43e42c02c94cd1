"""Checkers of chapter 4, efficient self-attention."""

from collections.abc import Callable

CHECKERS: dict[str, Callable] = {}
