"""Exercises on comparing runs: pairs, intervals, many comparisons."""

from collections.abc import Iterable
from math import sqrt

import torch

from .checking import by_cases, closely


def center_and_error(
    values: torch.Tensor, correction: int = 1
) -> tuple[torch.Tensor, torch.Tensor]:
    return values.mean(), values.std(correction=correction) / sqrt(len(values))


def around(center, half) -> tuple[float, float]:
    return float(center - half), float(center + half)


def paired(
    changed: list[float], base: list[float], t: float, correction: int = 1
) -> tuple[float, float]:
    """The interval of the mean of the differences, seed by seed."""
    difference = torch.tensor(changed).double() - torch.tensor(base).double()
    center, error = center_and_error(difference, correction)
    return around(center, t * error)


def unpaired(
    changed: list[float], base: list[float], t: float
) -> tuple[float, float]:
    """As if the seeds of the two had nothing in common."""
    (a, a_error), (b, b_error) = (
        center_and_error(torch.tensor(x).double()) for x in (changed, base)
    )
    return around(a - b, t * torch.hypot(a_error, b_error))


def of_runs(
    changed: list[float], base: list[float], t: float
) -> tuple[float, float]:
    """The standard deviation of the differences, and not of their mean."""
    low, high = paired(changed, base, t)
    half = (high - low) / 2 * sqrt(len(base))
    return around((low + high) / 2, half)


CHANGED = [24.1, 26.0, 23.2, 25.5, 24.4]
BASE = [25.0, 26.3, 24.5, 25.9, 24.8]

interval = by_cases(
    cases=[
        (CHANGED, BASE, 2.78),
        (BASE, CHANGED[::-1], 5.0),
        ([30.0, 34.0, 31.0], [29.0, 30.5, 31.5], 4.3),
    ],
    true=paired,
    mistakes={
        "Your difference is base minus changed. It should be negative where "
        "the change makes the model worse.": (
            lambda changed, base, t: paired(base, changed, t)
        ),
        "Your interval treats the two lists as if their seeds had nothing in "
        "common. Take the differences first, seed by seed.": unpaired,
        "Your interval is that of a single difference. The mean of n "
        "differences varies less, by the square root of n.": of_runs,
        "Your standard deviation divides by n. Five values that tell their "
        "own mean need n - 1.": lambda *case: paired(*case, correction=0),
        "Your interval has half of the width. It reaches t standard errors to "
        "each side.": lambda changed, base, t: paired(changed, base, t / 2),
        "You sorted the two lists, so the values no longer belong to the same "
        "seed.": lambda changed, base, t: paired(
            sorted(changed), sorted(base), t
        ),
    },
    same=closely,
    otherwise=lambda case, wanted, said: (
        f"For {case[0]} and {case[1]} with t = {case[2]} the interval should "
        f"be {wanted[0]:.4g} to {wanted[1]:.4g}, but yours is {said[0]:.4g} to "
        f"{said[1]:.4g}."
    ),
)


def bounds(p: list[float], level: float, divisors: Iterable[int]) -> list[bool]:
    """Holm's rule with these divisors for the smallest p, the next, ..."""
    found, going = [False] * len(p), True
    order = sorted(range(len(p)), key=p.__getitem__)
    for i, divisor in zip(order, divisors, strict=True):
        going = going and p[i] <= level / divisor
        found[i] = going
    return found


def step_down(p: list[float], level: float) -> list[bool]:
    return bounds(p, level, range(len(p), 0, -1))


def never_stops(p: list[float], level: float) -> list[bool]:
    order = sorted(range(len(p)), key=p.__getitem__)
    return [x <= level / (len(p) - order.index(i)) for i, x in enumerate(p)]


holm = by_cases(
    cases=[
        ([0.004, 0.03, 0.012, 0.2], 0.05),
        ([0.01, 0.02, 0.022, 0.04, 0.3], 0.1),
        ([0.03, 0.026, 0.001], 0.05),
        ([0.6, 0.0101, 0.04, 0.01, 0.0249], 0.05),
    ],
    true=step_down,
    mistakes={
        "Your function divides the level by the number of comparisons for "
        "all of them. That is Bonferroni's rule. Holm's is less strict from "
        "the second smallest p on.": (
            lambda p, level: [x <= level / len(p) for x in p]
        ),
        "Your function compares each p with the level itself, so the number "
        "of comparisons does not matter.": (
            lambda p, level: [x <= level for x in p]
        ),
        "Your function goes on after the first p that is too large. From "
        "there on nothing counts any more.": never_stops,
        "Your divisors run the wrong way. The smallest p has to pass the "
        "strictest line.": (
            lambda p, level: bounds(p, level, range(1, len(p) + 1))
        ),
        "Your function answers in the order of the sorted p. Answer in the "
        "order in which they were given.": (
            lambda p, level: step_down(sorted(p), level)
        ),
    },
    same=list.__eq__,
    otherwise="For {0} and a level of {1} the answer should be {wanted}, but "
    "your function returned {said}.",
)


def kept(part: float, whole: float, chance: float) -> float:
    return (part - chance) / (whole - chance)


robustness = by_cases(
    cases=[
        ([30.0, 26.0, 12.0], 30.0, 2.0),
        ([18.0, 9.0], 26.0, 6.0),
        ([45.0, 44.0, 43.0], 50.0, 1.5),
    ],
    true=lambda values, clean, chance: (
        sum(kept(x, clean, chance) for x in values) / len(values)
    ),
    mistakes={
        "Your function does not subtract chance, so a model that knows "
        "nothing any more still keeps a part.": (
            lambda values, clean, chance: sum(values) / len(values) / clean
        ),
        "Your function returns the part that is lost. Subtract it from 1.": (
            lambda values, clean, chance: (
                1 - sum(kept(x, clean, chance) for x in values) / len(values)
            )
        ),
        "Your function subtracts chance from the corrupted mIoU alone. What "
        "the model can lose is clean minus chance.": (
            lambda values, clean, chance: (
                sum(x - chance for x in values) / len(values) / clean
            )
        ),
        "Your function returns the part that is kept at the strongest "
        "corruption. Take the mean over all of them.": (
            lambda values, clean, chance: kept(values[-1], clean, chance)
        ),
        "Your function returns a difference in points. Divide by what the "
        "model can lose.": lambda values, clean, chance: (
            clean - sum(values) / len(values)
        ),
    },
    same=closely,
    otherwise="For {0}, {1} on clean pictures and {2} by chance, the part "
    "should be {wanted:.4g}, but your function returned {said:.4g}.",
)
