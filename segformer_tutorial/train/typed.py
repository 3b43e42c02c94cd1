"""Types of settings: named in errors, checked, and read from text."""

import types
import typing
from typing import Any

NAMES = {
    bool: "true or false",
    dict: "an object",
    float: "a number",
    int: "a whole number",
    str: "a string",
    types.NoneType: "none",
}
PLURALS = {float: "numbers", int: "whole numbers"}


def alternatives(kind: Any) -> tuple:
    """The members of a union, or the type alone."""
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        return typing.get_args(kind)
    return (kind,)


def element(kind: Any) -> type | None:
    """What a `tuple[element, ...]` holds; None for any other type."""
    is_tuple = typing.get_origin(kind) is tuple
    return typing.get_args(kind)[0] if is_tuple else None


def describe(kind: Any) -> str:
    """The type in words, for an error message."""
    return " or ".join(
        f"a list of {PLURALS[element(x)]}" if element(x) else NAMES[x]
        for x in alternatives(kind)
    )


def fits(value: Any, kind: Any) -> bool:
    """Is the value of the type? A list is a tuple, a whole number a float."""
    for each in alternatives(kind):
        if inner := element(each):
            if isinstance(value, list | tuple):
                return all(fits(x, inner) for x in value)
        elif isinstance(value, bool):  # which Python takes for an int, too
            if each is bool:
                return True
        elif isinstance(value, int | float if each is float else each):
            return True
    return False


def from_text(text: str, kind: Any) -> Any:
    """Read a value of the type from the command line, or raise ValueError.

    The word none is None, and the elements of a list stand between commas.
    """
    kinds = alternatives(kind)
    if types.NoneType in kinds and text == "none":
        return None
    for each in kinds:
        try:
            if inner := element(each):
                return tuple(inner(part) for part in text.split(","))
            if each in (int, float, str):
                return each(text)
        except ValueError:
            continue
    raise ValueError(f"expected {describe(kind)}, got {text!r}")
