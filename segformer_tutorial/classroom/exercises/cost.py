"""Exercises on what a network takes: time and memory."""

from collections.abc import Callable, Sequence
from math import prod

from .checking import by_cases, closely

STRIDES = (4, 2, 2, 2)


def bytes_of_tables(
    *,
    squared: bool = True,
    reduced: bool = True,
    up: bool = False,
    heads_counted: bool = True,
    blocks_counted: bool = True,
    per_weight: int = 4,
) -> Callable[..., int]:
    """A rule for the attention weights of all blocks, right or mistaken."""

    def rule(depths, num_heads, ratios, h, w) -> int:
        total = 0
        stages = zip(STRIDES, depths, num_heads, ratios, strict=True)
        for stride, blocks, heads, ratio in stages:
            h, w = -(-h // stride), -(-w // stride)
            keys = h * w
            if reduced and squared:
                extra = ratio - 1 if up else 0
                keys = ((h + extra) // ratio) * ((w + extra) // ratio)
            elif reduced:
                keys = h * w // ratio
            blocks = blocks if blocks_counted else 1
            heads = heads if heads_counted else 1
            total += blocks * heads * h * w * keys * per_weight
        return total

    return rule


tables = by_cases(
    cases=[
        ((2, 2, 2, 2), (1, 2, 5, 8), (8, 4, 2, 1), 512, 512),
        ((3, 6, 40, 3), (1, 2, 5, 8), (8, 4, 2, 1), 250, 330),
        ((1, 2, 1, 1), (1, 2, 4, 4), (4, 4, 2, 2), 96, 64),
    ],
    true=bytes_of_tables(),
    mistakes={
        "Your function counts the attention weights. In float32 each of them "
        "takes 4 bytes.": bytes_of_tables(per_weight=1),
        "Your function counts one table for each layer. Every head has a "
        "table of its own.": bytes_of_tables(heads_counted=False),
        "Your function counts one block for each stage. Training keeps the "
        "tables of all blocks.": bytes_of_tables(blocks_counted=False),
        "Your function has as many keys as queries. The reduction makes fewer "
        "keys.": bytes_of_tables(reduced=False),
        "Your function divides the keys by the ratio once. The ratio is one of "
        "sides, and both sides are reduced.": bytes_of_tables(squared=False),
        "Your function rounds the number of keys up. A window that is not "
        "full is dropped, so each side is rounded down.": (
            bytes_of_tables(up=True)
        ),
    },
    same=closely,
    otherwise="For depths {0}, heads {1}, ratios {2} and a picture of {3} x "
    "{4} pixels the tables take {wanted} bytes, but your function returned "
    "{said:.0f}.",
)


def terms(shares: Sequence[float], factors: Sequence[float]) -> list[float]:
    """What is left of each share."""
    return [s / f for s, f in zip(shares, factors, strict=True)]


speedup = by_cases(
    cases=[
        ([0.5, 0.5], [2, 1]),
        ([0.6, 0.3, 0.1], [6, 1, 2]),
        ([0.25, 0.75], [1000, 1]),
        ([0.2, 0.8], [4, 0.8]),
    ],
    true=lambda s, f: 1 / sum(terms(s, f)),
    mistakes={
        "Your function returns the part of the time that is left. The "
        "speed-up is its inverse.": lambda s, f: sum(terms(s, f)),
        "Your function takes the mean of the factors, weighted by the shares. "
        "Times can be added, factors cannot.": lambda s, f: sum(
            a * b for a, b in zip(s, f, strict=True)
        ),
        "Your function returns the part of the time that is saved.": (
            lambda s, f: 1 - sum(terms(s, f))
        ),
        "Your function adds the saved part to 1. Divide the old time by the "
        "new one.": lambda s, f: 2 - sum(terms(s, f)),
        "Your function multiplies the factors. Each of them applies to its own "
        "part alone.": lambda s, f: prod(f),
        "Your function returns the largest factor. The other parts take their "
        "time, too.": lambda s, f: max(f),
    },
    same=closely,
    otherwise="For the shares {0} and the factors {1} the whole is {wanted:.4g}"
    " times as fast, but your function returned {said:.4g}.",
)


def most(
    *, kept: bool = True, read: bool = True, last: int = 0, twice: bool = False
) -> Callable[..., int]:
    """A rule for the largest sum of live tensors, right or mistaken."""

    def rule(sizes, again) -> int:
        amounts = []
        for step in range(len(sizes) - 1):
            live = [step] * read + [step + 1]
            if kept:
                held = [i for i, j in again if i < step <= j + last]
                live += held if twice else set(held)
            amounts.append(sum(sizes[i] for i in live))
        return max(amounts)

    return rule


ram = by_cases(
    cases=[
        ([10, 10, 10], []),
        ([4, 4, 16, 16, 4, 4], [(0, 4)]),
        ([8, 2, 2, 2, 9], [(0, 3)]),
        ([6, 1, 5, 1, 1], [(0, 2), (0, 3), (1, 3)]),
        ([7, 1, 1, 8], [(0, 1)]),
    ],
    true=most(),
    mistakes={
        "Your function adds up all tensors. One that no later step reads can "
        "be freed.": lambda sizes, again: sum(sizes),
        "Your function returns the largest tensor. A step needs its input and "
        "its output at the same time.": lambda sizes, again: max(sizes),
        "Your function frees each tensor after the next step. Those in `again` "
        "have to stay.": most(kept=False),
        "Your function frees a kept tensor one step too early. The step that "
        "reads it needs it, too.": most(last=-1),
        "Your function frees a kept tensor one step too late.": most(last=1),
        "A tensor that is read again by two steps counts twice in your "
        "function.": most(twice=True),
        "Your function leaves out the input of a step. It is needed until the "
        "step is done.": most(read=False),
    },
    otherwise="For the sizes {0} and {1} read again, {wanted} bytes are needed "
    "at one time, but your function returned {said}.",
)
