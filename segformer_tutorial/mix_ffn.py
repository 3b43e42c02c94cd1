"""The feed-forward network, which also sees where the border is."""

import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from .linear import PointwiseLinear


class MixFFN(nn.Module):
    """Widen each token, mix it with its eight neighbours, narrow it again.

    b h w c -> b h w c. There is no positional encoding: the zero padding of
    the 3 x 3 convolution tells a token that it is near the border.
    Source: Equation 3, with a depthwise convolution.
    """

    def __init__(self, dim: int, *, expansion_ratio: float):
        super().__init__()
        hidden = int(dim * expansion_ratio)
        self.fc1 = PointwiseLinear(dim, hidden)
        self.dwconv = nn.Conv2d(hidden, hidden, 3, padding=1, groups=hidden)
        self.fc2 = PointwiseLinear(hidden, dim)

    def forward(self, x: Tensor) -> Tensor:
        x = rearrange(self.fc1(x), "b h w c -> b c h w")
        x = rearrange(self.dwconv(x), "b c h w -> b h w c")
        return self.fc2(F.gelu(x))
