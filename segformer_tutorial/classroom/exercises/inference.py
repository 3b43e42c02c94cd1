"""Exercises on inference: the size, the windows, and several passes."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ...decoder import resize
from .checking import by_cases


def rounded(to_multiple: Callable, base: Callable = min) -> Callable:
    """A rule: one side gets the wanted length, then both are rounded."""

    def rule(height: int, width: int, short_side: int) -> tuple[int, int]:
        h, w = (
            to_multiple(round(side * short_side / base(height, width)))
            for side in (height, width)
        )
        return h, w

    return rule


def up(side: int) -> int:
    return -(-side // 32) * 32


enters = by_cases(
    cases=[
        (427, 640, 256),
        (600, 450, 256),
        (480, 853, 300),
        (1080, 1920, 512),
    ],
    true=rounded(up),
    mistakes={
        "Your sides are rounded down, so pixels are lost. Round them up.": (
            rounded(lambda side: side // 32 * 32)
        ),
        "Your sides are rounded to the nearest multiple of 32. Round them "
        "up.": rounded(lambda side: round(side / 32) * 32),
        "Your sides are no multiples of 32 yet.": rounded(lambda side: side),
        "A side that is a multiple of 32 already stays unchanged. Your "
        "function adds another 32 to it.": (
            rounded(lambda side: (side // 32 + 1) * 32)
        ),
        "Your function brings the longer side to this length. It is meant "
        "for the shorter one.": rounded(up, max),
        "Your function always brings the height to this length, but the "
        "width may be the shorter side.": rounded(up, lambda h, w: h),
        "Your pictures become squares. Keep the shape: both sides are scaled "
        "by one factor.": lambda h, w, short_side: (up(short_side),) * 2,
    },
    otherwise="A picture of {0} x {1} pixels with a short side of {2} enters "
    "the network with {wanted}, but your function returned {said}.",
    name="the size",
)


def steps(side: int, window: int, stride: int) -> list[int]:
    """Steps from 0 on until the windows reach the border."""
    return list(range(0, max(side - window, 0) + stride, stride))


starts = by_cases(
    cases=[(10, 4, 3), (100, 32, 20), (12, 4, 4), (5, 8, 4), (64, 64, 16)],
    true=lambda side, window, stride: sorted(
        {
            min(start, max(side - window, 0))
            for start in steps(side, window, stride)
        }
    ),
    mistakes={
        "The end of the side is not seen. The last window has to end at the "
        "border.": lambda side, window, stride: list(
            range(0, max(side - window, 0) + 1, stride)
        ),
        "Your last window reaches beyond the border. Move it back, so that it "
        "ends there.": (
            steps,
            lambda side, window, stride: list(range(0, side, stride)),
        ),
        "Some of your windows come twice. Where the steps end at the border, "
        "nothing is missing.": lambda side, window, stride: [
            *range(0, max(side - window, 0) + 1, stride),
            max(side - window, 0),
        ],
        "One of your windows begins before the picture does. A side that is "
        "shorter than the window has one window, which begins at 0.": (
            lambda side, window, stride: [
                *range(0, side - window, stride),
                side - window,
            ]
        ),
        "Your windows lie side by side. They should be `stride` pixels "
        "apart.": lambda side, window, stride: sorted(
            {
                min(start, max(side - window, 0))
                for start in steps(side, window, window)
            }
        ),
    },
    otherwise="On a side of {0} pixels, windows of {1} pixels with a stride "
    "of {2} begin at {wanted}, but your function returned {said}.",
    name="the result",
)


def some_logits(*sizes: tuple[int, int]) -> list[Tensor]:
    generator = torch.Generator().manual_seed(len(sizes))
    return [4 * torch.randn(2, 5, *size, generator=generator) for size in sizes]


Size = Sequence[int]


def mean_of(one: Callable[[Tensor, Size], Tensor]) -> Callable:
    """A rule: something at full size of each pass, added up, best class."""
    return lambda passes, size: sum(one(x, size) for x in passes).argmax(1)


def votes(passes: Sequence[Tensor], size: Size) -> Tensor:
    found = [resize(x, size).argmax(1) for x in passes]
    return torch.stack(found).mode(0).values


def form_of_labels(said, wanted: Tensor) -> str | None:
    if not isinstance(said, Tensor):
        return "Your function should return the labels, a tensor."
    if said.is_floating_point():
        return "Return the labels. The argmax over the classes comes last."
    return None


blend = by_cases(
    cases=[
        (some_logits((8, 12), (12, 18), (4, 6)), (32, 48)),
        (some_logits((5, 5), (9, 9)), (20, 20)),
    ],
    true=mean_of(lambda x, size: resize(x, size).softmax(1)),
    form=form_of_labels,
    mistakes={
        "Your function averages logits. Take the softmax of each pass first, "
        "so that all of them are probabilities.": mean_of(resize),
        "Your passes vote with their labels. Average the probabilities, so "
        "that a pass that is sure counts for more.": votes,
        "Your softmax comes before the resizing. Resize the logits, then take "
        "the softmax.": mean_of(lambda x, size: resize(x.softmax(1), size)),
        "Your softmax runs over the batch. The classes are dimension 1.": (
            mean_of(lambda x, size: resize(x, size).softmax(0))
        ),
        "Your softmax runs over the columns. The classes are dimension 1.": (
            mean_of(lambda x, size: resize(x, size).softmax(-1))
        ),
        "These are the labels of the first pass alone.": (
            lambda passes, size: resize(passes[0], size).argmax(1)
        ),
        "These are the labels of the last pass alone.": (
            lambda passes, size: resize(passes[-1], size).argmax(1)
        ),
    },
    otherwise="The labels differ. Resize each pass to {1}, take the softmax "
    "over the classes, average, then the argmax.",
)
