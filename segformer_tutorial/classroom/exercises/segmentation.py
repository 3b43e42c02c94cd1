"""Exercises on label maps and their measures."""

import torch
import torch.nn.functional as F
from torch import Tensor

from ...data import VOID
from .checking import by_cases

K = 4


def shifted(numbers: Tensor) -> Tensor:
    return numbers - 1


def void_for_zero(numbers: Tensor) -> Tensor:
    return numbers.where(numbers != 0, VOID)


relabel = by_cases(
    cases=[(torch.tensor([[0, 1, 2, 12], [3, 0, 0, 1]]),)],
    true=lambda numbers: shifted(numbers).where(numbers != 0, VOID),
    mistakes={
        "Your function turns 0 into -1. These pixels are not labelled, so "
        "they must become void, which is 255.": shifted,
        "Your function turns unlabelled pixels into class 0, so a model would "
        "learn that they show the first class. They must become void.": (
            lambda numbers: shifted(numbers).clamp(min=0)
        ),
        "The unlabelled pixels are void now, but the classes still begin at "
        "1. Subtract 1 from the others.": void_for_zero,
        "Your function turns unlabelled pixels into 254: first 0 became 255, "
        "then 1 was subtracted there too. Subtract only where a class "
        "is.": lambda numbers: shifted(void_for_zero(numbers)),
    },
    otherwise=lambda case, wanted, said: (
        f"The numbers {case[0].tolist()} should become {wanted.tolist()}, but "
        f"your function returned {said.tolist()}."
    ),
)


def added(counts: Tensor, groups: list[int]) -> Tensor:
    """Rows of one group added up."""
    rows = counts.new_zeros(max(groups) + 1, counts.shape[1])
    return rows.index_add(0, torch.tensor(groups), counts)


def merged(counts: Tensor, groups: list[int]) -> Tensor:
    return added(added(counts, groups).T, groups).T


def written(counts: Tensor, groups: list[int]) -> Tensor:
    """What assignment does: the last number of each cell is left."""
    result = counts.new_zeros(max(groups) + 1, max(groups) + 1)
    for i, t in enumerate(groups):
        for j, p in enumerate(groups):
            result[t, p] = counts[i, j]
    return result


def sizes(groups: list[int]) -> Tensor:
    return torch.tensor(groups).bincount().double()


merge = by_cases(
    cases=[
        (
            torch.tensor(
                [
                    [50, 3, 7, 0, 5],
                    [11, 20, 4, 6, 1],
                    [2, 8, 30, 0, 2],
                    [9, 0, 1, 40, 13],
                    [4, 0, 2, 12, 60],
                ]
            ),
            [0, 1, 1, 2, 0],
        )
    ],
    true=merged,
    mistakes={
        "The rows and columns of your matrix are swapped. The truth belongs "
        "in the rows, as in the matrix that you were given.": (
            lambda c, g: merged(c, g).T
        ),
        "Your function merges the rows only. A pixel's prediction also "
        "belongs to a group, so merge the columns in the same way.": added,
        "Your function merges the columns only. A pixel's true class also "
        "belongs to a group, so merge the rows in the same way.": (
            lambda c, g: added(c.T, g).T
        ),
        "Each cell of your matrix holds only the last of the numbers that "
        "belong there. Add them up; `result[t, p] += n` with whole tensors "
        "does not, as equal indices are written once.": written,
        "Your function leaves out the mistakes inside a group. A pixel of one "
        "class taken for another of its group is correct now, so it belongs "
        "on the diagonal.": (
            lambda c, g: (
                merged(c, g)
                - merged(c, g).diag().diag()
                + merged(c.diag().diag(), g)
            )
        ),
        "Your function takes means where it should add. Counts of pixels "
        "add up.": lambda c, g: merged(c, g) / (sizes(g)[:, None] * sizes(g)),
    },
    otherwise=lambda case, wanted, said: (
        f"The {wanted.sum()} pixels of the old matrix must all be in the new "
        f"one, whose first cell is {wanted[0, 0]}. The numbers in yours add up "
        f"to {said.sum():g}, and its first cell is {said[0, 0]:g}."
    ),
)

# Five pictures of six pixels: the labels of each pixel in the five.
PIXELS = [
    [0, 0, 3, 2, 1],
    [1, 1, 3, 3, 3],
    [VOID, VOID, VOID, 2, 2],
    [0, 0, 3, 3, 0],
    [3, 3, VOID, 3, 1],
    [2, VOID, 2, 0, 1],
]


def votes(labels: Tensor, k: int) -> Tensor:
    """How often each class is at each pixel: `h w k+1`, void at the end."""
    return F.one_hot(labels.where(labels != VOID, k), k + 1).sum(0)


def mean(labels: Tensor, k: int) -> Tensor:
    known = labels != VOID
    return labels.where(known, 0).sum(0) / known.sum(0)


def of_first_pixel(case, wanted, said) -> str:
    i = (said != wanted).flatten().nonzero()[0].item()
    return (
        f"The most frequent class of a pixel with the labels {PIXELS[i]} is "
        f"{wanted.flatten()[i]}, but your function returned "
        f"{said.flatten()[i]:g}."
    )


prior = by_cases(
    cases=[(torch.tensor(PIXELS).T.reshape(5, 2, 3), K)],
    true=lambda x, k: votes(x, k)[..., :k].argmax(-1),
    mistakes={
        "At some pixel void wins the vote. Void is no class, so it must not "
        "vote.": [
            lambda x, k: votes(x, k).argmax(-1),
            lambda x, k: x.mode(0).values,
        ],
        "Your function counts void as a vote for class 0. Void is no class, "
        "so it must not vote.": [
            lambda x, k: x.where(x != VOID, 0).mode(0).values,
            lambda x, k: votes(x, k).argmax(-1) % k,
        ],
        "Your function takes a mean of class numbers. The mean of 1 and 3 is "
        "2, which may be a class that occurs nowhere, so count the classes "
        "instead.": [
            lambda x, k, average=average, rounded=rounded: rounded(
                average(x, k)
            )
            for average in (mean, lambda x, k: x.double().mean(0))
            for rounded in (torch.clone, torch.round, torch.floor)
        ],
        "Your function takes a median of class numbers. The order of these "
        "numbers means nothing, so count the classes instead.": (
            lambda x, k: x.median(0).values
        ),
        "Your function finds the most frequent class of all pixels together. "
        "Count at each pixel on its own.": lambda x, k: (
            x[x != VOID].bincount().argmax().expand(x.shape[1:])
        ),
        "Your function returns how many votes the winner has. `argmax` tells "
        "which class got them.": lambda x, k: votes(x, k)[..., :k].amax(-1),
        "The votes are correct. Now take the class that has the most votes at "
        "each pixel.": [
            lambda x, k: votes(x, k)[..., :k],
            lambda x, k: votes(x, k)[..., :k].movedim(-1, 0),
        ],
    },
    otherwise=of_first_pixel,
)
