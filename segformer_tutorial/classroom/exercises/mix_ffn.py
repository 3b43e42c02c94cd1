"""Exercises on the Mix-FFN."""

from collections.abc import Callable

import torch
from torch import Tensor

from .checking import by_cases, by_parts, shown


def count(dim, ratio, *, biases=2, last_bias=1, weights=9, first=None):
    """Parameters; `biases` are those of the wide channels."""
    hidden, first = dim * ratio, first or dim * ratio
    matrices = dim * first + hidden * dim
    return matrices + (weights + biases) * hidden + last_bias * dim


def widened_inside(dim, ratio):
    """The first layer is dim x dim, so its bias has dim numbers."""
    return count(dim, ratio, first=dim) + dim - dim * ratio


parameters = by_cases(
    cases=[(64, 4), (32, 4), (160, 8), (7, 3)],
    true=count,
    mistakes={
        "The biases are missing. Each of the three layers has one, with a "
        "number for each output channel.": (
            lambda *case: count(*case, biases=0, last_bias=0)
        ),
        "One bias of the wide channels is missing. The first layer has one, "
        "and so has the convolution.": lambda *case: count(*case, biases=1),
        "The bias of the second linear layer is missing.": (
            lambda *case: count(*case, last_bias=0)
        ),
        "The bias of the second linear layer is too long. The layer has dim "
        "outputs, so its bias has dim numbers.": (
            lambda *case: count(*case, biases=3, last_bias=0)
        ),
        "Your convolution has a kernel for each pair of channels. A depthwise "
        "convolution has a single kernel for each channel.": (
            lambda dim, ratio: count(dim, ratio, weights=9 * dim * ratio)
        ),
        "Your function counts the version that widens inside the convolution, "
        "with a first linear layer of dim x dim. Here the first layer "
        "widens.": widened_inside,
        "Your function counts three weights for a kernel of 3 × 3, which has "
        "nine.": lambda *case: count(*case, weights=3),
        "Your function counts a plain FFN: the convolution is missing.": (
            lambda *case: count(*case, weights=0, biases=1)
        ),
    },
    otherwise="For dim {0} and expansion ratio {1} there are {wanted} "
    "parameters, but your function returned {said}.",
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
