"""How much of a picture each class covers."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from torch import Tensor

from .colors import as_array


class Share(NamedTuple):
    """A class in a picture: its index, its pixels, their part of all."""

    label: int
    pixels: int
    share: float


def class_shares(labels: Tensor | np.ndarray) -> list[Share]:
    """The classes that are in labels `h w`, the largest first."""
    counts = np.bincount(as_array(labels).ravel())
    order = np.argsort(-counts, kind="stable")
    total = counts.sum()
    return [
        Share(int(k), int(counts[k]), float(counts[k] / total))
        for k in order
        if counts[k]
    ]


def shares_table(
    found: Iterable[tuple[str, Sequence[Share]]], names: Sequence[str]
) -> bytes:
    """The shares of pictures as CSV in UTF-8, a line for each class."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("picture", "index", "class", "pixels", "share"))
    for picture, shares in found:
        for label, pixels, share in shares:
            row = (picture, label, names[label], pixels, f"{share:.6f}")
            writer.writerow(row)
    # The name of a file may hold bytes that are no text.
    return text.getvalue().encode(errors="backslashreplace")
