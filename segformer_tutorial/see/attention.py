"""Where the token of a pixel looks: its attention weights, block by block."""

import math
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any

import torch
from einops import rearrange
from torch import Tensor, nn

from ..attention import EfficientSelfAttention
from ..predict.network import evaluation_mode
from .inputs import (
    check_point,
    check_single,
    network_input,
    position,
    segformer_of,
    to_cpu,
)


@torch.no_grad()
def attention_maps(
    model: nn.Module,
    picture: Any,
    *,
    at: Sequence[int],
    short_side: int | None = None,
) -> list[Tensor]:
    """How the token of one pixel divides its attention, in every stage.

    Returns a tensor `blocks heads y x` per stage, float32 on the CPU: the
    weights of the `y x` keys, which cover the picture row by row and add up to
    1 in each head. With the usual strides and ratios a key stands for 32 x 32
    pixels of the network's input, in every stage.

    picture, short_side: as in `predict`; the picture is a single one. at: row
    and column of the pixel in the picture.

    The model is in evaluation mode during the call, and nothing of it is
    changed. Raises TypeError for a model that is no SegFormer and ValueError
    for a pixel outside the picture.
    """
    net = segformer_of(model)
    x, size = network_input(net, picture, short_side)
    check_single(x)
    at = check_point(at, size)
    stages = net.encoder.stages
    found: list[list[Tensor]] = [[] for _ in stages]
    with evaluation_mode(net), ExitStack() as hooks:
        for stage, maps in zip(stages, found, strict=True):
            for part in stage.modules():
                if isinstance(part, EfficientSelfAttention):
                    look = partial(weights_of, at=at, size=size, into=maps)
                    handle = part.register_forward_pre_hook(look)
                    hooks.callback(handle.remove)
        net.encoder(x)
    return [torch.stack(maps) for maps in found]


def weights_of(
    attention: EfficientSelfAttention,
    inputs: tuple[Tensor],
    *,
    at: Sequence[int],
    size: Sequence[int],
    into: list[Tensor],
) -> None:
    """A hook: append the weights `heads y x` of one token to `into`."""
    h, w = inputs[0].shape[1:3]
    ratio = attention.reduction_ratio
    if h % ratio or w % ratio:
        raise ValueError(
            f"{h} x {w} tokens are not divisible by the reduction ratio "
            f"{ratio}, so the keys would not cover the picture: choose "
            "another short_side"
        )
    q, k, _ = attention.project(inputs[0])
    row, column = position(at, size, (h, w))
    q = q[:, :, row * w + column, None] / math.sqrt(q.shape[-1])
    weights = (q @ k.mT).float().softmax(dim=-1)
    into.append(
        to_cpu(rearrange(weights, "1 n 1 (y x) -> n y x", y=h // ratio))
    )
