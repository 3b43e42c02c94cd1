"""What a network costs: multiply-adds, counted by PyTorch while it runs."""

import math
from collections import Counter
from collections.abc import Callable
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

aten = torch.ops.aten


def count_macs(function: Callable, *inputs) -> Counter[str]:
    """Multiply-adds of a call by kind of operation; `total()` adds them up.

    These are multiply-adds, not FLOPs, of which a multiply-add is two.
    Linear layers, convolutions and the two products of attention are counted;
    biases, norms, activations and resizing are not. `mv` is the product of a
    matrix and a vector. The Counter is empty if nothing was counted. Works on
    the meta device, where nothing is computed; there and on a CPU the total
    is the same, although the kinds of operation may differ.
    """
    with (
        torch.no_grad(),
        FlopCounterMode(display=False, custom_mapping=FORMULAS) as mode,
    ):
        function(*inputs)
    counts: Counter[str] = Counter()
    for operation, flops in mode.get_flop_counts().get("Global", {}).items():
        counts[str(operation).removeprefix("aten.")] += flops // 2
    return counts


def matrix_vector(matrix, vector, *args, out_shape=None, **kwargs) -> int:
    """FLOPs of a matrix `n m` times a vector `m`, given their shapes."""
    return 2 * math.prod(matrix)


def attention(query, key, value, *args, out_shape=None, **kwargs) -> int:
    """FLOPs of the two products of attention, given the shapes.

    query: `b heads n d`, key: `b heads m d`, value: `b heads m d_value`.
    """
    return 2 * math.prod(query[:-1]) * key[-2] * (query[-1] + value[-1])


# What PyTorch does not count: matrix times vector in no version, and attention
# on a CPU before 2.15 (pytorch#195460); not every version has that operation.
FORMULAS: dict[Any, Callable[..., int]] = {aten.mv: matrix_vector}
if hasattr(aten, "_scaled_dot_product_flash_attention_for_cpu"):
    FORMULAS[aten._scaled_dot_product_flash_attention_for_cpu] = attention
