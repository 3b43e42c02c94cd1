"""Answers: the right ones, and mistakes with their words.

Nothing here is shared with the checkers' own formulas.
"""

from collections import Counter

import torch

VOID = 255


def pairs(predicted, true, k, keep=lambda p, t: t != VOID):
    """The matrix by a loop over the pixels."""
    counts = torch.zeros(k, k, dtype=torch.int64)
    for p, t in zip(
        predicted.flatten().tolist(), true.flatten().tolist(), strict=True
    ):
        if keep(p, t):
            counts[t, p] += 1
    return counts


def with_void_as(value):
    return lambda p, t, k: pairs(p, t.where(t != VOID, value), k)


def at_once(predicted, true, k):
    """What indexing with += does: equal pairs are written once."""
    counts = torch.zeros(k, k, dtype=torch.int64)
    known = true != VOID
    counts[true[known], predicted[known]] += 1
    return counts


def areas(counts, of=lambda both, missed, alarms: both + missed + alarms):
    """The IoU of each class from its three parts, one by one."""
    k = len(counts)
    found = []
    for i in range(k):
        both = counts[i, i].item()
        missed = sum(counts[i, j].item() for j in range(k) if j != i)
        alarms = sum(counts[j, i].item() for j in range(k) if j != i)
        union = of(both, missed, alarms)
        found.append(both / union if union else float("nan"))
    return torch.tensor(found)


def vote(labels, k, ballot=lambda values: [v for v in values if v != VOID]):
    """The most frequent class at each pixel, by counting its list."""
    found = [
        Counter(ballot(pixel.tolist())).most_common(1)[0][0]
        for pixel in labels.flatten(1).T
    ]
    return torch.tensor(found).view(labels.shape[1:])


def votes(labels, k):
    return torch.stack([(labels == i).sum(0) for i in range(k)])


RIGHT = {
    "confusion": pairs,
    "iou": areas,
    "prior": vote,
}
WRONG = [
    ("confusion", lambda p, t, k: pairs(p, t, k).T, "swapped"),
    ("confusion", with_void_as(torch.tensor(0)), "void pixels as class 0"),
    ("confusion", with_void_as(torch.tensor(3)), "one of the classes"),
    ("confusion", lambda p, t, k: with_void_as(p)(p, t, k),
     "void pixel as correct"),
    ("confusion", lambda p, t, k: pairs(p, t, k).diag(),
     "the correct pixels of each class"),
    ("confusion", lambda p, t, k: torch.eye(k) * pairs(p, t, k),
     "Only the diagonal"),
    ("confusion", at_once, "counted once at most"),
    ("confusion", lambda p, t, k: torch.nn.functional.normalize(
        pairs(p, t, k).float(), p=1), "Each row of your matrix"),
    ("confusion", lambda p, t, k: pairs(p, t, k) / 48,
     "the number of all pixels"),
    ("confusion", lambda p, t, k: pairs(p, t, k).reshape(-1), "the shape"),
    ("confusion", lambda p, t, k: pairs(p, t, 256, lambda p, t: True),
     "a tensor of shape (4, 4)"),
    ("confusion", lambda p, t, k: pairs(p, t, k) + 1, "add up to 64"),
    ("confusion", lambda p, t, k: 12, "but yours is 12"),
    ("iou", lambda c: areas(c, lambda b, m, a: 2 * b + m + a),
     "holds it twice"),
    ("iou", lambda c: 2 * areas(c, lambda b, m, a: 2 * b + m + a),
     "Dice"),
    ("iou", lambda c: areas(c, lambda b, m, a: b + m), "recall"),
    ("iou", lambda c: areas(c, lambda b, m, a: b + a), "precision"),
    ("iou", lambda c: areas(c, lambda b, m, a: m + a),
     "subtracts the diagonal twice"),
    ("iou", lambda c: areas(c, lambda b, m, a: 130), "all pixels"),
    ("iou", lambda c: areas(c).nan_to_num(0), "gives 0 to a class"),
    ("iou", lambda c: areas(c).nan_to_num(1), "gives 1 to a class"),
    ("iou", lambda c: areas(c)[[0, 1, 2, 4]], "leaves out the class"),
    ("iou", lambda c: areas(c, lambda b, m, a: b + m + a + 1e-6)
     .nan_to_num(0), "gives 0 to a class"),
    ("iou", lambda c: areas(c).nanmean(), "without taking the mean"),
    ("iou", lambda c: areas(c).nanmean().item(), "without taking the mean"),
    ("iou", lambda c: areas(c) / 2, "50 / (60 + 63 - 50)"),
    ("iou", lambda c: areas(c)[:2], "a tensor of shape (5,)"),
    ("iou", lambda c: "0.5", "but yours is '0.5'"),
    ("prior", lambda x, k: vote(x, k, lambda values: values),
     "void wins"),
    ("prior", lambda x, k: x.mode(0).values, "void wins"),
    ("prior", lambda x, k: vote(
        x, k, lambda values: [v % VOID for v in values]), "a vote for class 0"),
    ("prior", lambda x, k: x.float().mean(0).round().long(),
     "mean of class numbers"),
    ("prior", lambda x, k: x.where(x != VOID, torch.nan).nanmean(0).round(),
     "mean of class numbers"),
    ("prior", lambda x, k: x.median(0).values, "median"),
    ("prior", lambda x, k: torch.full(
        (2, 3), vote(x.reshape(-1, 1, 1), k).item()), "all pixels together"),
    ("prior", lambda x, k: votes(x, k).amax(0), "how many votes"),
    ("prior", votes, "The votes are correct"),
    ("prior", lambda x, k: votes(x, k).movedim(0, -1),
     "The votes are correct"),
    ("prior", lambda x, k: votes(x, k).argmin(0),
     "is 0, but your function returned 1"),
    ("prior", lambda x, k: x[0, 0], "a tensor of shape (2, 3)"),
    ("prior", lambda x, k: 3, "but yours is 3"),
]  # fmt: skip
