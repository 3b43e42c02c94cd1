"""Self-attention whose keys and values come from a smaller map."""

import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from .linear import Linear


class EfficientSelfAttention(nn.Module):
    """Let every position look at a map that is `reduction_ratio` smaller.

    b h w c -> b h w c. With n = h w positions and ratio r there are
    (h // r)(w // r) keys, so the cost is n * n / r**2; ratio 1 is plain
    multi-head self-attention.
    Source: "Efficient Self-Attention", Section 3.1, where R is r**2.
    """

    def __init__(
        self,
        dim: int,
        *,
        num_heads: int,
        reduction_ratio: int,
        eps: float | None = None,
    ):
        super().__init__()
        if dim % num_heads:
            raise ValueError(
                f"num_heads must divide dim, got {num_heads} heads "
                f"for a width of {dim}"
            )
        self.num_heads = num_heads
        self.reduction_ratio = reduction_ratio
        self.q = Linear(dim, dim)
        if reduction_ratio > 1:
            self.reduce = nn.Conv2d(dim, dim, reduction_ratio, reduction_ratio)
            self.norm = nn.LayerNorm(dim, eps=1e-5 if eps is None else eps)
        self.kv = Linear(dim, 2 * dim)
        self.proj = Linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        h, w = x.shape[1:3]
        heads = self.num_heads
        q = rearrange(self.q(x), "b h w (n d) -> b n (h w) d", n=heads)
        if self.reduction_ratio > 1:
            x = self.reduce(rearrange(x, "b h w c -> b c h w"))
            x = self.norm(rearrange(x, "b c h w -> b h w c"))
        k, v = rearrange(
            self.kv(x), "b h w (two n d) -> two b n (h w) d", two=2, n=heads
        )
        x = F.scaled_dot_product_attention(q, k, v)
        x = rearrange(x, "b n (h w) d -> b h w (n d)", h=h, w=w)
        return self.proj(x)
