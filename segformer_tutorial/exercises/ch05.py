"""Checkers of chapter 5, Mix-FFN."""

from collections.abc import Callable

CHECKERS: dict[str, Callable] = {}
