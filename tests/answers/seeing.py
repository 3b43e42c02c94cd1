"""Answers: the right ones, and mistakes with their words.

Nothing here is shared with the checkers' own formulas.
"""

import math

import torch
import torch.nn.functional as F


def keys(weights):
    return [
        (i, j, weights[i, j].item())
        for i in range(weights.shape[0])
        for j in range(weights.shape[1])
    ]


def distance(weights, row, column, cell, half=0.5, length=math.hypot):
    total = 0.0
    for i, j, w in keys(weights):
        down = i * cell + half * cell - row - half
        right = j * cell + half * cell - column - half
        total += w * length(down, right)
    return total


def to_the_mean(weights, row, column, cell):
    down = distance(weights, row, column, cell, length=lambda a, b: a)
    right = distance(weights, row, column, cell, length=lambda a, b: b)
    return math.sqrt(down**2 + right**2)


def sorted_keys(weights):
    return sorted(keys(weights), key=lambda key: -key[2])


def marked(weights, chosen):
    result = torch.zeros(weights.shape, dtype=torch.bool)
    for i, j, _ in chosen:
        result[i, j] = True
    return result


def nucleus(weights, share):
    held, chosen = 0.0, []
    for key in sorted_keys(weights):
        if held >= share - 1e-6:
            break
        held += key[2]
        chosen.append(key)
    return chosen


def by_loss(logits, labels, candidates, scale=lambda x, t: x / t, best=min):
    def loss(t):
        log = F.log_softmax(scale(logits, t), 1)
        return -log[range(len(labels)), labels].mean().item()

    return best(candidates, key=loss)


def by_confidence(logits, labels, candidates):
    right = (logits.argmax(1) == labels).float().mean()

    def gap(t):
        return abs((logits / t).softmax(1).amax(1).mean() - right)

    return min(candidates, key=gap)


RIGHT = {
    "distance": distance,
    "nucleus": lambda w, share: marked(w, nucleus(w, share)),
    "temperature": by_loss,
}
WRONG = [
    ("distance", lambda *case: distance(*case, half=0), "to the corners"),
    ("distance", lambda w, r, c, n: distance(w, r, c, n) / n, "in keys"),
    ("distance", lambda w, r, c, n: distance(w, c, r, n), "are swapped"),
    ("distance", to_the_mean, "distance of the mean position"),
    ("distance",
     lambda w, *case: distance(torch.ones(w.shape) / w.numel(), *case),
     "all count the same"),
    ("distance",
     lambda *case: distance(*case, length=lambda a, b: abs(a) + abs(b)),
     "rows plus columns"),
    ("distance", lambda *case: 3.0, "but your function returned 3"),
    ("distance", lambda *case: "far", "should be one number"),
    ("nucleus", lambda w, share: marked(w, nucleus(w, share)[:-1]),
     "last key is missing"),
    ("nucleus",
     lambda w, share: marked(
         w, sorted_keys(w)[: max(1, round(share * w.numel()))]),
     "by their number"),
    ("nucleus", lambda w, share: w >= share * w.amax(), "the largest weight"),
    ("nucleus", lambda w, share: ~marked(w, nucleus(w, share)), "not needed"),
    ("nucleus", lambda w, share: w > 9, "marks 0, or other ones"),
    ("nucleus", lambda w, share: 2, "a tensor of shape"),
    ("temperature",
     lambda *case: by_loss(*case, scale=lambda x, t: x * t), "multiplied by"),
    ("temperature", lambda *case: by_loss(*case, best=max), "the largest loss"),
    ("temperature", by_confidence, "mean confidence and accuracy"),
    ("temperature", lambda x, y, t: t[0], "not depend on the logits"),
    ("temperature", lambda *case: 7.0, "returned 7.0"),
]  # fmt: skip
