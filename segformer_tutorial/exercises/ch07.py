"""Checkers of chapter 7, the encoder."""

from collections.abc import Callable

CHECKERS: dict[str, Callable] = {}
