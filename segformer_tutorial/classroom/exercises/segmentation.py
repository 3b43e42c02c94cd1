"""Exercises on label maps and their measures."""

import torch
import torch.nn.functional as F
from torch import Tensor

from ...data import VOID
from .checking import by_cases

K = 4


def two_label_maps() -> tuple[Tensor, Tensor, int]:
    """A prediction with every class at void pixels, the truth, and K."""
    generator = torch.Generator().manual_seed(0)
    true = torch.randint(K, (6, 9), generator=generator)
    predicted = torch.randint(K, (6, 9), generator=generator)
    true[0, :5] = true[4, 3] = VOID
    predicted[0, :5] = torch.tensor([0, 0, 1, 2, 3])
    return predicted, true, K


def count(predicted: Tensor, true: Tensor, k: int) -> Tensor:
    known = true != VOID
    pairs = true[known] * k + predicted[known]
    return torch.bincount(pairs, minlength=k * k).view(k, k)


confusion = by_cases(
    cases=[two_label_maps()],
    true=count,
    mistakes={
        "The rows and columns of your matrix are swapped. The truth belongs "
        "in the rows: a pixel adds one to counts[true, predicted].": (
            lambda p, t, k: count(p, t, k).T
        ),
        "Your function counts void pixels as class 0. Void is no class, so "
        "leave these pixels out of both tensors.": (
            lambda p, t, k: count(p, t.where(t != VOID, 0), k)
        ),
        "Your function counts void pixels as one of the classes. Void is no "
        "class, so leave these pixels out of both tensors.": [
            lambda p, t, k: count(p, t.clamp(max=k - 1), k),
            lambda p, t, k: count(p, t % k, k),
        ],
        "Your function counts each void pixel as correct. A void pixel is "
        "neither correct nor wrong, so it must not be counted at all.": (
            lambda p, t, k: count(p, t.where(t != VOID, p), k)
        ),
        "Your function returns the correct pixels of each class, which are "
        "only the diagonal of the matrix. Count the mistakes too: each pair "
        "of true and predicted class has a cell of its own.": (
            lambda p, t, k: count(p, t, k).diag()
        ),
        "Only the diagonal of your matrix is filled. Count the mistakes too: "
        "each pair of true and predicted class has a cell of its own.": (
            lambda p, t, k: count(p, t, k).diag().diag()
        ),
        "Each pair is counted once at most. With whole tensors, "
        "`counts[true, predicted] += 1` writes equal pairs only once; "
        "`torch.bincount` adds them up.": (
            lambda p, t, k: count(p, t, k).clamp(max=1)
        ),
        "Each row of your matrix is divided by its sum. Return the numbers of "
        "pixels, because only these can be added up over pictures.": (
            lambda p, t, k: F.normalize(count(p, t, k).double(), p=1)
        ),
        "Your matrix is divided by the number of all pixels. Return the "
        "numbers of pixels, because only these can be added up over "
        "pictures.": lambda p, t, k: count(p, t, k) / (t != VOID).sum(),
        "The numbers are correct, but they stand in one row. Give the result "
        "the shape `num_classes num_classes`.": (
            lambda p, t, k: count(p, t, k).flatten()
        ),
    },
    otherwise=lambda case, wanted, said: (
        f"Here {wanted.sum()} pixels are not void, but the numbers in your "
        f"matrix add up to {said.sum():g}. Try your function on the 16 pixels "
        "of the chapter."
    ),
)


def of_parts(rule):
    """A rule of diagonal, rows and columns; 0 / 0 as nan or as 0."""

    def measure(counts: Tensor) -> Tensor:
        return rule(counts.diag().double(), counts.sum(1), counts.sum(0))

    return [measure, lambda counts: measure(counts).nan_to_num(0)]


true_iou, iou_without_nan = of_parts(lambda both, r, c: both / (r + c - both))

iou = by_cases(
    cases=[
        (
            torch.tensor(
                [
                    [50, 3, 7, 0, 0],
                    [11, 20, 4, 0, 1],
                    [2, 0, 30, 0, 2],
                    [0, 0, 0, 0, 0],
                    [0, 0, 0, 0, 0],
                ]
            ),
        )
    ],  # class 3 occurs nowhere, class 4 is predicted only
    true=true_iou,
    form=lambda said, wanted: (
        "Your function returns one number. Return the IoU of each class, "
        "without taking the mean."
        if isinstance(said, float) or getattr(said, "ndim", None) == 0
        else None
    ),
    mistakes={
        "Your function divides by the sum of row and column. Both contain the "
        "diagonal, so the sum holds it twice; subtract it once.": (
            of_parts(lambda both, r, c: both / (r + c))
        ),
        "This is Dice, twice the diagonal divided by row plus column. In IoU "
        "the diagonal counts once, above and below the line.": (
            of_parts(lambda both, r, c: 2 * both / (r + c))
        ),
        "Your function divides by the row, which holds all pixels that truly "
        "belong to the class. This is recall; the union also contains the "
        "false alarms.": of_parts(lambda both, r, c: both / r),
        "Your function divides by the column, which holds all pixels that "
        "were predicted as the class. This is precision; the union also "
        "contains the missed pixels.": of_parts(lambda both, r, c: both / c),
        "Your function subtracts the diagonal twice. Pixels that are in both "
        "belong to the union too, so subtract them once.": (
            of_parts(lambda both, r, c: both / (r + c - 2 * both))
        ),
        "Your function divides by all pixels of all classes. The union of a "
        "class holds only the pixels of its row and of its column.": (
            of_parts(lambda both, r, c: both / r.sum())
        ),
        "Your function gives 0 to a class that occurs nowhere. Such a class "
        "has no IoU: let 0 / 0 stay nan, so that a mean can leave it out.": (
            iou_without_nan
        ),
        "Your function gives 1 to a class that occurs nowhere; a small number "
        "added to both sides of the division does this, too. Such a class has "
        "no IoU: let 0 / 0 stay nan, so that a mean can leave it out.": (
            lambda counts: true_iou(counts).nan_to_num(1)
        ),
        "Your function leaves out the class that occurs nowhere, so the "
        "numbers after it belong to the wrong classes. Keep nan in its "
        "place.": lambda counts: true_iou(counts)[[0, 1, 2, 4]],
    },
    otherwise=lambda case, wanted, said: (
        f"For the counts {case[0].tolist()} the first class has an IoU of "
        f"50 / (60 + 63 - 50) = {wanted[0]:.4f}, but your function returned "
        f"{said[0]:.4f} for it."
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
