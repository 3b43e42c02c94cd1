"""A sliding window: the logits of a picture from parts of it."""

from torch import Tensor, nn

from .network import logits_of
from .rows import Rows, resized_rows, rows_of


def sliding_logits(
    model: nn.Module, images: Tensor, *, window: int, stride: int
) -> Tensor:
    """Average the logits of overlapping windows: `b c h w` -> `b k h w`.

    The network sees squares with sides of `window` pixels, `stride` pixels
    apart; the last one of a row or column ends at the border. A side that is
    shorter than the window is seen whole. Raises ValueError for a stride that
    is not in 1..window. Source: the official code's testing.
    """
    return sliding_rows(model, images, window=window, stride=stride).whole()


def sliding_rows(
    model: nn.Module, images: Tensor, *, window: int, stride: int
) -> Rows:
    """What `sliding_logits` returns, computed as its rows are asked for.

    Of the windows that reach into these rows, the logits are kept as the
    network returns them, at a quarter of the size.
    """
    check_window(window, stride)
    height, width = (min(side, window) for side in images.shape[2:])
    tops, lefts = (
        starts(side, part, stride)
        for side, part in zip(images.shape[2:], (height, width), strict=True)
    )
    kept: dict[int, list[Tensor]] = {}

    def rows(start: int, stop: int) -> Tensor:
        total = None
        count = images.new_zeros(1, 1, stop - start, images.shape[3])
        for top in tops:
            if top + height <= start:
                kept.pop(top, None)
                continue
            if top >= stop:
                break
            if top not in kept:
                band = images[:, :, top : top + height]
                kept[top] = [
                    logits_of(model, band[..., left : left + width])
                    for left in lefts
                ]
            first, last = max(start, top), min(stop, top + height)
            here = slice(first - start, last - start)
            for left, logits in zip(lefts, kept[top], strict=True):
                if total is None:
                    shape = (*logits.shape[:2], *count.shape[2:])
                    total = logits.new_zeros(shape)
                columns = slice(left, left + width)
                total[:, :, here, columns] += resized_rows(
                    rows_of(logits), (height, width), first - top, last - top
                )
                count[:, :, here, columns] += 1
        return total.div_(count)

    return Rows(images.shape[2], rows)


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
