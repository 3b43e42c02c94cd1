"""A linear layer on maps; on a CPU it runs as a 1 x 1 convolution."""

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn


class Linear(nn.Linear):
    """`nn.Linear` on the channels of a map: b h w c -> b h w out_features.

    On a CPU, a float32 map takes the way of a 1 x 1 convolution, which is the
    same product. PyTorch hands convolutions to oneDNN and linear layers to a
    BLAS. The benchmark shows what it saves on its machine; where a BLAS is
    the faster one, use `nn.Linear`: the parameters are the same.
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
