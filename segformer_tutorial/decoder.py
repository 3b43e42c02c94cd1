"""The decoder made of linear maps only, folded so that it stays small."""

from collections.abc import Sequence

import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn


class AllMLPDecoder(nn.Module):
    """Bring every map to one width and one size, add up, classify.

    [b in_dims[i] h_i w_i] -> b num_classes h_0 w_0

    As published, the maps are widened to `dim`, upsampled, concatenated
    (deepest first) and fused by a 1 x 1 convolution. All of that is linear,
    and a 1 x 1 convolution commutes with bilinear upsampling, so each map can
    go through the product of its two matrices at its own small size. The
    parameters are the published ones; the products are formed in each forward.
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

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        fuse = rearrange(
            self.fuse.weight, "o (n c) 1 1 -> n o c", n=len(self.unify)
        ).flip(0)
        x = None
        for map_, unify, v in zip(maps, self.unify, fuse, strict=True):
            weight, bias = v @ unify.weight, v @ unify.bias
            y = F.conv2d(map_, weight[:, :, None, None], bias)
            if x is None:
                x = y
            else:
                x += F.interpolate(y, x.shape[2:], mode="bilinear")
        x = F.relu(self.norm(x), inplace=True)
        return self.classify(self.dropout(x))
