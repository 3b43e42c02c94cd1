"""Self-attention whose keys and values come from a smaller feature map."""

import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from .linear import PointwiseLinear


class EfficientSelfAttention(nn.Module):
    """Multi-head attention over a feature map reduced by `reduction_ratio`.

    b h w c -> b h w c. With n = h w tokens and a ratio of r there are
    (h // r)(w // r) keys, so the cost is n * n / r**2; with ratio 1 it is
    plain multi-head self-attention.
    Source: "Efficient Self-Attention", Section 3.1, where R is r**2.
    """

    def __init__(self, dim: int, *, num_heads: int, reduction_ratio: int):
        super().__init__()
        if dim % num_heads:
            raise ValueError(
                f"num_heads must divide dim, got {num_heads} heads "
                f"for a width of {dim}"
            )
        self.num_heads = num_heads
        self.reduction_ratio = reduction_ratio
        self.q = PointwiseLinear(dim, dim)
        if reduction_ratio > 1:
            self.reduce = nn.Conv2d(dim, dim, reduction_ratio, reduction_ratio)
            self.norm = nn.LayerNorm(dim, eps=1e-5)
        self.kv = PointwiseLinear(dim, 2 * dim)
        self.proj = PointwiseLinear(dim, dim)

    def project(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values by head: b h w c -> b n (h w) d each."""
        heads = self.num_heads
        q = rearrange(self.q(x), "b h w (n d) -> b n (h w) d", n=heads)
        if self.reduction_ratio > 1:
            x = self.reduce(rearrange(x, "b h w c -> b c h w"))
            x = self.norm(rearrange(x, "b c h w -> b h w c"))
        k, v = rearrange(
            self.kv(x), "b h w (two n d) -> two b n (h w) d", two=2, n=heads
        )
        return q, k, v

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.project(x)
        out = F.scaled_dot_product_attention(q, k, v)
        h, w = x.shape[1:3]
        return self.proj(rearrange(out, "b n (h w) d -> b h w (n d)", h=h, w=w))
