"""Exercises on what a model looks at, and how sure it is."""

import torch
import torch.nn.functional as F
from torch import Tensor

from .checking import by_cases, closely


def offsets(
    weights: Tensor, row: float, column: float, cell: float, middle: float = 0.5
) -> tuple[Tensor, Tensor]:
    """Rows and columns in pixels from a pixel to every key: y x each."""
    y, x = (torch.arange(n, dtype=torch.float64) for n in weights.shape)
    rows = (y + middle) * cell - (row + middle)
    columns = (x + middle) * cell - (column + middle)
    return rows[:, None].expand(weights.shape), columns.expand(weights.shape)


def mean_length(
    weights: Tensor, row: float, column: float, cell: float, **options
) -> float:
    lengths = torch.hypot(*offsets(weights, row, column, cell, **options))
    return (weights.double() * lengths).sum().item()


def to_the_mean(weights: Tensor, row: int, column: int, cell: int) -> float:
    """The distance of the mean position, and not the mean distance."""
    parts = offsets(weights, row, column, cell)
    means = [(weights.double() * part).sum() for part in parts]
    return torch.hypot(*means).item()


def unweighted(weights: Tensor, row: int, column: int, cell: int) -> float:
    return torch.hypot(*offsets(weights, row, column, cell)).mean().item()


def around(weights: Tensor, row: int, column: int, cell: int) -> float:
    """Rows plus columns."""
    parts = offsets(weights, row, column, cell)
    lengths = parts[0].abs() + parts[1].abs()
    return (weights.double() * lengths).sum().item()


WEIGHTS = torch.tensor([[0.1, 0.4, 0.05], [0.15, 0.1, 0.2]])

distance = by_cases(
    cases=[
        (WEIGHTS, 40, 70, 32),
        (WEIGHTS.flip(1), 3, 11, 16),
        (torch.full((2, 2), 0.25), 15, 15, 16),
    ],
    true=mean_length,
    mistakes={
        "Your distances go to the corners of the keys. The middle of a key is "
        "half a cell further down and to the right, and the middle of a pixel "
        "half a pixel.": lambda *case: mean_length(*case, middle=0),
        "Your distance is counted in keys. A key is `cell` pixels wide.": (
            lambda weights, row, column, cell: (
                mean_length(weights, row, column, cell) / cell
            )
        ),
        "Row and column are swapped.": lambda weights, row, column, cell: (
            mean_length(weights, column, row, cell)
        ),
        "Your function returns the distance of the mean position. Keys on "
        "opposite sides cancel in it; take the mean of the distances.": (
            to_the_mean
        ),
        "Your keys all count the same. Each distance counts with its attention "
        "weight.": unweighted,
        "Your distances are rows plus columns. The straight line is the root "
        "of the sum of the squares.": around,
    },
    same=closely,
    otherwise="For a pixel at row {1}, column {2} and keys of {3} pixels the "
    "mean distance is {wanted:.4g}, but your function returned {said:.4g}.",
)


def ranked(weights: Tensor, kept: Tensor) -> Tensor:
    """Mark what `kept` says of the weights in falling order: y x."""
    order = weights.flatten().argsort(descending=True, stable=True)
    marked = torch.zeros(weights.numel(), dtype=torch.bool)
    marked[order[kept]] = True
    return marked.view(weights.shape)


def before(weights: Tensor) -> Tensor:
    """How much the larger weights hold together, for each in order."""
    falling = weights.double().flatten().sort(descending=True).values
    return falling.cumsum(0) - falling


def fewest(weights: Tensor, share: float) -> Tensor:
    return ranked(weights, before(weights) < share - 1e-9)


def without_the_last(weights: Tensor, share: float) -> Tensor:
    kept = before(weights) < share - 1e-9
    kept[kept.sum() - 1] = False
    return ranked(weights, kept)


def part_of_the_keys(weights: Tensor, share: float) -> Tensor:
    count = max(1, round(share * weights.numel()))
    return ranked(weights, torch.arange(weights.numel()) < count)


nucleus = by_cases(
    cases=[
        (torch.tensor([[0.05, 0.30, 0.02], [0.41, 0.07, 0.15]]), 0.5),
        (torch.tensor([[0.05, 0.30, 0.02], [0.41, 0.07, 0.15]]), 0.9),
        (torch.tensor([[0.97, 0.01], [0.015, 0.005]]), 0.5),
    ],
    true=fewest,
    mistakes={
        "The last key is missing. Without it they hold less than `share`.": (
            without_the_last
        ),
        "Your function marks a part of the keys by their number. Count how "
        "much attention they hold.": part_of_the_keys,
        "Your function marks keys that have `share` of the largest weight.": (
            lambda weights, share: weights >= share * weights.max()
        ),
        "Your function marks the keys that are not needed.": (
            lambda weights, share: ~fewest(weights, share)
        ),
    },
    otherwise=lambda case, wanted, said: (
        f"For a share of {case[1]}, {int(wanted.sum())} of {wanted.numel()} "
        f"keys should be marked, but your function marks "
        f"{int(said.bool().sum())}, or other ones."
    ),
)


def losses(
    logits: Tensor, labels: Tensor, candidates: list[float], power: int = -1
) -> list[float]:
    return [
        F.cross_entropy(logits * t**power, labels).item() for t in candidates
    ]


def chosen(values: list[float], candidates: list[float], best=min) -> float:
    return candidates[values.index(best(values))]


def gap(logits: Tensor, labels: Tensor, t: float) -> float:
    """Mean confidence against accuracy."""
    sure, best = (logits / t).softmax(1).max(1)
    return (sure.mean() - (best == labels).float().mean()).abs().item()


CANDIDATES = [0.25, 0.5, 1.0, 2.0, 4.0]
LABELS = torch.tensor([0, 1, 2, 0, 1, 2, 0, 1])
LOGITS = torch.tensor(
    [
        [2.0, 0.3, -0.2],
        [0.1, 1.5, 0.4],
        [0.2, -0.5, 1.9],
        [0.3, 1.2, 0.1],
        [-0.4, 2.2, 0.6],
        [1.0, 0.2, 0.8],
        [1.4, 0.1, 0.5],
        [0.6, 0.5, -0.9],
    ]
)

temperature = by_cases(
    cases=[
        (5 * LOGITS, LABELS, CANDIDATES),
        (LOGITS / 3, LABELS, CANDIDATES),
        (12 * LOGITS[:6], LABELS[:6], [1.0, 3.0, 9.0, 27.0]),
    ],
    true=lambda x, y, t: chosen(losses(x, y, t), t),
    mistakes={
        "Your logits are multiplied by the temperature. Divide by it.": (
            lambda x, y, t: chosen(losses(x, y, t, power=1), t)
        ),
        "Your function returns the candidate with the largest loss.": (
            lambda x, y, t: chosen(losses(x, y, t), t, best=max)
        ),
        "Your function compares mean confidence and accuracy, in which "
        "overconfident and underconfident pixels cancel. Compare the loss.": (
            lambda x, y, t: chosen([gap(x, y, each) for each in t], t)
        ),
        "Your function does not depend on the logits. If it compares "
        "accuracies: no temperature changes which logit is the largest.": (
            lambda x, y, t: t[0]
        ),
    },
    same=closely,
    otherwise="Among {2} the loss is smallest at {wanted}, but your function "
    "returned {said}.",
)
