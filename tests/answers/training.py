"""Answers: the right ones, and mistakes with their words.

Nothing here is shared with the checkers' own formulas.
"""

import math
import random

import torch


def wave(part):
    """The square of a quarter wave of the cosine is half a wave from 1 to 0."""
    return math.cos(math.pi * part / 2) ** 2


def rate(step, lr, steps, warmup):
    left = wave(step / steps)
    warm = (step + 1) / (warmup + 1) if step < warmup else 1
    return lr * left * warm


def schedule(
    *, shift=0, first=1, last=1, join="times", start="zero", shape=wave
):
    """A learning rate with faults."""

    def answer(step, lr, steps, warmup):
        left = shape((step + shift) / steps)
        if start == "after" and step >= warmup:
            return lr * shape((step - warmup) / (steps - warmup))
        warm = (step + first) / (warmup + last)
        if start == "after":
            return lr * warm
        warm = warm if join == "endless" else 1 if warm > 1 else warm
        return lr * (min(left, warm) if join == "smaller" else left * warm)

    return answer


def steps_by_walking(epochs, pictures, batch_size, accumulation, processes):
    """Take step after step until the row is used up."""
    left, steps = epochs * pictures, 0
    while left > 0:
        left -= batch_size * accumulation * processes
        steps += 1
    return steps


def walked(total, size):
    return len(range(0, total, size))


def drawn(name):
    """Numbers from Python's own generator, seeded by a text."""

    def answer(seed, epoch, index, n):
        own = random.Random(name(seed, epoch, index))
        return torch.tensor([own.random() for _ in range(n)])

    return answer


def global_seed(seed, epoch, index, n):
    torch.manual_seed(hash((seed, epoch, index)) % 2**31)
    return torch.rand(n)


def three(a, b, c):
    return f"{a}/{b}/{c}"


RIGHT = {
    "rate": rate,
    "steps": steps_by_walking,
    "draws": drawn(three),
}
WRONG = [
    ("rate", lambda s, lr, n, w: rate(s, 1, n, w), "Multiply it by lr"),
    ("rate", lambda s, lr, n, w: lr * wave(s / n), "warm-up is missing"),
    ("rate", lambda s, lr, n, w: lr * min(w + 1, s + 1) / (w + 1),
     "decay is missing"),
    ("rate", schedule(shape=lambda part: 1 - part), "straight line"),
    ("rate", schedule(shape=lambda part: wave(2 * part)), "whole wave"),
    ("rate", schedule(shape=lambda part: math.cos(math.pi * part)),
     "from 1 to -1"),
    ("rate", schedule(shape=lambda part: math.cos(math.pi * part / 2)),
     "a quarter"),
    ("rate", schedule(join="endless"), "goes on beyond 1"),
    ("rate", lambda s, lr, n, w: lr * wave(s / n)
     * (1 if s < w else (s + 1) / (w + 1)), "takes `max`"),
    ("rate", schedule(first=0, last=0), "learns nothing"),
    ("rate", schedule(last=0), "one step too early"),
    ("rate", schedule(shift=1), "counts steps from 1"),
    ("rate", schedule(join="smaller"), "They are multiplied"),
    ("rate", schedule(start="after"), "begins when the warm-up ends"),
    ("rate", lambda *a: "fast", "should be one number"),
    ("rate", lambda *a: 7.0, "returned 7"),
    ("steps", lambda e, n, b, a, p: int(e * n / b / a / p + 1e-9),
     "rounds down, so"),
    ("steps", lambda e, n, b, a, p: e * walked(n, b * a * p),
     "rounds up in every epoch"),
    ("steps", lambda e, n, b, a, p: e * int(n / (b * a * p)),
     "rounds down in every epoch"),
    ("steps", lambda e, n, b, a, p: walked(e * n, b),
     "Accumulation and processes are missing"),
    ("steps", lambda e, n, b, a, p: walked(e * n, b * p),
     "Accumulation is missing"),
    ("steps", lambda e, n, b, a, p: walked(e * n, b * a),
     "The processes are missing"),
    ("steps", lambda e, n, b, a, p: walked(e * n * a, b * p),
     "Accumulation is on the wrong side"),
    ("steps", lambda e, n, b, a, p: walked(e * n * p, b * a),
     "The processes are on the wrong side"),
    ("steps", lambda e, n, b, a, p: walked(n, b * a * p),
     "one epoch"),
    ("steps", lambda e, n, b, a, p: e * n / (b * a * p), "round up"),
    ("steps", lambda *a: float(steps_by_walking(*a)), "as an int"),
    ("steps", lambda *a: 0.3, "returned 0.3"),
    ("steps", lambda *a: "ten", "should be one number"),
    ("steps", lambda *a: 3, "returned 3"),
    ("draws", lambda s, e, i, n: torch.rand(n), "depend on what"),
    ("draws", global_seed, "changes torch's own generator"),
    ("draws", drawn(lambda s, e, i: three(s, 0, i)),
     "epoch makes no difference"),
    ("draws", drawn(lambda s, e, i: three(s, e, 0)),
     "index makes no difference"),
    ("draws", drawn(lambda s, e, i: three(0, e, i)),
     "seed makes no difference"),
    ("draws", drawn(lambda s, e, i: three(*sorted((s, e, i)))),
     "can be exchanged"),
    ("draws", drawn(lambda s, e, i: f"{s + e}/{i}"), "can be exchanged"),
    ("draws", drawn(lambda s, e, i: f"{s + 7 * e + 7 * i}"),
     "can be exchanged"),
    ("draws", drawn(lambda s, e, i: f"{s}/{2 * e + 2 * i + (i > e)}"),
     "adds the numbers up"),
    ("draws", lambda s, e, i, n: torch.full((n,), 0.5), "from each other"),
    ("draws", lambda s, e, i, n: torch.arange(n), "floats in 0..1"),
    ("draws", lambda s, e, i, n: [0.5] * n, "a tensor of n"),
]  # fmt: skip
