"""The feed-forward part, which also tells a position where it is."""

import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from .linear import Linear


class MixFFN(nn.Module):
    """Widen, mix each position with its eight neighbours, narrow again.

    b h w c -> b h w c. The zero padding of the 3 x 3 convolution tells a
    position that it is near the border: there is no positional code.
    Source: Equation 3, with the convolution depthwise.
    """

    def __init__(self, dim: int, *, expansion_ratio: float):
        super().__init__()
        hidden = int(dim * expansion_ratio)
        self.fc1 = Linear(dim, hidden)
        self.dwconv = nn.Conv2d(hidden, hidden, 3, padding=1, groups=hidden)
        self.fc2 = Linear(hidden, dim)

    def forward(self, x: Tensor) -> Tensor:
        x = rearrange(self.fc1(x), "b h w c -> b c h w")
        x = rearrange(self.dwconv(x), "b c h w -> b h w c")
        return self.fc2(F.gelu(x))
