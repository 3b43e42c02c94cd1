"""Answers: the right ones, and mistakes with their words.

Nothing here is shared with the checkers' own formulas.
"""

import torch
import torch.nn.functional as F


def inside(y, x, h, w, k):
    """Let a convolution of ones count."""
    counts = F.conv2d(
        torch.ones(1, 1, h, w), torch.ones(1, 1, k, k), padding=k // 2
    )
    return int(counts[0, 0, y, x])


def visible(i, n, k):
    """The positions of one direction that a window sees."""
    return [j for j in range(i - k // 2, i + k // 2 + 1) if 0 <= j < n]


def layers(rows, columns, k):
    """Let the zeros spread until every position has met one."""
    reach, met, n = k // 2, set(), 0
    every = {(y, x) for y in range(rows) for x in range(columns)}
    span = range(-reach, reach + 1)
    while met != every:
        n += 1
        met = {
            (y, x)
            for y, x in every
            if any(
                (y + i, x + j) in met or (y + i, x + j) not in every
                for i in span
                for j in span
            )
        }
    return n


def kernel(*places, value=1.0, bias=0.0, dtype=torch.float32):
    """`value` at these places of each channel's kernel, zero elsewhere."""

    def answer(hidden):
        weight = torch.zeros(hidden, 1, 3, 3, dtype=dtype)
        for y, x in places:
            weight[:, 0, y, x] = value
        return weight, torch.full((hidden,), bias, dtype=dtype)

    return answer


def ordinary(hidden):
    weight = torch.zeros(hidden, hidden, 3, 3)
    weight[range(hidden), range(hidden), 1, 1] = 1
    return weight, torch.zeros(hidden)


NINE = [(y, x) for y in range(3) for x in range(3)]

RIGHT: dict = {
    "inside": inside,
    "layers": layers,
    "plain": kernel((1, 1)),
}
WRONG: list = [
    ("inside", lambda y, x, h, w, k: inside(y, x, 2 * h + k, 2 * w + k, k),
     "top and at the left only"),
    ("inside", lambda y, x, h, w, k: inside(
        min(y, h - 1 - y), min(x, w - 1 - x), h + k, w + k, k),
     "nearer border only"),
    ("inside", lambda y, x, h, w, k: inside(y, x, h, w, 3),
     "larger kernel reaches"),
    ("inside", lambda y, x, h, w, k: inside(y, x, h, w, 2 * k - 1),
     "not kernel_size - 1"),
    ("inside", lambda y, x, h, w, k: len(visible(y, h, k) + visible(x, w, k)),
     "their product"),
    ("inside", lambda y, x, h, w, k: k**2 - inside(y, x, h, w, k), "zeros"),
    ("inside", lambda y, x, h, w, k:
        len(visible(y, h, k)[1:]) * len(visible(x, w, k)[1:]),
     "position itself is missing"),
    ("inside", lambda y, x, h, w, k: k * k, "whole window"),
    ("inside", lambda y, x, h, w, k: inside(x, y, w, h, k) + 1,
     "Around row 0 and column 0"),
    ("layers", lambda h, w, k: layers(max(h, w), max(h, w), k), "longer"),
    ("layers", lambda h, w, k: layers(2 * min(h, w), 2 * max(h, w), k),
     "meet in the middle"),
    ("layers", lambda h, w, k: layers(h, w, 3), "larger kernel carries"),
    ("layers", lambda h, w, k: layers(h, w, 2 * k - 1),
     "not kernel_size - 1"),
    ("layers", lambda h, w, k: layers(h, w, 2 * k + 1), "not kernel_size."),
    ("layers", lambda h, w, k: layers(h // 2 * 2, w // 2 * 2, k),
     "rounded up: of 15"),
    ("layers", lambda h, w, k: layers(h, w, 3) // (k // 2),
     "may be a short one"),
    ("layers", lambda h, w, k: layers(h - 1, w - 1, k) if h > 1 else 0,
     "rounded up: of 15"),
    ("layers", lambda h, w, k: layers(h - 2, w - 2, k) if h > 2 else 0,
     "one position further"),
    ("layers", lambda h, w, k: 8, "7 × 40 positions"),
    ("plain", kernel(*NINE), "adds up nine"),
    ("plain", kernel(*NINE, value=1 / 9), "mean of nine"),
    ("plain", kernel((0, 0)), "neighbour"),
    ("plain", kernel((2, 1)), "neighbour"),
    ("plain", kernel(), "zeros"),
    ("plain", kernel((1, 1), bias=1.0), "must be zero"),
    ("plain", kernel((1, 1), value=9.0), "differs"),
    ("plain", lambda n: (kernel((1, 1))(n)[0], torch.arange(1.0 * n)),
     "must be zero"),
    ("plain", lambda n: (torch.rand(n, 1, 3, 3), torch.zeros(n)),
     "channels differ"),
    ("plain", ordinary, "each pair"),
    ("plain", lambda n: (torch.ones(n), torch.zeros(n)),
     "the weight should be a tensor of shape (24, 1, 3, 3)"),
    ("plain", lambda n: kernel((1, 1))(n)[0], "should return weight and bias"),
    ("plain", lambda n: (1, 0), "but yours is 1"),
    ("plain", lambda n: (None, None), "not answered"),
    ("plain", kernel((1, 2), dtype=torch.float64), "neighbour"),
]  # fmt: skip
