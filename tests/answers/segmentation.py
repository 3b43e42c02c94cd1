"""Answers: the right ones, and mistakes with their words.

Nothing here is shared with the checkers' own formulas.
"""

from collections import Counter

import torch

VOID = 255


def relabel(numbers, void=lambda n: VOID, known=lambda n: n - 1):
    """Each number on its own."""
    flat = [known(n) if n else void(n) for n in numbers.flatten().tolist()]
    return torch.tensor(flat).view(numbers.shape)


def merge(counts, groups, rows=True, columns=True, keep=lambda i, j: True):
    """Pixel by pixel of the old matrix, the way it was once counted."""
    k, new = len(groups), max(groups) + 1
    result = torch.zeros(new if rows else k, new if columns else k)
    for i in range(k):
        for j in range(k):
            for _ in range(counts[i, j]):
                t, p = groups[i] if rows else i, groups[j] if columns else j
                result[t, p] += keep(i, j)
    return result


def last(counts, groups):
    """What indexing with = does: equal pairs are written once."""
    result = torch.zeros(3, 3, dtype=torch.int64)
    for i, j in torch.ones_like(counts).nonzero().tolist():
        result[groups[i], groups[j]] = counts[i, j]
    return result


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
    "relabel": relabel,
    "merge": merge,
    "prior": vote,
}
WRONG = [
    ("relabel", lambda n: n + torch.tensor(-1), "turns 0 into -1"),
    ("relabel", lambda n: relabel(n, lambda n: 0, lambda n: n - 1),
     "into class 0"),
    ("relabel", lambda n: relabel(n, known=lambda n: n), "begin at 1"),
    ("relabel", lambda n: relabel(n, void=lambda n: 254), "into 254"),
    ("relabel", lambda n: n, "should become [[255, 0, 1, 11]"),
    ("relabel", lambda n: n[0], "a tensor of shape (2, 4)"),
    ("relabel", lambda n: 3, "but yours is 3"),
    ("merge", lambda c, g: merge(c.T, g), "swapped"),
    ("merge", lambda c, g: merge(c, g, columns=False), "the rows only"),
    ("merge", lambda c, g: merge(c, g, rows=False), "the columns only"),
    ("merge", last, "only the last"),
    ("merge", lambda c, g: merge(
        c, g, keep=lambda i, j: i == j or g[i] != g[j]), "inside a group"),
    ("merge", lambda c, g: merge(c, g) / torch.tensor(
        [[4, 4, 2], [4, 4, 2], [2, 2, 1]]), "takes means"),
    ("merge", lambda c, g: merge(c, g) + 1, "add up to 299"),
    ("merge", lambda c, g: c, "a tensor of shape (3, 3)"),
    ("merge", lambda c, g: 12, "but yours is 12"),
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
