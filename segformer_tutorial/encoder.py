"""The Mix Transformer (MiT): blocks form stages, stages form the encoder."""

import itertools
import math
import operator
from collections.abc import Sequence

from einops import rearrange
from torch import Tensor, nn

from .attention import EfficientSelfAttention
from .config import SegFormerConfig
from .mix_ffn import MixFFN
from .patch_embedding import OverlapPatchEmbedding


class DropPath(nn.Module):
    """In training, set a random part of the batch's samples to zero.

    b ... -> b ... On a residual branch this skips the branch for a sample,
    with probability `p`. The other samples are scaled by 1 / (1 - p), so that
    the mean stays the same.
    Source: stochastic depth, arXiv 1603.09382.
    """

    def __init__(self, p: float):
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        if self.p == 0 or not self.training:
            return x
        keep = 1 - self.p
        mask = x.new_empty(x.shape[0], *[1] * (x.ndim - 1)).bernoulli_(keep)
        return x * (mask / keep)

    def extra_repr(self) -> str:
        return f"p={self.p:.4g}"


class TransformerBlock(nn.Module):
    """Attention, then Mix-FFN, each a residual branch with a norm in front.

    b h w c -> b h w c.
    Source: Figure 2 for the order, the official code for the norms.
    """

    def __init__(
        self,
        dim: int,
        *,
        num_heads: int,
        reduction_ratio: int,
        expansion_ratio: float,
        drop_path: float = 0.0,
    ):
        super().__init__()
        self.norm1 = nn.LayerNorm(dim, eps=1e-6)
        self.attn = EfficientSelfAttention(
            dim, num_heads=num_heads, reduction_ratio=reduction_ratio
        )
        self.norm2 = nn.LayerNorm(dim, eps=1e-6)
        self.ffn = MixFFN(dim, expansion_ratio=expansion_ratio)
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.drop_path(self.attn(self.norm1(x)))
        x = x + self.drop_path(self.ffn(self.norm2(x)))
        return x


class MixTransformerStage(nn.Module):
    """Patch embedding, then one block per entry of `drop_paths`, then a norm.

    b c h w -> b dim h' w' with h' = ceil(h / stride), and w' alike.
    """

    def __init__(
        self,
        in_channels: int,
        dim: int,
        *,
        patch_size: int,
        stride: int,
        num_heads: int,
        reduction_ratio: int,
        expansion_ratio: float,
        drop_paths: Sequence[float],
    ):
        super().__init__()
        self.patch_embedding = OverlapPatchEmbedding(
            in_channels, dim, patch_size=patch_size, stride=stride
        )
        self.blocks = nn.Sequential(
            *(
                TransformerBlock(
                    dim,
                    num_heads=num_heads,
                    reduction_ratio=reduction_ratio,
                    expansion_ratio=expansion_ratio,
                    drop_path=drop_path,
                )
                for drop_path in drop_paths
            )
        )
        self.norm = nn.LayerNorm(dim, eps=1e-6)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(self.blocks(self.patch_embedding(x)))
        return rearrange(x, "b h w c -> b c h w")


class MixTransformer(nn.Module):
    """The encoder: four stages, each one working on the output of the last.

    b c h w -> [b dims[i] ceil(h / s_i) ceil(w / s_i)], one feature map per
    stage, with s = 4, 8, 16, 32. Raises ValueError for images that are not
    `b in_channels h w` or have a side of less than 32 pixels.
    Source: Section 3.1 and Table 6; initialised as in the official code.
    """

    def __init__(self, config: SegFormerConfig):
        super().__init__()
        self.in_channels = config.in_channels
        self.min_side = smallest_side(config)
        rates = drop_path_rates(config)
        self.stages = nn.ModuleList()
        in_channels = config.in_channels
        for i, dim in enumerate(config.dims):
            self.stages.append(
                MixTransformerStage(
                    in_channels,
                    dim,
                    patch_size=config.patch_sizes[i],
                    stride=config.strides[i],
                    num_heads=config.num_heads[i],
                    reduction_ratio=config.reduction_ratios[i],
                    expansion_ratio=config.expansion_ratios[i],
                    drop_paths=rates[i],
                )
            )
            in_channels = dim
        self.apply(init_weights)
        if config.layer_norm_eps is not None:
            for module in self.modules():
                if isinstance(module, nn.LayerNorm):
                    module.eps = config.layer_norm_eps

    def forward(self, images: Tensor) -> list[Tensor]:
        check_images(images, self.in_channels, self.min_side)
        maps = []
        x = images
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps


def smallest_side(config: SegFormerConfig) -> int:
    """The side in pixels that leaves every reduction one window to merge."""
    return max(
        stride * ratio
        for stride, ratio in zip(
            itertools.accumulate(config.strides, operator.mul),
            config.reduction_ratios,
            strict=True,
        )
    )


def check_images(images: Tensor, in_channels: int, min_side: int) -> None:
    """Raise ValueError unless images are `b in_channels h w`, large."""
    if images.ndim != 4 or images.shape[1] != in_channels:
        raise ValueError(
            f"images must be b c h w with c = {in_channels}, "
            f"got shape {tuple(images.shape)}"
        )
    if min(images.shape[2:]) < min_side:
        raise ValueError(
            f"images must be at least {min_side} pixels high and "
            f"wide, got {images.shape[2]} x {images.shape[3]}"
        )


def drop_path_rates(config: SegFormerConfig) -> list[list[float]]:
    """Per stage, one rate per block: from 0 linearly to `drop_path`."""
    step = config.drop_path / max(1, sum(config.depths) - 1)
    block = itertools.count()
    return [[step * next(block) for _ in range(n)] for n in config.depths]


def init_weights(module: nn.Module) -> None:
    """Initialise a linear layer or a convolution as the official code does.

    Linear: normal with standard deviation 0.02, truncated to [-2, 2].
    Convolution: normal with variance 2 / fan-out. Biases are zero.
    """
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        nn.init.zeros_(module.bias)
    elif isinstance(module, nn.Conv2d):
        fan_out = module.weight[:, 0].numel() // module.groups
        nn.init.normal_(module.weight, std=math.sqrt(2 / fan_out))
        nn.init.zeros_(module.bias)
