"""Checkers on a class for every pixel."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from .checking import ask

VOID = 255


def same(got: Tensor, wanted: Tensor) -> bool:
    """Equal in shape and, up to rounding, in numbers; nan equals nan."""
    return got.shape == wanted.shape and torch.allclose(
        got.double(), wanted.double(), atol=1e-4, equal_nan=True
    )


def confusion(answer: Callable) -> str | None:
    """A confusion matrix, truth in the rows, void left out."""
    generator = torch.Generator().manual_seed(0)
    k = 4
    true = torch.randint(k, (6, 9), generator=generator)
    predicted = torch.randint(k, (6, 9), generator=generator)
    true[0, :5] = true[4, 3] = VOID
    predicted[0, :5] = torch.tensor([0, 0, 1, 2, 3])
    got = ask(answer, predicted.clone(), true.clone(), k)
    if not isinstance(got, Tensor):
        return f"not yet: expected a tensor, got {type(got).__name__}."

    def count(rows: Tensor, columns: Tensor) -> Tensor:
        return torch.stack(
            [
                torch.stack([((rows == i) & (columns == j)).sum() for j in c])
                for i in c
            ]
        )

    c = range(k)
    wanted = count(true, predicted)
    if same(got, wanted):
        return None
    diagonal = wanted.diag()
    void_as_first = count(true.where(true != VOID, 0), predicted)
    void_as_last = count(true.clamp(max=k - 1), predicted)
    wrapped = count(true % k, predicted)
    void_right = count(true.where(true != VOID, predicted), predicted)
    mistakes = [
        (
            wanted.T,
            "rows and columns are swapped. The truth belongs in the rows: "
            "counts[true, predicted].",
        ),
        (
            void_as_first,
            "void is counted as class 0. Leave these pixels out, in both "
            "tensors.",
        ),
        (
            void_as_last,
            "void is counted as one of the classes. Leave these pixels out, "
            "in both tensors.",
        ),
        (
            wrapped,
            "void is counted as one of the classes. Leave these pixels out, "
            "in both tensors.",
        ),
        (
            void_right,
            "void is counted as a hit. It is neither right nor wrong: leave "
            "these pixels out.",
        ),
        (
            diagonal,
            "these are the right pixels of each class, the diagonal. Count "
            "the mistakes too, each pair in a cell of its own.",
        ),
        (
            diagonal.diag(),
            "only the diagonal is counted. Count the mistakes too, each pair "
            "in a cell of its own.",
        ),
        (
            wanted.clamp(max=1),
            "each pair is counted once at most. `counts[true, predicted] += "
            "1` does this with whole tensors: it writes 1 only once for equal "
            "pairs. `bincount` adds them up.",
        ),
        (
            wanted / wanted.sum(1, keepdim=True),
            "these are shares of each row. Give the numbers of pixels, which "
            "can be added up over pictures.",
        ),
        (
            wanted / wanted.sum(),
            "these are shares of all pixels. Give the numbers of pixels, "
            "which can be added up over pictures.",
        ),
        (
            wanted.flatten(),
            "the numbers are there. Give them the shape num_classes "
            "num_classes.",
        ),
    ]
    for wrong, mistake in mistakes:
        if same(got, wrong):
            return mistake
    if got.shape != wanted.shape:
        return (
            f"not yet: for {k} classes expected shape {tuple(wanted.shape)}, "
            f"got {tuple(got.shape)}."
        )
    return (
        f"not yet: {wanted.sum().item()} pixels count here, your matrix adds "
        f"up to {got.sum().item():g}; try it on the 16 pixels of the chapter."
    )


def iou_of(answer: Callable) -> str | None:
    """The IoU of each class from a confusion matrix."""
    counts = torch.tensor(
        [
            [50, 3, 7, 0, 0],
            [11, 20, 4, 0, 1],
            [2, 0, 30, 0, 2],
            [0, 0, 0, 0, 0],
            [0, 0, 0, 0, 0],
        ]
    )  # class 3 is nowhere, class 4 is predicted only
    got = ask(answer, counts.clone())
    if isinstance(got, float) or (isinstance(got, Tensor) and got.ndim == 0):
        return "not yet: one IoU for each class, without their mean."
    if not isinstance(got, Tensor):
        return f"not yet: expected a tensor, got {type(got).__name__}."
    both = counts.diag().double()
    rows, columns = counts.sum(1), counts.sum(0)
    wanted = both / (rows + columns - both)
    if same(got, wanted):
        return None
    absent = (
        "a class that is nowhere has no IoU: 0 / 0 must stay nan, so that a "
        "mean can leave it out. Here it is {}."
    )
    mistakes = [
        (
            both / (rows + columns),
            "row and column share the diagonal, so their sum holds it twice. "
            "Take it away once.",
        ),
        (
            2 * both / (rows + columns),
            "this is Dice: twice the diagonal, divided by row plus column. "
            "In IoU the diagonal counts once, above and below.",
        ),
        (
            both / rows,
            "this divides by the row, all pixels that are truly of the class: "
            "the accuracy of the class, or recall. False alarms are missing.",
        ),
        (
            both / columns,
            "this divides by the column, all pixels predicted as the class: "
            "precision. Missed pixels are missing.",
        ),
        (
            both / (rows + columns - 2 * both),
            "the diagonal is taken away twice. What is in both belongs to the "
            "union too, once.",
        ),
        (both / counts.sum(), "this divides by all pixels of all classes."),
        (wanted.nan_to_num(0), absent.format("0")),
        (wanted.nan_to_num(1), absent.format("1")),
        (
            wanted[~wanted.isnan()],
            "the class that is nowhere is left out of the result, so the "
            "numbers after it stand at the wrong class. Keep nan in its place.",
        ),
    ]
    for wrong, mistake in mistakes:
        if any(same(got, w) for w in (wrong, wrong.nan_to_num(0))):
            return mistake
    smooth = (both + 1e-6) / (rows + columns - both + 1e-6)
    if same(got, smooth):
        return absent.format("1, because of the small number in the division")
    if got.shape != wanted.shape:
        return (
            f"not yet: for {len(counts)} classes expected {len(counts)} "
            f"numbers, got shape {tuple(got.shape)}."
        )
    return (
        f"not yet: for the counts {counts.tolist()} the first class has "
        f"50 / (60 + 63 - 50) = {wanted[0]:.4f}, your function says "
        f"{got[0].item():.4f}."
    )


def prior(answer: Callable) -> str | None:
    """The most frequent class at each pixel, void left out."""
    # Five pictures, six pixels: what stands at each pixel in the five.
    columns = [
        [0, 0, 3, 2, 1],
        [1, 1, 3, 3, 3],
        [VOID, VOID, VOID, 2, 2],  # void is the most frequent
        [0, 0, 3, 3, 0],
        [3, 3, VOID, 3, 1],
        [2, VOID, 2, 0, 1],
    ]
    k = 4
    labels = torch.tensor(columns).T.reshape(5, 2, 3)
    got = ask(answer, labels.clone(), k)
    if not isinstance(got, Tensor):
        return f"not yet: expected a tensor, got {type(got).__name__}."
    known = labels != VOID
    votes = F.one_hot(labels.where(known, k), k + 1)
    wanted = votes[..., :k].sum(0).argmax(-1)
    if same(got, wanted):
        return None
    void_wins = votes.sum(0).argmax(-1)
    total = labels.where(known, 0).double().sum(0)
    mean = total / known.sum(0)
    everywhere = torch.bincount(labels[known]).argmax().expand(2, 3)
    mistakes = [
        (
            void_wins.where(void_wins < k, VOID),
            "void wins a vote. It is no class: it must not vote.",
        ),
        (void_wins, "void wins a vote. It is no class: it must not vote."),
        (
            votes[..., :k].sum(0).argmax(-1).where(void_wins < k, 0),
            "void votes for class 0. It must not vote.",
        ),
        (
            labels.where(known, 0).mode(0).values,
            "void votes for class 0. It must not vote.",
        ),
        *(
            (
                numbers,
                "this is a mean of class numbers. The mean of 1 and 3 is 2, "
                "which may be a class that is nowhere: count instead.",
            )
            for numbers in (
                mean,
                mean.round(),
                mean.floor(),
                labels.double().mean(0),
                labels.double().mean(0).round(),
                labels.double().mean(0).floor(),
            )
        ),
        (
            labels.median(0).values,
            "this is a median of class numbers. Their order means nothing: "
            "count instead.",
        ),
        (
            everywhere,
            "this is the most frequent class of all pixels together. Count "
            "at each pixel on its own.",
        ),
        (
            votes[..., :k].sum(0).amax(-1),
            "these are the numbers of votes. Which class got them? argmax.",
        ),
        (
            votes[..., :k].sum(0),
            "the votes are there. Take the class that has the most at each "
            "pixel.",
        ),
        (
            votes[..., :k].sum(0).movedim(-1, 0),
            "the votes are there. Take the class that has the most at each "
            "pixel.",
        ),
    ]
    for wrong, mistake in mistakes:
        if same(got, wrong):
            return mistake
    if got.shape != wanted.shape:
        return (
            "not yet: for labels of 5 2 3 expected shape 2 3, got "
            f"{tuple(got.shape)}."
        )
    for i, pixel in enumerate(columns):
        said = got.flatten()[i].item()
        if said != wanted.flatten()[i]:
            return (
                f"not yet: at a pixel with the labels {pixel} expected "
                f"{wanted.flatten()[i]}, your function says {said:g}."
            )
    return "not yet."


CHECKERS = {
    "segmentation.confusion": confusion,
    "segmentation.iou": iou_of,
    "segmentation.prior": prior,
}
