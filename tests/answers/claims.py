"""Answers: the right ones, and mistakes with their words.

Nothing here is shared with the checkers' own formulas.
"""

from statistics import fmean, pstdev, stdev


def interval(changed, base, t, spread=stdev, root=True):
    d = [a - b for a, b in zip(changed, base, strict=True)]
    half = t * spread(d) / (len(d) ** 0.5 if root else 1)
    return fmean(d) - half, fmean(d) + half


def apart(changed, base, t):
    error = (stdev(changed) ** 2 + stdev(base) ** 2) / len(base)
    middle = fmean(changed) - fmean(base)
    return middle - t * error**0.5, middle + t * error**0.5


def holm(p, level, *, go_on=False, rising=False):
    answer = {}
    for rank, x in enumerate(sorted(p)):
        limit = level / (rank + 1 if rising else len(p) - rank)
        answer[x] = x <= limit and (go_on or all(answer.values()))
    return [answer[x] for x in p]


def robustness(values, clean, chance):
    return (fmean(values) - chance) / (clean - chance)


RIGHT = {"interval": interval, "holm": holm, "robustness": robustness}
WRONG = [
    ("interval", lambda c, b, t: interval(b, c, t), "base minus changed"),
    ("interval", apart, "nothing in common"),
    ("interval", lambda *a: interval(*a, root=False), "a single difference"),
    ("interval", lambda *a: interval(*a, spread=pstdev), "divides by n"),
    ("interval", lambda c, b, t: interval(c, b, t / 2), "half of the width"),
    ("interval", lambda c, b, t: interval(sorted(c), sorted(b), t),
     "sorted the two lists"),
    ("interval", lambda *a: (0.0, 1.0), "with t = 2.78 the interval"),
    ("interval", lambda *a: 1.0, "should be 2 numbers"),
    ("holm", lambda p, level: [x <= level / len(p) for x in p], "Bonferroni"),
    ("holm", lambda p, level: [x <= level for x in p], "the level itself"),
    ("holm", lambda *a: holm(*a, go_on=True), "goes on after"),
    ("holm", lambda *a: holm(*a, rising=True), "wrong way"),
    ("holm", lambda p, level: holm(sorted(p), level), "order of the sorted"),
    ("holm", lambda p, level: [False] * len(p), "the answer should be"),
    ("robustness", lambda v, clean, chance: fmean(v) / clean,
     "does not subtract chance"),
    ("robustness", lambda *a: 1 - robustness(*a), "part that is lost"),
    ("robustness", lambda v, clean, chance: (fmean(v) - chance) / clean,
     "corrupted mIoU alone"),
    ("robustness", lambda v, *a: robustness(v[-1:], *a), "strongest"),
    ("robustness", lambda v, clean, chance: clean - fmean(v), "in points"),
    ("robustness", lambda *a: 0.5, "the part should be"),
]  # fmt: skip
