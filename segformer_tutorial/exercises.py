"""Check an answer to one of the book's exercises: `check("ch03.ex1", mine)`.

A checker takes the answer and returns what is wrong with it, or None. Where
an answer is one that a usual mistake gives, it names the mistake.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor


def check(exercise: str, answer=None) -> None:
    """Print whether the answer to an exercise is right, and if not, why.

    `exercise` is written in the book above the stub. An answer that is None,
    `...`, or a function that returns one of them, is not answered yet.
    Raises ValueError for an exercise that does not exist.
    """
    if exercise not in CHECKERS:
        raise ValueError(
            f"exercise must be one of {', '.join(CHECKERS)}, got {exercise!r}"
        )
    try:
        wrong = "not answered yet."
        if answer is not None and answer is not ...:
            wrong = CHECKERS[exercise](answer)
    except NotAnsweredError:
        pass
    print(f"{exercise}: {'right.' if wrong is None else wrong}")


class NotAnsweredError(Exception):
    """The reader's function is still a stub."""


def ask(answer: Callable, *arguments):
    """Call the reader's function, or say that it is none yet."""
    if not callable(answer):
        raise TypeError(
            f"the answer must be a function, got {type(answer).__name__}"
        )
    value = answer(*arguments)
    if value is None or value is ...:
        raise NotAnsweredError
    return value


def map_side(answer: Callable) -> str | None:
    """ch03.ex1: the side of the map, from side, patch size and stride."""

    def true(n, k, s):
        return (n + 2 * (k // 2) - k) // s + 1

    mistakes = [
        (
            lambda n, k, s: (n - k) // s + 1,
            "the padding is missing: it adds k // 2 zeros at both ends.",
        ),
        (
            lambda n, k, s: (n + k // 2 - k) // s + 1,
            "the padding is there once; it is needed at both ends.",
        ),
        (
            lambda n, k, s: (n + 2 * (k // 2) - s) // k + 1,
            "patch size and stride are swapped: windows are patch_size wide "
            "and stride apart.",
        ),
        (
            lambda n, k, s: (n + 2 * (k // 2) - k) // s,
            "the last + 1 is missing: so many steps lie between the first "
            "window and the last, and there is one window more.",
        ),
        (
            lambda n, k, s: (n + 2 * (k // 2) - k) / s + 1,
            "a map has a whole number of rows: a window that does not fit in "
            "full is not there, so round down with //.",
        ),
        (
            lambda n, k, s: n // s,
            "n // s drops the rest, but the last window may begin inside the "
            "picture and end in the padding.",
        ),
    ]
    cases = [
        (n, k, s)
        for n in (250, 512, 63, 37)
        for k, s in ((7, 4), (3, 2), (5, 3), (1, 4))
    ]
    got = [ask(answer, *case) for case in cases]
    if got == [true(*case) for case in cases]:
        return None
    for rule, mistake in mistakes:
        if got == [rule(*case) for case in cases]:
            return mistake
    case, said = next(
        (c, g) for c, g in zip(cases, got, strict=True) if g != true(*c)
    )
    return (
        "not yet: for side {}, patch size {} and stride {} the map has "
        "{} rows, your function says {}.".format(*case, true(*case), said)
    )


def touching_in_overlapping(answer: Callable) -> str | None:
    """ch03.ex2: put a d c 4 4 kernel into a d c 7 7 one, same tokens."""
    generator = torch.Generator().manual_seed(0)
    small = torch.randn(5, 3, 4, 4, generator=generator)
    image = torch.randn(1, 3, 32, 40, generator=generator)
    large = ask(answer, small)
    shape = tuple(large.shape) if isinstance(large, Tensor) else type(large)
    if shape != (5, 3, 7, 7):
        return f"not yet: expected a kernel of shape (5, 3, 7, 7), got {shape}."
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
    """ch03.ex3: pixels on a side that a token of each stage comes from."""

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
    got = [[int(n) for n in ask(answer, *case)] for case in cases]
    if got == [true(*case) for case in cases]:
        return None
    for rule, mistake in mistakes:
        if got == [rule(*case) for case in cases]:
            return mistake
    return (
        f"not yet: your function gives {got[0]} for B0. Draw three windows "
        "of stage 1 that lie side by side: how many pixels from end to end?"
    )


CHECKERS = {
    "ch03.ex1": map_side,
    "ch03.ex2": touching_in_overlapping,
    "ch03.ex3": patch_field,
}
