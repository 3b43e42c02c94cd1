"""The all-MLP decoder, folded so that it stays small."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

CHANNELS_AT_ONCE = 128  # without gradients: keeps the temporary maps small


class AllMLPDecoder(nn.Module):
    """Bring every map to one width and one size, add up, classify.

    [b in_dims[i] h_i w_i] -> b num_classes h_0 w_0

    As published, the maps are widened to `dim`, upsampled, concatenated
    (deepest first) and fused by a 1 x 1 convolution. All of that is linear,
    and a 1 x 1 convolution commutes with bilinear upsampling, so each map can
    go through the product of its two matrices at its own small size. The
    parameters are the published ones; the products are formed in each forward.
    `unify`, `fuse` and, in evaluation, `norm` hold parameters and are not
    called: hooks on them do not run.
    Source: Equation 4 and the official code, which adds norm and dropout.
    """

    def __init__(
        self,
        in_dims: Sequence[int],
        *,
        dim: int,
        num_classes: int,
        dropout: float = 0.1,
    ):
        super().__init__()
        self.unify = nn.ModuleList(nn.Linear(c, dim) for c in in_dims)
        self.fuse = nn.Conv2d(len(in_dims) * dim, dim, 1, bias=False)
        self.norm = nn.BatchNorm2d(dim)
        self.dropout = nn.Dropout2d(dropout)
        self.classify = nn.Conv2d(dim, num_classes, 1)

    def fold(self) -> tuple[list[Tensor], Tensor]:
        """One `dim in_dims[i]` matrix per map, and one bias for their sum."""
        fuse = rearrange(
            self.fuse.weight, "o (n c) 1 1 -> n o c", n=len(self.unify)
        ).flip(0)
        pairs = list(zip(fuse, self.unify, strict=True))
        weights = [v @ unify.weight for v, unify in pairs]
        bias = torch.stack([v @ unify.bias for v, unify in pairs]).sum(0)
        if not self.training:  # the norm's statistics are fixed: linear too
            norm = self.norm
            scale = norm.weight * (norm.running_var + norm.eps).rsqrt()
            weights = [scale[:, None] * weight for weight in weights]
            bias = scale * (bias - norm.running_mean) + norm.bias
        return weights, bias

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        if len(maps) != len(self.unify):
            raise ValueError(
                f"expected {len(self.unify)} maps, one for each entry of "
                f"in_dims, got {len(maps)}"
            )
        weights, bias = self.fold()
        kernels = [weight[:, :, None, None] for weight in weights]
        x = F.conv2d(maps[0], kernels[0], bias)
        for map_, kernel in zip(maps[1:], kernels[1:], strict=True):
            # The tracer wants one graph, with gradients and without.
            if torch.is_grad_enabled() or torch.jit.is_tracing():
                x += resize(F.conv2d(map_, kernel), x.shape[2:])
                continue
            for start in range(0, x.shape[1], CHANNELS_AT_ONCE):
                part = slice(start, start + CHANNELS_AT_ONCE)
                x[:, part] += resize(F.conv2d(map_, kernel[part]), x.shape[2:])
        if self.training:
            x = self.norm(x)
        return self.classify(self.dropout(F.relu(x, inplace=True)))


def resize(x: Tensor, size: Sequence[int]) -> Tensor:
    """Bilinear, corners not aligned: b c h w -> b c size[0] size[1]."""
    return F.interpolate(x, tuple(size), mode="bilinear", align_corners=False)
