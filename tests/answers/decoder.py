"""Answers: the right ones, and mistakes with the words for them.

Nothing here is shared with the checkers' own formulas.
"""

import torch


def macs(
    own_sides=True, stages=None, fuse_in=None, classify=(1, 1), fused=False
):
    """Count by layers, with one thing or another done wrong."""

    def answer(sides, dims, dim, classes):
        first = 0
        for i in range(len(dims)):
            n = sides[i] if own_sides else sides[0]
            first += n * n * dims[i] * dim
        inside = (stages or len(dims)) * dim
        if fuse_in == "dims":
            inside = sum(dims)
        places = sides[0] * sides[0]
        fuse, last = places * inside * dim, places * dim * classes
        extra = places * dim * dim if fused else 0
        return (
            first + fuse + classify[0] * last,
            first + extra + classify[1] * last,
        )

    return answer


def sideways(sides, dims, dim, classes):
    first = sum(n * c * dim for n, c in zip(sides, dims, strict=True))
    last = sides[0] * dim * classes
    return first + sides[0] * len(dims) * dim * dim + last, first + last


def only_folded_large(*case):
    return macs()(*case)[0], macs(own_sides=False)(*case)[1]


def by_probe(w1, b1, w2, b2):
    """Read the merged layer off its answers to zero and to unit vectors."""

    def both(x):
        return torch.mv(w2, torch.mv(w1, x) + b1) + b2

    bias = both(w1.new_zeros(w1.shape[1]))
    columns = [both(x) - bias for x in torch.eye(w1.shape[1]).to(w1)]
    return torch.stack(columns, dim=1), bias


def by_trying(
    together=True, biases=True, stages=None, enough=lambda new, old: new < old
):
    """Add one position after the other, for a decoder 8 channels wide."""

    def answer(dims, batch):
        products = sum(8 * 8 * (c + biases) for c in dims)
        calls = 1 if together else batch
        slices = stages or len(dims)
        positions = 0
        while not enough(calls * products, batch * positions * slices * 8 * 8):
            positions += 1
        return positions

    return answer


def in_pixels(dims, batch):
    return 4 * 4 * by_trying()(dims, batch)


def one_short(dims, batch):
    return by_trying()(dims, batch) - 1


def later_for_a_batch(dims, batch):
    return by_trying()([c * batch + batch - 1 for c in dims], 1)


RIGHT = {
    "macs": macs(),
    "merge": by_probe,
    "break_even": by_trying(),
}
WRONG = [
    ("macs", macs(own_sides=False), "size of stage 1"),
    ("macs", only_folded_large, "There, too, each"),
    ("macs", macs(stages=1), "not dim × dim"),
    ("macs", macs(stages=4), "need not be 4"),
    ("macs", macs(fuse_in="dims"), "widened ones"),
    ("macs", macs(classify=(0, 0)), "In both forms classify is missing"),
    ("macs", macs(classify=(1, 0)), "in the folded one classify"),
    ("macs", macs(fused=True), "still has a fuse layer"),
    ("macs", sideways, "side * side"),
    ("macs", lambda *case: (1, 2), "5,184,159,744 published"),
    ("macs", lambda *case: 5, "should be 2 numbers"),
    ("macs", lambda *case: (5, None), "not answered"),
    ("merge", lambda w1, b1, w2, b2: (w1 @ w2, w2 @ b1 + b2),
     "The order of your product"),
    ("merge", lambda w1, b1, w2, b2: (w1.T @ w2.T, w2 @ b1 + b2),
     "transposed"),
    ("merge", lambda w1, b1, w2, b2: (w1 + w2, w2 @ b1 + b2),
     "adds the weights"),
    ("merge", lambda w1, b1, w2, b2: (w1 * w2, w2 @ b1 + b2), "`@`"),
    ("merge", lambda w1, b1, w2, b2: (w2 @ w1, b2), "first bias is lost"),
    ("merge", lambda w1, b1, w2, b2: (w2 @ w1, w2 @ b1), "second bias is"),
    ("merge", lambda w1, b1, w2, b2: (w2 @ w1, b1 + b2), "as they are"),
    ("merge", lambda w1, b1, w2, b2: (w2 @ w1, w2 @ (b1 + b2)),
     "second bias does not go"),
    ("merge", lambda w1, b1, w2, b2: (w2 @ w1, b2 - b1), "bias is not"),
    ("merge", lambda w1, b1, w2, b2: (w2, b2), "weight is not that"),
    ("merge", lambda w1, b1, w2, b2: w2 @ w1, "should return weight and bias"),
    ("merge", lambda w1, b1, w2, b2: (w2 @ w1, b1[:2]), "the bias should be"),
    ("break_even", by_trying(together=False), "batch is missing"),
    ("break_even", later_for_a_batch, "earlier, not later"),
    ("break_even", by_trying(biases=False), "V_i b_i"),
    ("break_even", by_trying(stages=4), "need not be 4"),
    ("break_even", by_trying(enough=lambda new, old: new <= old),
     "should need less"),
    ("break_even", one_short, "should need less"),
    ("break_even", in_pixels, "counts pixels"),
    ("break_even", by_trying(stages=1), "one slice"),
    ("break_even", lambda dims, batch: 7, "it is 130 positions"),
    ("break_even", lambda dims, batch: (7, 8), "should be one number"),
]  # fmt: skip
