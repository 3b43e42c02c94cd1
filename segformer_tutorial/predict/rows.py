"""Logits at full size, a few rows at a time, where all would not fit."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from ..decoder import resize

AT_ONCE = 2**22  # numbers held at full size: 16 MB of float32, several times


class Rows(NamedTuple):
    """Logits `b k height w`, of which `rows(start, stop)` gives some rows.

    They are asked for from top to bottom.
    """

    height: int
    rows: Callable[[int, int], Tensor]

    def whole(self) -> Tensor:
        """All rows: `b k height w`."""
        return self.rows(0, self.height)

    def mirrored(self) -> "Rows":
        """The same with left and right exchanged."""
        return Rows(self.height, lambda *rows: self.rows(*rows).flip(3))


def rows_of(logits: Tensor) -> Rows:
    """The rows of logits that are held whole."""
    return Rows(logits.shape[2], lambda start, stop: logits[:, :, start:stop])


def resized_rows(
    logits: Rows, size: Sequence[int], start: int, stop: int
) -> Tensor:
    """Rows `start` to `stop` of the logits at `size`, without the others.

    They are those of `resize`, up to rounding.
    """
    height = logits.height
    if (start, stop) == (0, size[0]):
        return resize(logits.whole(), size)
    # The centre of row i is at (i + 1/2) height / size[0] - 1/2. As a fraction
    # it is exact without float64, which MPS lacks.
    whole = 2 * size[0]
    y = (2 * torch.arange(start, stop) + 1) * height - size[0]
    y = y.clamp(0, whole * (height - 1))
    above = y // whole
    below = (above + 1).clamp(max=height - 1)
    first, last = int(above[0]), int(below[-1]) + 1
    x = logits.rows(first, last)
    weight = (y % whole / whole).to(x)[:, None]
    above, below = ((rows - first).to(x.device) for rows in (above, below))
    x = x[:, :, above].lerp(x[:, :, below], weight)
    return resize(x, (stop - start, size[1]))
