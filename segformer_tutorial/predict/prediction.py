"""From a picture to its labels: `predict`."""

import itertools
import math
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any

import torch
from torch import Tensor, nn

from ..data import task_of
from ..model import labels_from_logits
from .network import evaluation_mode, logits_of, normalization
from .rows import AT_ONCE, Rows, resized_rows, rows_of
from .windows import check_window, sliding_rows

MAX_PIXELS = 2**28


@torch.no_grad()
def predict(
    model: nn.Module,
    picture: Any,
    *,
    size: Sequence[int] | None = None,
    short_side: int | None = None,
    scales: Sequence[float] = (1.0,),
    flip: bool = False,
    window: int | None = None,
    stride: int | None = None,
) -> Tensor:
    """Label every pixel of a picture: `h w` class indices, int64, on the CPU.

    picture: the path of a file, a PIL picture, an array `h w c` or `h w`, or
    a tensor `c h w`, or `b c h w` for labels `b h w`. Its values are uint8,
    or floats in 0..1; they are normalised here, by the mean and the standard
    deviation of `task_of(model)`, or by default ImageNet's.
    size: height and width of the labels; by default those of the picture.
    short_side: the length in pixels at which the shorter side of the picture
    enters the network; by default that of the model's task, or else its own.
    Both sides are rounded up to multiples of 32.
    scales, flip: the probabilities of the classes at several sizes, which are
    factors of that length, and for the mirrored pictures too, are averaged.
    window, stride: the network sees squares with sides of `window` pixels,
    `stride` pixels apart, by default two thirds of the window; where they
    overlap, their logits are averaged. So a large picture takes less memory.

    The model is in evaluation mode during the call; afterwards each of its
    modules has the mode that it had before. Raises TypeError or ValueError
    for a model, a picture or an option that cannot be used, and DataError for
    a file. Source: the official code's testing.
    """
    # These need torchvision, without which the command still has its --help.
    from ..data.transforms import eval_transform
    from .picture import picture_tensor

    if not isinstance(model, nn.Module):
        raise TypeError(f"model must be a module, got {type(model).__name__}")
    check_options(
        size=size,
        short_side=short_side,
        scales=scales,
        window=window,
        stride=stride,
    )
    mean, std = normalization(model)
    images = picture_tensor(picture, channels=len(mean))
    batch = images if images.ndim == 4 else images[None]
    size = tuple(batch.shape[2:] if size is None else size)
    base = entering_side(model, batch.shape[2:], short_side)
    sides = [max(1, round(base * scale)) for scale in scales]
    check_pixels(batch.shape[2:], max(sides))
    parameter = next(model.parameters(), torch.empty(0))
    passes = list(itertools.product(sides, (False, True) if flip else (False,)))

    def network(side: int, mirrored: bool) -> Rows:
        x = eval_transform(batch, short_side=side, mean=mean, std=std)
        x = x.to(parameter.device, parameter.dtype)
        x = x.flip(3) if mirrored else x
        if window is None:
            logits = rows_of(logits_of(model, x))
        else:
            step = stride or max(1, window * 2 // 3)
            logits = sliding_rows(model, x, window=window, stride=step)
        return logits.mirrored() if mirrored else logits

    with evaluation_mode(model):
        found = [network(*one) for one in passes]
        if len(found) == 1 and window is None:
            labels = labels_from_logits(found[0].whole(), size)
        else:
            labels = labels_from_rows(found, size)
    return (labels if images.ndim == 4 else labels[0]).cpu()


def labels_from_rows(passes: Sequence[Rows], size: Sequence[int]) -> Tensor:
    """Average the passes at full size, then take the best class: `b *size`.

    Of several passes the probabilities are averaged. That is done a few rows
    at a time, because at full size the classes of one large picture can take
    more memory than the network.
    """
    first = passes[0].rows(0, 1)
    b, k = first.shape[:2]
    labels = first.new_empty((b, *size), dtype=torch.int64)
    step = max(1, AT_ONCE // (b * k * size[1]))
    for start in range(0, size[0], step):
        stop = min(size[0], start + step)
        labels[:, start:stop] = best_classes(passes, size, start, stop)
    return labels


def best_classes(
    passes: Sequence[Rows], size: Sequence[int], start: int, stop: int
) -> Tensor:
    """Rows `start` to `stop` of what `labels_from_rows` returns."""
    if len(passes) == 1:
        return resized_rows(passes[0], size, start, stop).argmax(1)
    total = None
    for logits in passes:
        total = add_probabilities(
            total, resized_rows(logits, size, start, stop)
        )
    return total.argmax(1)


def add_probabilities(total: Tensor | None, logits: Tensor) -> Tensor:
    """Add the softmax of the logits, which is computed in place."""
    logits -= logits.amax(1, keepdim=True)
    logits.exp_()
    logits /= logits.sum(1, keepdim=True)
    return logits if total is None else total.add_(logits)


def entering_side(
    model: nn.Module, size: Sequence[int], short_side: int | None
) -> int:
    """The length of the shorter side at which a picture enters the network.

    It is `short_side`, or that of the model's task, or the picture's own.
    """
    task = task_of(model)
    return short_side or (task and task.short_side) or min(size)


def network_size(size: Sequence[int], short_side: int) -> tuple[int, int]:
    """Height and width at which a picture enters the network, in pixels."""
    h, w = (round(side * short_side / min(size)) for side in size)
    return -(-h // 32) * 32, -(-w // 32) * 32


def check_pixels(size: Sequence[int], short_side: int) -> None:
    """Raise ValueError before a wrong scale takes all memory."""
    h, w = network_size(size, short_side)
    if h * w > MAX_PIXELS:
        raise ValueError(
            f"the network would see {h} x {w} pixels (h x w), and at most "
            f"{MAX_PIXELS:,} are allowed: choose a smaller short_side or scale"
        )


def check_options(
    *,
    scales: Sequence[float] = (1.0,),
    size: Sequence[int] | None = None,
    short_side: int | None = None,
    window: int | None = None,
    stride: int | None = None,
) -> None:
    """Raise ValueError for options with which `predict` cannot work."""
    if (
        not isinstance(scales, Sequence)
        or not scales
        or not all(
            isinstance(scale, Real) and 0 < scale < math.inf for scale in scales
        )
    ):
        raise ValueError(f"scales must be positive numbers, got {scales!r}")
    for name, value in {
        "short_side": short_side,
        "window": window,
        "stride": stride,
    }.items():
        if value is not None and not at_least_one(value):
            raise ValueError(
                f"{name} must be an integer, at least 1, got {value!r}"
            )
    if size is not None and not (
        isinstance(size, Sequence)
        and len(size) == 2
        and all(map(at_least_one, size))
    ):
        raise ValueError(
            f"size must be height and width, at least 1 each, got {size!r}"
        )
    if stride is not None:
        if window is None:
            raise ValueError(f"stride needs a window, got stride {stride!r}")
        check_window(window, stride)


def at_least_one(value: Any) -> bool:
    return isinstance(value, Integral) and int(value) >= 1
