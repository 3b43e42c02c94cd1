"""Which tokens share a key, in strips and in squares."""

from collections.abc import Iterator
from functools import lru_cache

import torch
import torch.nn.functional as F

from segformer_tutorial.attention import EfficientSelfAttention

ROWS = 16


def check(state: dict, found: dict) -> Iterator[str]:
    """Compare with the paper's reshape, and the package's own convolution."""
    columns = state["columns"]
    marked = columns * state["row"] + min(state["column"], columns - 1)
    strips, squares = groups(columns, int(state["ratio"]))
    over = sum(k[0] // columns != k[-1] // columns for k in strips)
    wanted = {
        "marked": marked,
        "strip": next(k for k in strips if marked in k),
        "square": next((k for k in squares if marked in k), []),
        "strips": len(strips),
        "over": over,
        "left": ROWS * columns - sum(map(len, squares)),
    }
    for name, value in wanted.items():
        if found[name] != value:
            yield f"{name} {found[name]}, not {value}"


@lru_cache
def groups(columns: int, ratio: int) -> tuple[list, list]:
    """List the tokens of each strip and of each square, in their order."""
    tokens = torch.arange(ROWS * columns)
    # Equation 2: N x C becomes N / R x (R C)
    strips = tokens.reshape(len(tokens) // ratio**2, ratio**2)
    layer = EfficientSelfAttention(1, num_heads=1, reduction_ratio=ratio)
    squares = F.unfold(
        tokens.reshape(1, 1, ROWS, columns).double(),
        layer.reduce.kernel_size,
        stride=layer.reduce.stride,
        padding=int(layer.reduce.padding[0]),
    )
    return strips.tolist(), squares[0].T.long().tolist()
