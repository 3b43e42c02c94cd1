"""From an image or a feature map to tokens: a convolution with overlap."""

from einops import rearrange
from torch import Tensor, nn


class OverlapPatchEmbedding(nn.Module):
    """Cut overlapping patches and turn each one into a token.

    b c h w -> b ceil(h/stride) ceil(w/stride) dim, for an odd patch size.
    Source: "Overlapped Patch Merging", Section 3.1.
    """

    def __init__(
        self, in_channels: int, dim: int, *, patch_size: int, stride: int
    ):
        super().__init__()
        self.proj = nn.Conv2d(
            in_channels, dim, patch_size, stride, padding=patch_size // 2
        )
        self.norm = nn.LayerNorm(dim, eps=1e-5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.proj(x)
        return self.norm(rearrange(x, "b c h w -> b h w c"))
