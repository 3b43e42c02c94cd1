"""Answers: the right ones, and mistakes with their words.

Nothing here is shared with the checkers' own formulas.
"""

import math


def tables(
    depths, heads, ratios, h, w, *, key=None, size=4, one_head=False, block=None
):
    key = key or (lambda h, w, r: (h // r) * (w // r))
    total = 0
    for i, shrink in enumerate((4, 8, 16, 32)):
        rows, columns = math.ceil(h / shrink), math.ceil(w / shrink)
        table = rows * columns * key(rows, columns, ratios[i])
        table *= 1 if one_head else heads[i]
        total += table * (block or depths[i]) * size
    return total


def changed(**changes):
    return lambda *arguments: tables(*arguments, **changes)


def speedup(shares, factors):
    new = 0.0
    for share, factor in zip(shares, factors, strict=True):
        new += share / factor
    return sum(shares) / new


def ram(sizes, again, *, early=0):
    """Free what is not read any more, step by step."""
    last = list(range(len(sizes)))
    for tensor, step in again:
        last[tensor] = max(last[tensor], step - early)
    live, peak = {0: sizes[0]}, 0
    for step in range(len(sizes) - 1):
        live[step + 1] = sizes[step + 1]
        peak = max(peak, sum(live.values()))
        live = {i: size for i, size in live.items() if last[i] > step}
    return peak


def twice(sizes, again):
    peaks = []
    for step in range(len(sizes) - 1):
        held = sum(sizes[i] for i, j in again if i < step <= j)
        peaks.append(sizes[step] + sizes[step + 1] + held)
    return max(peaks)


def without_input(sizes, again):
    peaks = []
    for step in range(len(sizes) - 1):
        held = {i for i, j in again if i < step <= j}
        peaks.append(sizes[step + 1] + sum(sizes[i] for i in held))
    return max(peaks)


RIGHT = {"tables": tables, "speedup": speedup, "ram": ram}
WRONG = [
    ("tables", changed(size=1), "takes 4 bytes"),
    ("tables", changed(one_head=True), "a table of its own"),
    ("tables", changed(block=1), "tables of all blocks"),
    ("tables", changed(key=lambda h, w, r: h * w), "makes fewer keys"),
    ("tables", changed(key=lambda h, w, r: h * w // r), "both sides"),
    ("tables",
     changed(key=lambda h, w, r: math.ceil(h / r) * math.ceil(w / r)),
     "rounded down"),
    ("tables", lambda *a: 1e6, "returned 1000000"),
    ("tables", lambda *a: "much", "should be one number"),
    ("speedup", lambda s, f: 1 / speedup(s, f), "of the time that is left"),
    ("speedup", lambda s, f: sum(map(math.prod, zip(s, f, strict=True))),
     "weighted by the shares"),
    ("speedup", lambda s, f: 1 - 1 / speedup(s, f), "time that is saved"),
    ("speedup", lambda s, f: 2 - 1 / speedup(s, f), "saved part to 1"),
    ("speedup", lambda s, f: math.prod(f), "multiplies the factors"),
    ("speedup", lambda s, f: max(f), "the largest factor"),
    ("speedup", lambda s, f: 1.0, "1.333 times as fast"),
    ("ram", lambda sizes, again: sum(sizes), "adds up all tensors"),
    ("ram", lambda sizes, again: max(sizes), "the largest tensor"),
    ("ram", lambda sizes, again: ram(sizes, []), "have to stay"),
    ("ram", lambda sizes, again: ram(sizes, again, early=1), "too early"),
    ("ram", lambda sizes, again: ram(sizes, again, early=-1), "too late"),
    ("ram", twice, "counts twice"),
    ("ram", without_input, "leaves out the input"),
    ("ram", lambda *a: 3, "returned 3"),
]  # fmt: skip
