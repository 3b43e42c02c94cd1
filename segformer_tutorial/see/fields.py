"""Effective receptive fields: which pixels a position depends on, how much."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ..model import SegFormer
from ..predict.network import evaluation_mode
from .inputs import check_point, network_input, position, segformer_of, to_cpu


def receptive_fields(
    model: nn.Module,
    pictures: Sequence[Any],
    *,
    at: Sequence[int] | None = None,
    short_side: int | None = None,
    seed: int = 0,
) -> list[Tensor]:
    """How much one position of each feature map depends on each pixel.

    Returns a tensor `h w` for each stage and one for the logits, float32 on
    the CPU, in pixels of the network's input: the root mean square, over
    pictures, of the gradient of the position with respect to the pixel's
    normalised colours.

    pictures: one or more, each as in `predict`, all of one size; a field of
    one picture shows its content, many show the model. at: row and column of
    a pixel of the pictures, by default in the middle.

    A gradient is taken of one number, so the channels of the position are
    added up with random signs, drawn from `seed` for each picture; over
    signs, the mean of the square is that of all channels together. (A plain
    sum does not work: behind a LayerNorm it may be constant.)

    The model is in evaluation mode during the call, and the gradients of its
    parameters are left alone. Raises TypeError for a model that is no
    SegFormer, ValueError for no picture, several sizes or another pixel.
    Source: Figure 3 of the paper; arXiv 1701.04128.
    """
    net = segformer_of(model)
    inputs = [network_input(net, picture, short_side) for picture in pictures]
    sizes = {(len(x), *size) for x, size in inputs}
    if len(sizes) != 1 or min(sizes)[0] != 1:
        raise ValueError(
            "pictures must be one or more, each a single one and all of one "
            f"size, got {sorted(sizes)} (pictures, height, width)"
        )
    size = inputs[0][1]
    at = check_point([side // 2 for side in size] if at is None else at, size)
    signs = torch.Generator().manual_seed(seed)
    with evaluation_mode(net), torch.enable_grad():
        squares = [
            squared_gradients(net, x, at, size, signs) for x, _ in inputs
        ]
    return [
        torch.stack(field).mean(0).sqrt()
        for field in zip(*squares, strict=True)
    ]


def squared_gradients(
    net: SegFormer,
    x: Tensor,
    at: Sequence[int],
    size: Sequence[int],
    signs: torch.Generator,
) -> list[Tensor]:
    """For one picture `1 c h w`: squares, summed over its colours, `h w`."""
    x = x.requires_grad_()
    maps = net.encoder(x)
    found = []
    for features in [*maps, net.decoder(maps)]:
        row, column = position(at, size, features.shape[2:])
        channels = features[0, :, row, column]
        sign = torch.randint(2, channels.shape, generator=signs) * 2 - 1
        number = channels @ sign.to(channels)
        (gradient,) = torch.autograd.grad(number, x, retain_graph=True)
        found.append(to_cpu(gradient[0]).square().sum(0))
    return found
