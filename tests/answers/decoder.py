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
    "macs": macs(),
    "merge": by_probe,
    "fold_norm": norm_by_probe,
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
    ("fold_norm", on_columns, "on the columns"),
    ("fold_norm", folding(lambda n: n.weight / (n.running_var + n.eps)),
     "square root"),
    ("fold_norm", folding(lambda n: n.weight / n.running_var.sqrt()),
     "eps is missing"),
    ("fold_norm", folding(lambda n: n.weight / (n.running_var.sqrt() + n.eps)),
     "outside the root"),
    ("fold_norm", folding(lambda n: (n.running_var + n.eps).rsqrt()),
     "learned scale"),
    ("fold_norm", folding(lambda n: n.weight * (n.running_var + n.eps).sqrt()),
     "divides by it"),
    ("fold_norm", folding(lambda n: n.weight), "weight is not that"),
    ("fold_norm", folding(right_scale, lambda s, b, m, t: s * b - m + t),
     "after the scaling"),
    ("fold_norm", folding(right_scale, lambda s, b, m, t: s * b + t),
     "mean is missing"),
    ("fold_norm", folding(right_scale, lambda s, b, m, t: s * (b - m)),
     "learned shift"),
    ("fold_norm", folding(right_scale, lambda s, b, m, t: s * (b - m + t)),
     "added last"),
    ("fold_norm", folding(right_scale, lambda s, b, m, t: b - s * m + t),
     "own bias has to be scaled"),
    ("fold_norm", folding(right_scale, lambda s, b, m, t: b), "change too"),
    ("fold_norm", folding(right_scale, lambda s, b, m, t: t - s * m),
     "own bias is lost"),
    ("fold_norm", folding(right_scale, lambda s, b, m, t: -b), "bias is not"),
    ("fold_norm", lambda w, b, n: (w.T[:3], b), "the weight should be"),
]  # fmt: skip
