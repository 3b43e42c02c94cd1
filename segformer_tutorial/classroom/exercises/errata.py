"""Exercises on faults that real code has had: find them and repair them."""

from copy import deepcopy
from math import isnan, nan

import torch
from einops import rearrange, reduce
from torch import Tensor, nn

from ...data import VOID
from .checking import AnswerError, Exercise, by_cases, closely, kind, shown


def grouped(pattern: str, how: str = "mean"):
    """A rule: the tokens of each group, combined, on a grid of h // r rows."""
    return lambda x, h, r: reduce(
        x, f"b {pattern} c -> b h w c", how, h=h // r, p=r, q=r
    )


def flat(merged: int):
    """A rule: so many tokens that follow each other in the list are merged."""

    def rule(x: Tensor, h: int, r: int) -> Tensor:
        x = reduce(x, "b (n m) c -> b n c", "mean", m=r**merged)
        return rearrange(x, "b (h w) c -> b h w c", h=h // r)

    return rule


GENERATOR = torch.Generator().manual_seed(0)

squares = by_cases(
    cases=[
        (torch.randn(1, 96, 2, generator=GENERATOR), 8, 2),
        (torch.randn(2, 108, 3, generator=GENERATOR), 6, 3),
    ],
    true=grouped("(h p w q)"),
    mistakes={
        "Your groups are strips: r tokens that follow each other in the list "
        "lie in one row. A square also reaches over r rows.": flat(1),
        "Your groups are strips of r * r tokens from one row. They have the "
        "right number of tokens, but a square has r rows and r columns.": (
            flat(2)
        ),
        "Your function adds the tokens of a square. Divide by their number.": (
            grouped("(h p w q)", "sum")
        ),
        "The tokens of your groups lie h / r rows and w / r columns apart. In "
        "brackets the last name moves fastest, so write the position within "
        "the square to the right of the square's own.": grouped("(p h q w)"),
        "The list is written row by row, and your function reads it column by "
        "column.": lambda x, h, r: reduce(
            x, "b (w q h p) c -> b h w c", "mean", h=h // r, p=r, q=r
        ),
    },
    otherwise="For {1} rows of tokens and r = {2} your squares have other "
    "means. Try it with tokens that are numbered.",
)


def ious(
    predicted: Tensor, true: Tensor, classes: int, void: bool = True
) -> list[float]:
    """The IoU of each class over all pixels, nan for one that is absent."""
    if void:
        predicted, true = predicted[true != VOID], true[true != VOID]
    found = []
    for k in range(classes):
        both = ((predicted == k) & (true == k)).sum().item()
        either = ((predicted == k) | (true == k)).sum().item()
        found.append(both / either if either else nan)
    return found


def known(values: list[float]) -> float:
    """The mean over the values that exist."""
    values = [x for x in values if not isnan(x)]
    return sum(values) / len(values)


def plain_mean(values: list[float]) -> float:
    return sum(values) / len(values)


def zeros(values: list[float]) -> float:
    return plain_mean([0 if isnan(x) else x for x in values])


def validation(count: int, classes: int) -> tuple[Tensor, Tensor, int]:
    """Batches in which one class occurs in the first alone, and one nowhere."""
    predicted, true = torch.randint(
        classes - 2, (2, count, 2, 6, 6), generator=GENERATOR
    )
    predicted[0, 0, 0, 1:4] = true[0, 0, 0, 2:5] = classes - 2
    true[:, :, 5] = VOID
    return predicted, true, classes


def same_or_nan(a, b) -> bool:
    return closely(a, b) or (a != a and b != b)


score = by_cases(
    cases=[validation(2, classes=5), validation(3, classes=6)],
    true=lambda p, t, k: known(ious(p, t, k)),
    mistakes={
        "Your function returns the score of the last batch. Count over all "
        "batches before you divide.": [
            lambda p, t, k, mean=mean, void=void: mean(
                ious(p[-1], t[-1], k, void)
            )
            for mean in (known, zeros)
            for void in (True, False)
        ],
        "Your function takes the mean of the scores of the batches. Count "
        "over all batches, and divide once.": [
            lambda p, t, k, mean=mean: plain_mean(
                [
                    mean(ious(one, other, k))
                    for one, other in zip(p, t, strict=True)
                ]
            )
            for mean in (known, zeros)
        ],
        "Your score is nan, because a class that occurs nowhere has the IoU "
        "0 / 0. Leave such a class out.": lambda p, t, k: nan,
        "A class that occurs nowhere counts as 0 in your function. Leave it "
        "out.": lambda p, t, k: zeros(ious(p, t, k)),
        "Void pixels count as false alarms in your function. A pixel whose "
        "true label is 255 does not count, whatever was predicted.": (
            lambda p, t, k: known(ious(p, t, k, void=False))
        ),
    },
    same=same_or_nan,
    otherwise=lambda case, wanted, said: (
        f"The mean IoU of {len(case[0])} batches should be {wanted:.4g}, but "
        f"your function returned {said:.4g}."
    ),
)


def watched(training: bool) -> nn.Module:
    """A model in which the mode can be seen: a norm and dropout."""
    model = nn.Sequential(
        nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 3)
    )
    return model.train(training)


def judge_modes(answer) -> str | None:
    """Call it with a model in training mode, then with one that is not."""
    for training in (True, False):
        model, x = watched(training), torch.randn(6, 4)
        with torch.no_grad():
            wanted = deepcopy(model).eval()(x)
        before = deepcopy(model.state_dict())
        said = answer(model, x)
        if said is None or said is ...:
            raise AnswerError("not answered yet.")
        if not isinstance(said, Tensor) or said.shape != wanted.shape:
            return (
                f"Your function should return the outputs of the model, "
                f"{kind(wanted)}, but it returned {shown(said)}."
            )
        after = model.state_dict()
        if not all(torch.equal(before[name], after[name]) for name in before):
            return (
                "Your function calls the model in training mode: BatchNorm "
                "has learned from pictures that it was to be tested on."
            )
        if not torch.allclose(said, wanted, atol=1e-5):
            return "These are not the model's outputs in evaluation mode."
        if said.requires_grad:
            return (
                "Your function records gradients, which costs memory. Call "
                "the model under torch.no_grad()."
            )
        modes = {module.training for module in model.modules()}
        if training and modes != {True}:
            return (
                "Your function leaves the model in evaluation mode, so the "
                "training that goes on has no dropout, and BatchNorm learns "
                "nothing any more."
            )
        if not training and modes != {False}:
            return (
                "The model came in evaluation mode, and your function leaves "
                "it in training mode. Give it back as it came."
            )
    return None


modes = Exercise(judge_modes)
