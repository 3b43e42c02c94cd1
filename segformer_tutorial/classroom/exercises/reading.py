"""Exercises on what the numbers of a run can say."""

from math import prod

import torch
from torch import Tensor

from .checking import by_cases, closely

ceiling = by_cases(
    cases=[(100, 150), (200, 50), (80, 80), (10, 40)],
    true=lambda true, said: min(true, said) / max(true, said),
    mistakes={
        "Your function returns the number of predicted pixels for each true "
        "one, which exceeds 1 if a class is predicted too often.": (
            lambda true, said: said / true
        ),
        "Your function divides the true pixels by the predicted ones, which "
        "exceeds 1 if a class is predicted too rarely.": (
            lambda true, said: true / said
        ),
        "Your function divides the larger number by the smaller one. An IoU "
        "is at most 1.": lambda true, said: max(true, said) / min(true, said),
        "Your union is the sum of both sets. Pixels that are in both count "
        "once.": lambda true, said: min(true, said) / (true + said),
        "Your function returns the highest possible accuracy. False alarms "
        "make the IoU smaller, too.": lambda true, said: min(1, said / true),
        "Your function returns the highest possible precision. Missed pixels "
        "make the IoU smaller, too.": lambda true, said: min(1, true / said),
    },
    same=closely,
    otherwise="A class with {0} true and {1} predicted pixels has an IoU of "
    "at most {wanted:.4g}, but your function returned {said:.4g}.",
)


def steps(layers: list[tuple[int, int, int]]) -> list[int]:
    """Pixels from one position to the next, before each layer."""
    return [prod(x[1] for x in layers[:i]) for i in range(len(layers))]


def extents(layers: list[tuple[int, int, int]]) -> list[int]:
    """Positions from the first input of a kernel to its last."""
    return [(kernel - 1) * dilation for kernel, _, dilation in layers]


def summed(layers: list, sizes: list[int], lengths: list[int]) -> int:
    return sum(a * b for a, b in zip(sizes, lengths, strict=True))


field = by_cases(
    cases=[
        ([(3, 2, 1), (3, 1, 1), (3, 1, 2), (3, 1, 4), (3, 1, 8)],),
        ([(7, 4, 1), (3, 2, 1), (3, 2, 1), (3, 2, 1)],),
        ([(5, 1, 2), (2, 2, 1), (3, 1, 3)],),
        ([(3, 1, 1)],),
    ],
    true=lambda x: 1 + summed(x, extents(x), steps(x)),
    mistakes={
        "The output itself is missing. Without any layer it sees 1 pixel.": (
            lambda x: summed(x, extents(x), steps(x))
        ),
        "The strides are missing. After a stride of 2, one step covers two "
        "pixels.": lambda x: 1 + sum(extents(x)),
        "The dilations are missing. They move the inputs of a kernel apart.": (
            lambda x: (
                1 + summed(x, [kernel - 1 for kernel, _, _ in x], steps(x))
            )
        ),
        "Each of your layers adds its whole kernel. The first input of a "
        "kernel is seen already, so it adds one less.": (
            lambda x: (
                1
                + summed(
                    x,
                    [kernel * dilation for kernel, _, dilation in x],
                    steps(x),
                )
            )
        ),
        "Your layers use their own stride. A kernel takes its inputs before "
        "its stride, so only the strides of earlier layers count.": (
            lambda x: (
                1
                + summed(
                    x, extents(x), (steps(x) + [steps(x)[-1] * x[-1][1]])[1:]
                )
            )
        ),
        "Your strides are added up. Strides of layers in a row multiply.": (
            lambda x: (
                1
                + summed(
                    x,
                    extents(x),
                    [
                        1 + sum(stride - 1 for _, stride, _ in x[:i])
                        for i in range(len(x))
                    ],
                )
            )
        ),
    },
    same=closely,
    otherwise="For the layers {0} the receptive field is {wanted} pixels "
    "wide, but your function returned {said:g}.",
)


def mean_iou(counts: Tensor) -> Tensor:
    """mIoU of confusion matrices: ... k k -> ..."""
    hits = counts.diagonal(dim1=-2, dim2=-1)
    return (hits / (counts.sum(-1) + counts.sum(-2) - hits)).mean(-1)


def drawn(counts: Tensor, picks: Tensor) -> Tensor:
    """mIoU over the scenes of each draw: n k k, m n -> m"""
    return mean_iou(counts.double()[picks].sum(1))


def once(picks: Tensor, n: int) -> Tensor:
    """How often each scene counts if it counts only once: m n"""
    return torch.stack([pick.bincount(minlength=n) > 0 for pick in picks])


def without_repeats(counts: Tensor, picks: Tensor) -> Tensor:
    taken = once(picks, len(counts)).double()
    return mean_iou(torch.einsum("mn,nij->mij", taken, counts.double()))


def of_each(counts: Tensor, picks: Tensor) -> Tensor:
    return mean_iou(counts.double())[picks].mean(1)


def pixels(counts: Tensor, picks: Tensor) -> Tensor:
    counts = counts.double()[picks].sum(1)
    return counts.diagonal(dim1=1, dim2=2).sum(1) / counts.sum((1, 2))


A = torch.tensor(
    [
        [[50, 3, 7], [11, 20, 4], [2, 8, 30]],
        [[9, 5, 1], [4, 60, 12], [0, 3, 7]],
        [[30, 1, 0], [6, 5, 9], [1, 2, 80]],
        [[12, 8, 2], [1, 40, 3], [5, 0, 16]],
    ]
)
B = A.flip(0).mT + torch.tensor([[0, 2, 5], [1, 0, 3], [4, 9, 0]])
PICKS = torch.tensor([[0, 1, 2, 3], [0, 0, 1, 3], [2, 2, 2, 1]])

difference = by_cases(
    cases=[(A, B, PICKS)],
    true=lambda a, b, picks: drawn(a, picks) - drawn(b, picks),
    mistakes={
        "The sign is wrong. A positive number should say that `a` is the "
        "better one.": lambda a, b, picks: drawn(b, picks) - drawn(a, picks),
        "Your function computes an mIoU for each scene and takes the mean. Add "
        "up the counts of the drawn scenes first.": lambda a, b, picks: (
            of_each(a, picks) - of_each(b, picks)
        ),
        "A scene that was drawn twice counts once in your function. It has to "
        "count as often as it was drawn.": lambda a, b, picks: (
            without_repeats(a, picks) - without_repeats(b, picks)
        ),
        "Your function takes the same scenes in every draw. Use `picks`.": (
            lambda a, b, picks: (
                mean_iou(a.double().sum(0)) - mean_iou(b.double().sum(0))
            ).expand(len(picks))
        ),
        "Your function returns the mIoU of `a` alone.": lambda a, b, picks: (
            drawn(a, picks)
        ),
        "Your function compares pixel accuracies. Compute the IoU of each "
        "class and take the mean.": lambda a, b, picks: (
            pixels(a, picks) - pixels(b, picks)
        ),
    },
    otherwise=lambda case, wanted, said: (
        f"The differences should be {[round(x, 4) for x in wanted.tolist()]}, "
        "but your function returned "
        f"{[round(x, 4) for x in said.tolist()]}."
    ),
)
