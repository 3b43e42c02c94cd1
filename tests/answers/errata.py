"""Answers: the right ones, and mistakes with their words.

Nothing here is shared with the checkers' own formulas.
"""

import math

import torch


def squares(tokens, h, r, *, total=False, across=False, apart=False):
    b, n, c = tokens.shape
    w = n // h
    grid = tokens.reshape(b, h, w, c)
    if across:
        grid = tokens.reshape(b, w, h, c).transpose(1, 2)
    merged = torch.zeros(b, h // r, w // r, c)
    for y in range(h // r):
        for x in range(w // r):
            square = grid[:, y * r : y * r + r, x * r : x * r + r]
            if apart:
                square = grid[:, y :: h // r, x :: w // r]
            merged[:, y, x] = square.sum((1, 2))
    return merged if total else merged / r**2


def strips(length):
    def answer(tokens, h, r):
        b, _, c = tokens.shape
        means = tokens.reshape(b, -1, r**length, c).mean(2)
        return means.reshape(b, h // r, -1, c)

    return answer


def of_classes(predicted, true, k, void=True):
    """IoUs from pairs of labels, counted one by one."""
    counts, alarms = [[0] * k for _ in range(k)], [0] * k
    labels = zip(predicted.flatten(), true.flatten(), strict=True)
    for p, t in labels:
        if t == 255:
            alarms[p] += not void
        else:
            counts[t][p] += 1
    found = []
    for i in range(k):
        union = sum(counts[i]) + sum(row[i] for row in counts) + alarms[i]
        union -= counts[i][i]
        found.append(counts[i][i] / union if union else math.nan)
    return torch.tensor(found)


def score(predicted, true, k, void=True):
    return of_classes(predicted, true, k, void).nanmean().item()


def of_batches(predicted, true, k):
    pairs = zip(predicted, true, strict=True)
    return sum(score(p, t, k) for p, t in pairs) / len(predicted)


def modes(model, x):
    was = model.training
    model.eval()
    with torch.no_grad():
        out = model(x)
    model.train(was)
    return out


def left_in_evaluation(model, x):
    model.eval()
    with torch.no_grad():
        return model(x)


def always_training(model, x):
    out = left_in_evaluation(model, x)
    model.train()
    return out


def with_gradients(model, x):
    was = model.training
    out = model.eval()(x)
    model.train(was)
    return out


def doubled(model, x):
    return 2 * modes(model, x)


RIGHT = {"squares": squares, "score": score, "modes": modes}
WRONG = [
    ("squares", strips(1), "Your groups are strips: r tokens"),
    ("squares", strips(2), "strips of r * r tokens"),
    ("squares", lambda *a: squares(*a, total=True), "adds the tokens"),
    ("squares", lambda *a: squares(*a, apart=True), "columns apart"),
    ("squares", lambda *a: squares(*a, across=True), "column by column"),
    ("squares", lambda *a: squares(*a) + 1, "have other means"),
    ("squares", lambda *a: squares(*a).flatten(1, 2), "a tensor of shape"),
    ("squares", lambda *a: 1.0, "a tensor of shape"),
    ("score", lambda p, t, k: score(p[-1], t[-1], k),
     "score of the last batch"),
    ("score", of_batches, "mean of the scores of the batches"),
    ("score", lambda *a: of_classes(*a).mean().item(), "score is nan"),
    ("score", lambda *a: of_classes(*a).nan_to_num().mean().item(),
     "counts as 0"),
    ("score", lambda *a: score(*a, False), "Void pixels count"),
    ("score", lambda *a: 0.5, "2 batches should be"),
    ("score", lambda *a: "high", "should be one number"),
    ("modes", left_in_evaluation, "leaves the model in evaluation mode"),
    ("modes", always_training, "leaves it in training mode"),
    ("modes", lambda model, x: model(x), "learned from pictures"),
    ("modes", with_gradients, "records gradients"),
    ("modes", doubled, "outputs in evaluation mode"),
    ("modes", lambda model, x: 1, "it returned 1"),
]  # fmt: skip
