"""A sliding window: the logits of a picture from parts of it."""

from torch import Tensor, nn

from ..decoder import resize
from .network import logits_of


def sliding_logits(
    model: nn.Module, images: Tensor, *, window: int, stride: int
) -> Tensor:
    """Average the logits of overlapping windows: `b c h w` -> `b k h w`.

    The network sees squares with sides of `window` pixels, `stride` pixels
    apart; the last one of a row or column ends at the border. A side that is
    shorter than the window is seen whole. Raises ValueError for a stride that
    is not in 1..window. Source: the official code's testing.
    """
    check_window(window, stride)
    height, width = (min(side, window) for side in images.shape[2:])
    total, count = None, images.new_zeros(1, 1, *images.shape[2:])
    for top in starts(images.shape[2], height, stride):
        for left in starts(images.shape[3], width, stride):
            rows, columns = slice(top, top + height), slice(left, left + width)
            logits = logits_of(model, images[:, :, rows, columns])
            if total is None:
                shape = (*logits.shape[:2], *images.shape[2:])
                total = logits.new_zeros(shape)
            total[:, :, rows, columns] += resize(logits, (height, width))
            count[:, :, rows, columns] += 1
    return total.div_(count)


def starts(side: int, window: int, stride: int) -> list[int]:
    """Where the windows begin on a side, in pixels."""
    last = side - window
    return [*range(0, last, stride), last]


def check_window(window: int, stride: int) -> None:
    """Raise ValueError for windows that leave gaps or hold nothing."""
    if not 0 < stride <= window:
        raise ValueError(
            f"stride must be in 1..window, got stride {stride} for a window "
            f"of {window}"
        )
