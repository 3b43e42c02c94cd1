"""Exercises on overlapping patch embeddings."""

from itertools import accumulate
from operator import mul

import torch
import torch.nn.functional as F

from .checking import by_cases


def sides_with(smallest, largest=lambda n, s: n + s - 1):
    """A rule of the smallest side, and of the largest from it."""

    def rule(rows, k, s):
        n = smallest(rows, k, s)
        return n, largest(n, s)

    return rule


def smallest_side(rows, k, s):
    return (rows - 1) * s + k - 2 * (k // 2)


sides = by_cases(
    cases=[
        (rows, k, s)
        for rows in (63, 16, 9)
        for k, s in ((7, 4), (3, 2), (5, 3), (4, 4), (1, 4))
    ],
    true=sides_with(smallest_side),
    mistakes={
        "rows * stride is one of the sides, but not the only one: the number "
        "of rows stays the same until one more window fits.": (
            sides_with(lambda rows, k, s: rows * s, lambda n, s: n)
        ),
        "This is the rule of touching patches, which drop what is left over. "
        "With padding the last window may hang over the border.": (
            sides_with(lambda rows, k, s: rows * s)
        ),
        "Your function leaves out the padding. It adds patch_size // 2 zeros "
        "at both ends, so the picture itself is smaller.": (
            sides_with(lambda rows, k, s: (rows - 1) * s + k)
        ),
        "Your function counts the padding once, but there are patch_size // 2 "
        "zeros at both ends.": (
            sides_with(lambda rows, k, s: (rows - 1) * s + k - k // 2)
        ),
        "These sides give one row too many. From the first window to the last "
        "there are rows - 1 strides.": (
            sides_with(lambda rows, k, s: smallest_side(rows + 1, k, s))
        ),
        "The smallest side is correct, but the largest one is too large by "
        "one: there, one more window fits.": (
            sides_with(smallest_side, lambda n, s: n + s)
        ),
    },
    otherwise="For {0} rows, patch size {1} and stride {2} the sides are "
    "{wanted[0]} to {wanted[1]}, but your function returned {said[0]} to "
    "{said[1]}.",
)


def placed(*padding: int):
    """A rule that pads the kernel: left, right, top and bottom."""
    return lambda small: F.pad(small, padding)


kernel = by_cases(
    cases=[
        (torch.randn((5, 3, 4, 4), generator=torch.Generator().manual_seed(0)),)
    ],
    true=placed(3, 0, 3, 0),
    mistakes={
        "Your function puts the small kernel into the upper left corner. The "
        "window of a token begins 3 pixels before its patch: which rows and "
        "columns of the window are the patch?": placed(0, 3, 0, 3),
        "Your function puts the small kernel into the middle. The window "
        "begins 3 pixels before the patch and ends with it, so the patch is "
        "not in its middle.": [placed(1, 2, 1, 2), placed(2, 1, 2, 1)],
        "The rows and columns of your kernel are swapped. Copy the small "
        "kernel as it is.": lambda small: placed(3, 0, 3, 0)(small.mT),
        "Your function turns the small kernel around. A convolution layer "
        "does not flip its kernel, so copy it as it is.": (
            lambda small: placed(3, 0, 3, 0)(small.flip(2, 3))
        ),
    },
    otherwise=lambda case, wanted, said: (
        "The small kernel is in the correct position, but the rest of the "
        "large one must be zero."
        if torch.equal(said[:, :, 3:, 3:].to(case[0].dtype), case[0])
        else "The large kernel gives other tokens than the small one. Which "
        "of its 49 weights meet the pixels of the patch?"
    ),
)


def fields(sizes, strides, spacings=None):
    """Each stage adds its size less one, times the spacing below it."""
    spacings = spacings or [1, *accumulate(strides, mul)]
    grown = [(k - 1) * apart for k, apart in zip(sizes, spacings, strict=False)]
    return [1 + pixels for pixels in accumulate(grown)]


field = by_cases(
    cases=[((7, 3, 3, 3), (4, 2, 2, 2)), ((5, 5, 3), (3, 2, 4))],
    true=fields,
    mistakes={
        "Your function leaves out the strides. Two neighbouring tokens of "
        "stage 1 are 4 pixels apart, so stage 2 sees further than its patch "
        "size says.": lambda sizes, strides: fields(sizes, strides, [1] * 4),
        "Your function multiplies the patch sizes. Windows that overlap share "
        "pixels: 3 windows of 7 pixels, 4 apart, are 15 pixels wide and not "
        "21.": lambda sizes, strides: list(accumulate(sizes, mul)),
        "This is how far apart two tokens are, not how many pixels each one "
        "comes from.": lambda sizes, strides: list(accumulate(strides, mul)),
        "Your function uses the stage's own stride. That moves the windows of "
        "the stage apart but does not make them wider; use the strides of the "
        "stages before it.": lambda sizes, strides: fields(
            sizes, strides, list(accumulate(strides, mul))
        ),
    },
    otherwise="For patch sizes {0} and strides {1} your function returned "
    "{said}. Draw three windows of stage 1 side by side: how many pixels are "
    "there from end to end?",
)
