"""Answers: the right ones, and mistakes with their words.

Nothing here is shared with the checkers' own formulas.
"""

import math

import torch
import torch.nn.functional as F


def enters(height, width, short, grow=math.ceil, least=min):
    factor = short / least(height, width)
    return tuple(grow(round(x * factor) / 32) * 32 for x in (height, width))


def starts(side, window, stride):
    """Walk along the side; the last step is as long as there is room."""
    found = [0]
    while found[-1] + window < side:
        found.append(min(found[-1] + stride, side - window))
    return found


def too_far(side, window, stride):
    found = [0]
    while found[-1] + window < side:
        found.append(found[-1] + stride)
    return found


def twice(side, window, stride):
    found = [0]
    while found[-1] + stride + window <= side:
        found.append(found[-1] + stride)
    return [*found, max(0, side - window)]


def before_the_picture(side, window, stride):
    return [side - window] if side < window else starts(side, window, stride)


def full(x, size):
    return F.interpolate(x, tuple(size), mode="bilinear", align_corners=False)


def blend(passes, size, turn=lambda x: F.softmax(x, 1), later=lambda x: x):
    found = [later(full(turn(x), size)) for x in passes]
    return torch.stack(found).mean(0).max(1).indices


def last_softmax(dim):
    return lambda p, s: blend(p, s, lambda x: x, lambda x: F.softmax(x, dim))


def vote(passes, size):
    labels = torch.stack([full(x, size).max(1).indices for x in passes])
    return labels.mode(0).values


RIGHT = {"enters": enters, "starts": starts, "blend": last_softmax(1)}
WRONG = [
    ("enters", lambda h, w, s: enters(h, w, s, math.floor), "rounded down"),
    ("enters", lambda h, w, s: enters(h, w, s, round), "nearest multiple"),
    ("enters", lambda h, w, s: enters(h, w, s, lambda x: x), "no multiples"),
    ("enters", lambda h, w, s: enters(h, w, s, lambda x: int(x) + 1),
     "adds another 32"),
    ("enters", lambda h, w, s: enters(h, w, s, least=max), "the longer side"),
    ("enters", lambda h, w, s: enters(h, w, s, least=lambda h, w: h),
     "always brings the height"),
    ("enters", lambda h, w, s: (math.ceil(s / 32) * 32,) * 2, "squares"),
    ("enters", lambda h, w, s: enters(h, w, s)[::-1], "enters the network"),
    ("enters", lambda h, w, s: 256, "should be 2 numbers"),
    ("starts", lambda *a: twice(*a)[:-1], "end of the side is not seen"),
    ("starts", too_far, "beyond the border"),
    ("starts", twice, "come twice"),
    ("starts", before_the_picture, "begins before the picture"),
    ("starts", lambda side, w, s: starts(side, w, w), "lie side by side"),
    ("starts", lambda *a: [x + 1 for x in starts(*a)], "begin at [0, 3, 6]"),
    ("starts", lambda *a: 0, "should be 3 numbers"),
    ("blend", lambda p, s: blend(p, s, lambda x: x), "averages logits"),
    ("blend", vote, "vote with their labels"),
    ("blend", blend, "before the resizing"),
    ("blend", last_softmax(0), "over the batch"),
    ("blend", last_softmax(3), "over the columns"),
    ("blend", lambda p, s: last_softmax(1)(p[:1], s), "first pass alone"),
    ("blend", lambda p, s: last_softmax(1)(p[-1:], s), "last pass alone"),
    ("blend", lambda p, s: full(p[0], s), "argmax over the classes"),
    ("blend", lambda p, s: blend(p, s) * 0, "The labels differ"),
    ("blend", lambda p, s: 3, "the labels, a tensor"),
]  # fmt: skip
