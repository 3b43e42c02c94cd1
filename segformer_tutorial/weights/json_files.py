"""JSON that others wrote: read within bounds, or refused."""

import json
import math
from collections import Counter
from pathlib import Path
from typing import Any

from .files import WeightsError, check_regular, one_line

MAX_BYTES = 2**22  # the config of 150 classes has 10 kB


def read_object(path: Path) -> dict[str, Any]:
    """Read a JSON object from a file of at most 4 MiB.

    Raises WeightsError, which names the file, for one that cannot be read and
    for what `parse_object` refuses.
    """
    check_regular(path)
    try:
        with open(path, "rb") as file:
            return parse_object(file.read(MAX_BYTES + 1))
    except OSError as error:
        raise WeightsError(
            f"{path}: cannot be read: {error.strerror}"
        ) from error
    except ValueError as error:
        raise WeightsError(f"{path}: {error}") from error


def parse_object(text: str | bytes) -> dict[str, Any]:
    """Read a JSON object of at most 4 MiB.

    Raises ValueError for anything else, a key that stands twice and numbers
    that are not finite.
    """
    if len(text) > MAX_BYTES:
        raise ValueError(f"must have at most {MAX_BYTES:,} bytes")
    try:
        values = json.loads(
            text,
            object_pairs_hook=_unique,
            parse_constant=_refuse,
            parse_float=_finite,
        )
    except (RecursionError, ValueError) as error:
        raise ValueError(f"is not JSON: {one_line(error)}") from error
    if not isinstance(values, dict):
        raise ValueError(
            f"must hold a JSON object, got {type(values).__name__}"
        )
    return values


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        [(twice, _)] = Counter(name for name, _ in pairs).most_common(1)
        raise ValueError(f"{ascii(twice)[:80]} stands twice")
    return values


def _refuse(name: str):
    raise ValueError(f"{name[:20]} is not a finite number")


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _refuse(text)
