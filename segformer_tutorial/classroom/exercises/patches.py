"""Checkers on overlapping patch merging."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from .checking import ask, judge


def sides_for(answer: Callable) -> str | None:
    """The smallest and the largest side that give so many rows."""

    def true(rows, k, s):
        smallest = (rows - 1) * s + k - 2 * (k // 2)
        return smallest, smallest + s - 1

    mistakes = [
        (
            lambda rows, k, s: (rows * s, rows * s),
            "rows * stride is one of the sides, but not the only one: the map "
            "stays the same while no further window fits.",
        ),
        (
            lambda rows, k, s: (rows * s, rows * s + s - 1),
            "that is the rule of touching patches, which drop what is left "
            "over. With padding the last window may hang over the border.",
        ),
        (
            lambda rows, k, s: ((rows - 1) * s + k, rows * s + k - 1),
            "the padding is missing: it adds patch_size // 2 zeros at both "
            "ends, so the picture itself is smaller.",
        ),
        (
            lambda rows, k, s: (
                (rows - 1) * s + k - k // 2,
                rows * s + k - k // 2 - 1,
            ),
            "the padding is there once; it is needed at both ends.",
        ),
        (
            lambda rows, k, s: (
                rows * s + k - 2 * (k // 2),
                rows * s + k - 2 * (k // 2) + s - 1,
            ),
            "one row too many: from the first window to the last there are "
            "rows - 1 strides.",
        ),
        (
            lambda rows, k, s: (true(rows, k, s)[0], true(rows, k, s)[1] + 1),
            "the largest side is too large by one: there, one more window "
            "fits.",
        ),
    ]
    cases = [
        (rows, k, s)
        for rows in (63, 16, 9)
        for k, s in ((7, 4), (3, 2), (5, 3), (4, 4), (1, 4))
    ]
    got = []
    for case in cases:
        sides = ask(answer, *case)
        if not isinstance(sides, tuple | list) or len(sides) != 2:
            return f"not yet: expected two numbers, got {sides!r}."
        got.append(tuple(sides))

    def otherwise(case, said) -> str:
        return (
            "not yet: for {} rows, patch size {} and stride {} the sides are "
            "{} to {}, your function says {} to {}."
        ).format(*case, *true(*case), *said)

    return judge(got, cases, true, mistakes, otherwise)


def touching_in_overlapping(answer: Callable) -> str | None:
    """Put a d c 4 4 kernel into a d c 7 7 one, same tokens."""
    generator = torch.Generator().manual_seed(0)
    small = torch.randn(5, 3, 4, 4, generator=generator)
    image = torch.randn(1, 3, 32, 40, generator=generator)
    large = ask(answer, small)
    shape = tuple(large.shape) if isinstance(large, Tensor) else type(large)
    if shape != (5, 3, 7, 7):
        return f"not yet: expected a kernel of shape (5, 3, 7, 7), got {shape}."
    large = large.to(small.dtype)
    wanted = F.conv2d(image, small, stride=4)

    def same(kernel: Tensor) -> bool:
        tokens = F.conv2d(image, kernel, stride=4, padding=3)
        return torch.allclose(tokens, wanted, atol=1e-4)

    if same(large):
        return None
    if same(large.roll((3, 3), (2, 3))):
        return (
            "the small kernel sits in the upper left corner. The window of a "
            "token begins 3 pixels before its patch: which rows and columns "
            "of the window are the patch?"
        )
    for step in (1, 2):
        if same(large.roll((step, step), (2, 3))):
            return (
                "the small kernel sits in the middle. The patch is not in the "
                "middle of the window: the window begins 3 pixels before it "
                "and ends with it."
            )
    if same(large.mT):
        return "rows and columns are swapped."
    if same(F.pad(large[:, :, 3:, 3:].flip(2, 3), (3, 0, 3, 0))):
        return (
            "the small kernel is turned around. A convolution layer does not "
            "flip its kernel."
        )
    if same(F.pad(large[:, :, 3:, 3:], (3, 0, 3, 0))):
        return "the rest of the large kernel must be zero."
    return "not yet: the tokens differ from those of the 4 x 4 patches."


def patch_field(answer: Callable) -> str | None:
    """Pixels on a side that a token of each stage comes from."""

    def true(sizes, strides):
        fields, field, apart = [], 1, 1
        for k, s in zip(sizes, strides, strict=True):
            field += (k - 1) * apart
            apart *= s
            fields.append(field)
        return fields

    def without_strides(sizes, strides):
        return true(sizes, [1] * len(strides))

    def multiplied(sizes, strides):
        return torch.tensor(sizes).cumprod(0).tolist()

    def spacing(sizes, strides):
        return torch.tensor(strides).cumprod(0).tolist()

    def own_stride(sizes, strides):
        fields, field, apart = [], 1, 1
        for k, s in zip(sizes, strides, strict=True):
            apart *= s
            field += (k - 1) * apart
            fields.append(field)
        return fields

    mistakes = [
        (
            without_strides,
            "the strides are missing: two tokens of stage 1 that are "
            "neighbours lie 4 pixels apart.",
        ),
        (
            multiplied,
            "the sizes are multiplied. Windows that overlap share pixels: 3 "
            "windows of 7, 4 apart, are 15 pixels wide, not 21.",
        ),
        (
            spacing,
            "that is how far apart two tokens are, not how much each one sees.",
        ),
        (
            own_stride,
            "a stage's own stride moves its windows apart; it does not make "
            "them wider. Use the strides of the stages before it.",
        ),
    ]
    cases = [((7, 3, 3, 3), (4, 2, 2, 2)), ((5, 5, 3), (3, 2, 4))]
    got = [ask(answer, *case) for case in cases]
    if not all(isinstance(fields, tuple | list) for fields in got):
        return f"not yet: expected a list, one number a stage, got {got[0]!r}."
    got = [list(fields) for fields in got]

    def otherwise(case, said) -> str:
        return (
            f"not yet: for patch sizes {case[0]} and strides {case[1]} your "
            f"function gives {said}. Draw three windows of stage 1 that lie "
            "side by side: how many pixels from end to end?"
        )

    return judge(got, cases, true, mistakes, otherwise)


CHECKERS = {
    "patches.sides": sides_for,
    "patches.kernel": touching_in_overlapping,
    "patches.field": patch_field,
}
