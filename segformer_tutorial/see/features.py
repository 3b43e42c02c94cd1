"""Feature maps as colours: their three principal components."""

from typing import Any

import torch
from einops import rearrange
from torch import Tensor, nn

from ..predict.network import evaluation_mode
from .inputs import network_input, segformer_of, to_cpu


@torch.no_grad()
def feature_colors(
    model: nn.Module, picture: Any, *, short_side: int | None = None
) -> list[Tensor]:
    """Each stage's feature map as a picture: `3 h' w'` in 0..1, on the CPU.

    Red, green and blue are the three directions in which the features vary
    most (principal component analysis), each stretched to 0..1. So positions
    with like features have like colours, and a colour by itself means
    nothing. A batch of pictures `b c h w` gives `b 3 h' w'`, with colours
    that can be compared among its pictures.

    picture, short_side: as in `predict`.

    The model is in evaluation mode during the call. Raises TypeError for a
    model that is no SegFormer.
    """
    net = segformer_of(model)
    x, _ = network_input(net, picture, short_side)
    with evaluation_mode(net):
        maps = net.encoder(x)
    return [colors(to_cpu(features)) for features in maps]


def colors(features: Tensor) -> Tensor:
    """b c h w -> b 3 h w in 0..1, or 3 h w for a batch of one."""
    b, _, h, w = features.shape
    x = rearrange(features, "b c h w -> (b h w) c").double()
    x = x - x.mean(0)
    axes = torch.linalg.eigh(x.T @ x).eigenvectors[:, -3:].flip(1)
    # An axis has no direction of its own: its largest entry shall be positive.
    largest = axes.gather(0, axes.abs().argmax(0, keepdim=True))
    x = x @ (axes * largest.sign())
    low, high = x.aminmax(dim=0)
    x = ((x - low) / (high - low).clamp(min=1e-12)).float()
    x = rearrange(x, "(b h w) c -> b c h w", b=b, h=h, w=w)
    return x if b > 1 else x[0]
