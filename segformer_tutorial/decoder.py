"""The all-MLP decoder: as published, and folded into far less work."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

CHANNELS_AT_ONCE = 64  # without gradients: keeps the temporary tensors small


class AllMLPDecoder(nn.Module):
    """The decoder as published: unify, upsample, fuse and classify.

    [b in_dims[i] h_i w_i] -> b num_classes h_0 w_0

    Takes one feature map per entry of `in_dims`, stage 1 first. Raises
    ValueError for another number of them.
    Source: Equation 4 and the official code, which concatenates the deepest
    stage first and adds BatchNorm, ReLU and dropout of whole channels.
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
        check_count(maps, len(self.unify))
        wide = []
        for x, unify in zip(maps, self.unify, strict=True):
            x = unify(rearrange(x, "b c h w -> b h w c"))
            x = rearrange(x, "b h w c -> b c h w")
            wide.append(resize(x, maps[0].shape[2:]))
        x = self.fuse(torch.cat(wide[::-1], dim=1))
        return self.classify(self.dropout(F.relu(self.norm(x))))


class FoldedMLPDecoder(AllMLPDecoder):
    """The same function of the same parameters, with far less work.

    Up to the ReLU the published decoder is linear, and a 1 x 1 convolution
    commutes with bilinear upsampling. So each feature map goes through one
    matrix, the product of its `unify` weight and its slice of `fuse`, at its
    own small size; the results are upsampled and added. The products are
    formed in every forward pass: training and checkpoints stay the same.

    The layers `unify`, `fuse` and `norm` are read and not called. Raises
    TypeError if one of them is not PyTorch's own (LoRA, quantisation) or has
    hooks (pruning): build the model with `folded=False` for these.
    """

    def fold(self) -> tuple[list[Tensor], Tensor]:
        """One `dim in_dims[i]` matrix per feature map, and their one bias."""
        for i, layer in enumerate(self.unify):
            check_foldable(f"unify[{i}]", layer)
        check_foldable("fuse", self.fuse)
        check_foldable("norm", self.norm)
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
        check_count(maps, len(self.unify))
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


FOLDABLE = (nn.Linear, nn.Conv2d, nn.BatchNorm2d, nn.SyncBatchNorm)
HOOKS = (
    "_forward_pre_hooks",
    "_forward_hooks",
    "_backward_pre_hooks",
    "_backward_hooks",
)


def check_foldable(name: str, layer: nn.Module) -> None:
    """Raise TypeError for a layer that is more than its parameters."""
    if type(layer) not in FOLDABLE:
        found = f"got {type(layer).__name__}"
    elif any(getattr(layer, hooks) for hooks in HOOKS):
        found = "got one with hooks"
    else:
        return
    raise TypeError(
        f"the folded decoder reads the parameters of {name} and does not call "
        f"it, so it must be a plain layer of PyTorch without hooks, {found}: "
        "build the model with folded=False, which has the same parameters "
        "and calls every layer"
    )


def check_count(maps: Sequence[Tensor], count: int) -> None:
    """Raise ValueError for another number of feature maps."""
    if len(maps) != count:
        raise ValueError(
            f"expected {count} feature maps, one per entry of in_dims, "
            f"got {len(maps)}"
        )


def resize(x: Tensor, size: Sequence[int]) -> Tensor:
    """Bilinear, corners not aligned: b c h w -> b c size[0] size[1]."""
    return F.interpolate(x, tuple(size), mode="bilinear", align_corners=False)
