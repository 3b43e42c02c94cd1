"""What a network costs: multiply-adds, counted by PyTorch while it runs."""

from collections import Counter
from collections.abc import Callable

import torch
from torch.utils.flop_counter import FlopCounterMode

aten = torch.ops.aten


def count_macs(function: Callable, *inputs) -> Counter:
    """Multiply-adds of a call by kind of operation; `total()` sums them up.

    Linear layers, convolutions and the two products of attention are
    counted. Biases, norms, activations and resizing are not. `mv` is a matrix
    times a vector. Works on the meta device, where nothing is computed.
    """
    with (
        torch.no_grad(),
        FlopCounterMode(
            display=False, custom_mapping={aten.mv: _matrix_vector}
        ) as mode,
    ):
        function(*inputs)
    counts = Counter()
    for operation, flops in mode.get_flop_counts()["Global"].items():
        counts[str(operation).removeprefix("aten.")] += flops // 2
    return counts


def _matrix_vector(matrix, vector, *args, out_shape=None, **kwargs) -> int:
    return 2 * matrix[0] * matrix[1]
