"""Exercises on the Mix-FFN."""

from collections.abc import Callable

import torch
from torch import Tensor

from .checking import by_cases, by_parts, shown


def window(row, column, rows, columns, kernel_size, *, reach=None):
    """Pixels of a window inside the picture: its height and its width."""
    reach = kernel_size // 2 if reach is None else reach
    return tuple(
        min(i, reach) + 1 + min(n - 1 - i, reach)
        for i, n in ((row, rows), (column, columns))
    )


def area(*case, **options) -> int:
    height, width = window(*case, **options)
    return height * width


def far_side_uncut(y, x, h, w, k):
    """The window is cut at the top and at the left only."""
    return area(y, x, y + k, x + k, k)


def one_side_cut(y, x, h, w, k):
    """In each direction the window is cut at the nearer border only."""
    return far_side_uncut(min(y, h - 1 - y), min(x, w - 1 - x), h, w, k)


inside = by_cases(
    cases=[
        (0, 0, 6, 6, 3),
        (0, 3, 6, 6, 3),
        (3, 3, 6, 6, 3),
        (5, 5, 6, 6, 3),
        (1, 8, 9, 20, 5),
        (6, 0, 12, 7, 7),
        (1, 9, 3, 20, 7),
    ],
    true=area,
    mistakes={
        "Your function cuts the window at the top and at the left only. It "
        "also reaches beyond the picture at the bottom and at the right.": (
            far_side_uncut
        ),
        "Your function cuts the window at the nearer border only. In a small "
        "picture a large window reaches beyond both.": one_side_cut,
        "Your function is correct for a kernel of 3 × 3. A larger kernel "
        "reaches further.": lambda *case: area(*case, reach=1),
        "A window reaches kernel_size // 2 positions to either side, not "
        "kernel_size - 1.": lambda *case: area(*case, reach=case[4] - 1),
        "Your function adds the height and the width of what lies inside. "
        "The number of pixels is their product.": (
            lambda *case: sum(window(*case))
        ),
        "Your function counts the zeros of the window, but the question is "
        "for its pixels.": lambda *case: case[4] ** 2 - area(*case),
        "The position itself is missing: in each direction the window has "
        "pixels on either side and one in the middle.": (
            lambda *case: (window(*case)[0] - 1) * (window(*case)[1] - 1)
        ),
        "Your function counts the whole window, also what lies outside the "
        "picture.": lambda *case: case[4] ** 2,
    },
    otherwise="Around row {0} and column {1} of {2} × {3} pixels, a window "
    "with kernel size {4} has {wanted} pixels inside, but your function "
    "returned {said}.",
)


def up(a: int, b: int) -> int:
    """a / b, rounded up."""
    return -(-a // b)


layers = by_cases(
    cases=[
        (16, 16, 3),
        (15, 15, 3),
        (7, 40, 3),
        (40, 9, 3),
        (22, 22, 5),
        (30, 25, 5),
        (13, 30, 7),
        (1, 6, 3),
    ],
    true=lambda h, w, k: up(up(min(h, w), 2), k // 2),
    mistakes={
        "Your function takes half of the longer side. A position has to meet "
        "a zero from one border only, and the nearest border is at the end of "
        "the shorter side.": lambda h, w, k: up(up(max(h, w), 2), k // 2),
        "Your function counts the layers from one border to the other. The "
        "zeros come in from both sides and meet in the middle.": (
            lambda h, w, k: up(min(h, w), k // 2)
        ),
        "Your function is correct for a kernel of 3 × 3. A larger kernel "
        "carries the zeros further in each layer.": (
            lambda h, w, k: up(min(h, w), 2)
        ),
        "A window reaches kernel_size // 2 positions to either side, not "
        "kernel_size - 1.": lambda h, w, k: up(up(min(h, w), 2), k - 1),
        "A window reaches kernel_size // 2 positions to either side, not "
        "kernel_size.": lambda h, w, k: up(up(min(h, w), 2), k),
        "Half of an odd side is rounded up: of 15 positions the middle one "
        "has 7 on either side, and the zeros are the eighth.": (
            lambda h, w, k: up(min(h, w) // 2, k // 2)
        ),
        "Your function rounds the number of layers down. The last step may be "
        "a short one, but it is needed.": (
            lambda h, w, k: up(min(h, w), 2) // (k // 2)
        ),
        "Your function counts the way to the outermost position. The zeros "
        "are one position further.": (
            lambda h, w, k: up((min(h, w) - 1) // 2, k // 2)
        ),
    },
    otherwise="{0} × {1} positions and kernel size {2} take {wanted} layers, "
    "but your function returned {said}.",
)


def single(y: int, x: int) -> Callable:
    """A rule: kernels of zeros with a one at row y and column x."""

    def kernels(hidden: int) -> Tensor:
        weight = torch.zeros(hidden, 1, 3, 3)
        weight[:, 0, y, x] = 1
        return weight

    return kernels


def other_kernels(case, wanted, said: Tensor) -> str:
    if not torch.equal(said, said[:1].expand_as(said)):
        return (
            "The kernels of the channels differ, but all channels need the "
            "same one."
        )
    return "With this kernel the Mix-FFN differs from fc2(gelu(fc1(x)))."


plain = by_parts(
    [(24,)],
    weight={
        "true": single(1, 1),
        "form": lambda said, wanted: (
            "This is the weight of an ordinary convolution, with a kernel for "
            "each pair of channels. A depthwise convolution has one for each "
            "channel: (hidden, 1, 3, 3)."
            if shown(said) == "a tensor of shape (24, 24, 3, 3)"
            else None
        ),
        "mistakes": {
            "A kernel of ones adds up nine positions. Which of the nine is "
            "the position itself?": lambda n: torch.ones(n, 1, 3, 3),
            "Your kernel takes the mean of nine positions, with zeros among "
            "them at the border. A plain FFN looks at one position only.": (
                lambda n: torch.full((n, 1, 3, 3), 1 / 9)
            ),
            "Your kernel looks at one position only, but at a neighbour, so "
            "it moves the feature map. The position itself is at the centre "
            "of the kernel.": [
                single(y, x)
                for y in range(3)
                for x in range(3)
                if (y, x) != (1, 1)
            ],
            "A kernel of zeros lets nothing through, so each position gets "
            "the bias alone.": lambda n: torch.zeros(n, 1, 3, 3),
        },
        "otherwise": other_kernels,
    },
    bias={
        "true": torch.zeros,
        "mistakes": {},
        "otherwise": "The convolution adds its bias at each position, so it "
        "must be zero.",
    },
)
