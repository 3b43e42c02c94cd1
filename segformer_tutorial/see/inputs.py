"""What all looks into a model begin with: its encoder, a picture, a pixel."""

from collections.abc import Sequence
from numbers import Integral
from typing import Any

import torch
from torch import Tensor, nn

from ..model import SegFormer
from ..predict.network import normalization
from ..predict.prediction import (
    check_options,
    check_pixels,
    entering_side,
)


def segformer_of(model: nn.Module) -> SegFormer:
    """The SegFormer itself, without what DataParallel put around it.

    Raises TypeError for another model, whose parts have other names.
    """
    inner = getattr(model, "module", model)
    if not isinstance(inner, SegFormer):
        raise TypeError(
            f"model must be a SegFormer, got {type(model).__name__}"
        )
    return inner


def network_input(
    model: SegFormer, picture: Any, short_side: int | None
) -> tuple[Tensor, tuple[int, int]]:
    """The picture as the network takes it, `b c h w`, and its own size.

    picture and short_side are as in `predict`, and so are the errors.
    """
    # These need torchvision, without which the command still has its --help.
    from ..data.transforms import eval_transform
    from ..predict.picture import picture_tensor

    check_options(short_side=short_side)
    mean, std = normalization(model)
    images = picture_tensor(picture, channels=len(mean))
    batch = images if images.ndim == 4 else images[None]
    h, w = batch.shape[2:]
    side = entering_side(model, (h, w), short_side)
    check_pixels((h, w), side)
    x = eval_transform(batch, short_side=side, mean=mean, std=std)
    parameter = next(model.parameters())
    return x.to(parameter.device, parameter.dtype), (h, w)


def check_point(at: Any, size: Sequence[int]) -> tuple[int, int]:
    """A pixel as row and column. Raises ValueError outside the picture."""
    h, w = size
    if (
        not isinstance(at, Sequence)
        or len(at) != 2
        or not all(isinstance(x, Integral) for x in at)
        or not (0 <= at[0] < h and 0 <= at[1] < w)
    ):
        raise ValueError(
            f"at must be a row in 0..{h - 1} and a column in 0..{w - 1} of "
            f"the picture, got {at!r}"
        )
    return int(at[0]), int(at[1])


def position(
    at: Sequence[int], size: Sequence[int], grid: Sequence[int]
) -> tuple[int, int]:
    """The position of a grid over the whole picture in which a pixel lies."""
    row, column = (
        (2 * pixel + 1) * positions // (2 * pixels)
        for pixel, pixels, positions in zip(at, size, grid, strict=True)
    )
    return row, column


def check_single(x: Tensor) -> None:
    """Raise ValueError for a batch of several pictures."""
    if len(x) != 1:
        raise ValueError(f"expected one picture, got a batch of {len(x)}")


def to_cpu(x: Tensor) -> Tensor:
    return x.detach().to("cpu", torch.float32)
