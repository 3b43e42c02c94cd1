"""A linear layer on feature maps; on a CPU it runs as a 1 x 1 convolution."""

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn


class PointwiseLinear(nn.Linear):
    """`nn.Linear` on a feature map: b h w c -> b h w out_features.

    On a CPU, a float32 feature map goes through a 1 x 1 convolution, which
    computes the same product: PyTorch hands convolutions to oneDNN, linear
    layers to a BLAS, and for these shapes oneDNN is often a little faster.

    Where that does not hold, or for a tool that asks for `nn.Linear` by exact
    type, such as `quantize_dynamic`, set `layer.__class__ = nn.Linear` on
    every such layer: the parameters are the same.
    """

    def forward(self, x: Tensor) -> Tensor:
        if (
            torch.compiler.is_compiling()
            or x.ndim != 4
            or x.device.type != "cpu"
            or x.dtype != torch.float32
            or not torch.backends.mkldnn.is_available()
        ):
            return super().forward(x)
        x = rearrange(x, "b h w c -> b c h w")
        x = F.conv2d(x, self.weight[:, :, None, None], self.bias)
        return rearrange(x, "b c h w -> b h w c")
