"""Answers to chapter 8: the right ones, and mistakes with the words for them.

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


def norm_by_probe(weight, bias, norm):
    def both(x):
        y = torch.mv(weight, x) + bias
        return norm(y[None, :, None, None])[0, :, 0, 0]

    shift = both(weight.new_zeros(weight.shape[1]))
    columns = [both(x) - shift for x in torch.eye(weight.shape[1]).to(weight)]
    return torch.stack(columns, dim=1), shift


def folding(scale, shift=None):
    """Fold with another scale, or with another bias."""

    def answer(weight, bias, norm):
        s = scale(norm)
        moved = shift or (lambda s, b, m, beta: s * (b - m) + beta)
        return (
            weight * s.reshape(-1, 1),
            moved(s, bias, norm.running_mean, norm.bias),
        )

    return answer


def right_scale(norm):
    return norm.weight * (norm.running_var + norm.eps) ** -0.5


def on_columns(weight, bias, norm):
    return weight * right_scale(norm), norm_by_probe(weight, bias, norm)[1]


RIGHT = {
    "ch08.ex1": macs(),
    "ch08.ex2": by_probe,
    "ch08.ex3": norm_by_probe,
}
WRONG = [
    ("ch08.ex1", macs(own_sides=False), "size of stage 1"),
    ("ch08.ex1", only_folded_large, "there, too, each"),
    ("ch08.ex1", macs(stages=1), "not dim x dim"),
    ("ch08.ex1", macs(stages=4), "need not be 4"),
    ("ch08.ex1", macs(fuse_in="dims"), "widened maps"),
    ("ch08.ex1", macs(classify=(0, 0)), "classify is missing"),
    ("ch08.ex1", macs(classify=(1, 0)), "in the folded one classify"),
    ("ch08.ex1", macs(fused=True), "has no fuse layer"),
    ("ch08.ex1", sideways, "side * side"),
    ("ch08.ex1", lambda *case: (1, 2), "5,184,159,744 published"),
    ("ch08.ex1", lambda *case: 5, "expected two numbers"),
    ("ch08.ex1", lambda *case: (5, None), "not answered"),
    ("ch08.ex2", lambda w1, b1, w2, b2: (w1 @ w2, w2 @ b1 + b2), "the order"),
    ("ch08.ex2", lambda w1, b1, w2, b2: (w1.T @ w2.T, w2 @ b1 + b2),
     "transposed"),
    ("ch08.ex2", lambda w1, b1, w2, b2: (w1 + w2, w2 @ b1 + b2), "are added"),
    ("ch08.ex2", lambda w1, b1, w2, b2: (w1 * w2, w2 @ b1 + b2), "`@`"),
    ("ch08.ex2", lambda w1, b1, w2, b2: (w2 @ w1, b2), "first bias is lost"),
    ("ch08.ex2", lambda w1, b1, w2, b2: (w2 @ w1, w2 @ b1), "second bias is"),
    ("ch08.ex2", lambda w1, b1, w2, b2: (w2 @ w1, b1 + b2), "as they are"),
    ("ch08.ex2", lambda w1, b1, w2, b2: (w2 @ w1, w2 @ (b1 + b2)),
     "second bias does not go"),
    ("ch08.ex2", lambda w1, b1, w2, b2: (w2 @ w1, b2 - b1), "bias is not"),
    ("ch08.ex2", lambda w1, b1, w2, b2: (w2, b2), "weight is not that"),
    ("ch08.ex2", lambda w1, b1, w2, b2: w2 @ w1, "a weight and a bias"),
    ("ch08.ex2", lambda w1, b1, w2, b2: (w2 @ w1, b1[:2]), "expected shapes"),
    ("ch08.ex3", on_columns, "on the columns"),
    ("ch08.ex3", folding(lambda n: n.weight / (n.running_var + n.eps)),
     "square root"),
    ("ch08.ex3", folding(lambda n: n.weight / n.running_var.sqrt()),
     "eps is missing"),
    ("ch08.ex3", folding(lambda n: n.weight / (n.running_var.sqrt() + n.eps)),
     "under the root"),
    ("ch08.ex3", folding(lambda n: (n.running_var + n.eps).rsqrt()),
     "learned scale"),
    ("ch08.ex3", folding(lambda n: n.weight * (n.running_var + n.eps).sqrt()),
     "divides by it"),
    ("ch08.ex3", folding(lambda n: n.weight), "weight is not that"),
    ("ch08.ex3", folding(right_scale, lambda s, b, m, t: s * b - m + t),
     "after the scaling"),
    ("ch08.ex3", folding(right_scale, lambda s, b, m, t: s * b + t),
     "mean is missing"),
    ("ch08.ex3", folding(right_scale, lambda s, b, m, t: s * (b - m)),
     "learned shift"),
    ("ch08.ex3", folding(right_scale, lambda s, b, m, t: s * (b - m + t)),
     "added last"),
    ("ch08.ex3", folding(right_scale, lambda s, b, m, t: b - s * m + t),
     "own bias has to be scaled"),
    ("ch08.ex3", folding(right_scale, lambda s, b, m, t: b), "change too"),
    ("ch08.ex3", folding(right_scale, lambda s, b, m, t: t - s * m),
     "own bias is lost"),
    ("ch08.ex3", folding(right_scale, lambda s, b, m, t: -b), "bias is not"),
    ("ch08.ex3", lambda w, b, n: (w.T[:3], b), "expected shapes"),
]  # fmt: skip
