"""Answers to chapter 4: the right ones, and mistakes with their words.

Nothing here is shared with the checkers' own formulas.
"""

import math

import torch
import torch.nn.functional as F

from segformer_tutorial import PRESETS, EfficientSelfAttention, MixTransformer
from segformer_tutorial.evaluate.cost import count_macs


def keys(h, w):
    """Run the encoder without numbers, and look what the keys are made from."""
    with torch.device("meta"):
        encoder = MixTransformer(PRESETS["b0"])
        counts = []
        for stage in encoder.stages:
            seen = []
            stage.blocks[0].attn.kv.register_forward_pre_hook(
                lambda _, args, seen=seen: seen.append(args[0].shape)
            )
            counts.append(seen)
        encoder(torch.empty(1, 3, h, w))
    return [seen[0][1] * seen[0][2] for seen in counts]


def tokens(h, w):
    """Rows and columns of the four maps."""
    maps = []
    for stride in (4, 8, 16, 32):
        maps.append((math.ceil(h / stride), math.ceil(w / stride)))
    return maps


def each(function):
    """An answer from rows, columns and ratio of each stage."""
    return lambda h, w: [
        function(rows, columns, ratio)
        for (rows, columns), ratio in zip(
            tokens(h, w), (8, 4, 2, 1), strict=True
        )
    ]


def macs(h, w, dim, ratio):
    """Count the layer while it runs."""
    with torch.device("meta"):
        layer = EfficientSelfAttention(dim, num_heads=2, reduction_ratio=ratio)
        return count_macs(layer, torch.empty(1, h, w, dim)).total()


def without(part):
    """The right number, less a part of (n, m, c, r)."""

    def answer(h, w, c, r):
        m = (h // r) * (w // r)
        return macs(h, w, c, r) - part(h * w, m, c, r)

    return answer


def merging(n, m, c, r):
    return m * r * r * c * c if r > 1 else 0


def with_keys(count):
    """A layer with another number of keys than it has."""

    def answer(h, w, c, r):
        n, m = h * w, count(h, w, r)
        merge = m * r * r * c * c if r > 1 else 0
        return 2 * n * c * c + merge + 2 * m * c * c + 2 * n * m * c

    return answer


def scaled(scale):
    def answer(q, k, v):
        return F.scaled_dot_product_attention(q, k, v, scale=scale(q, k, v))

    return answer


def weights(q, k):
    return torch.softmax(q @ k.mT / q.shape[1] ** 0.5, 1)


RIGHT = {
    "ch04.ex1": keys,
    "ch04.ex2": F.scaled_dot_product_attention,
    "ch04.ex3": macs,
}
WRONG = [
    ("ch04.ex1", each(lambda h, w, r: h * w // r), "side of a window"),
    ("ch04.ex1", each(lambda h, w, r: h * w // (r * r)), "as a whole"),
    ("ch04.ex1", each(lambda h, w, r: h // r**2 * (w // r**2)),
     "do not square"),
    ("ch04.ex1", each(lambda h, w, r: math.ceil(h / r) * math.ceil(w / r)),
     "round down"),
    ("ch04.ex1", lambda h, w: [(h // s // r) * (w // s // r) for s, r in
                               ((4, 8), (8, 4), (16, 2), (32, 1))],
     "63 rows, not 62"),
    ("ch04.ex1", each(lambda h, w, r: h * w), "its queries"),
    ("ch04.ex1", each(lambda h, w, r: (h // r) ** 2), "need not be square"),
    ("ch04.ex1", lambda h, w: [h // 32 * (w // 32)] * 4, "rounded down"),
    ("ch04.ex1", lambda h, w: [1, 2, 3, 4], "512 x 512 gives [256, 256"),
    ("ch04.ex1", lambda h, w: [256, 256], "expected four numbers"),
    ("ch04.ex1", lambda h, w: 256, "expected four numbers"),
    ("ch04.ex1", lambda h, w: [None] * 4, "not answered"),
    ("ch04.ex2", scaled(lambda q, k, v: 1.0), "not divided by the root"),
    ("ch04.ex2", scaled(lambda q, k, v: 1 / q.shape[1]), "divided by d"),
    ("ch04.ex2", scaled(lambda q, k, v: q.shape[1] ** 0.5), "multiplied"),
    ("ch04.ex2", scaled(lambda q, k, v: len(k) ** -0.5), "number of keys"),
    ("ch04.ex2", scaled(lambda q, k, v: len(q) ** -0.5), "number of queries"),
    ("ch04.ex2", scaled(lambda q, k, v: v.shape[1] ** -0.5), "values' width"),
    ("ch04.ex2", lambda q, k, v: torch.softmax(q @ k.mT, 1)
     / q.shape[1] ** 0.5 @ v, "after the softmax"),
    ("ch04.ex2", lambda q, k, v: torch.softmax(q @ k.mT / 3, 0) @ v,
     "over the queries"),
    ("ch04.ex2", lambda q, k, v: weights(q, k) * len(v) @ v / 7 / len(q),
     "differs"),
    ("ch04.ex2", lambda q, k, v: torch.softmax(
        (q @ k.mT / 3).reshape(-1), 0).reshape(5, 7) @ v, "whole table"),
    ("ch04.ex2", lambda q, k, v: q @ k.mT / q.shape[1] ** 0.5 @ v,
     "softmax is missing"),
    ("ch04.ex2", lambda q, k, v: torch.exp(q @ k.mT / 3) @ v,
     "not divided by their sum"),
    ("ch04.ex2", lambda q, k, v: weights(q, k), "these are the weights"),
    ("ch04.ex2", lambda q, k, v: v, "expected a result of shape (5, 3)"),
    ("ch04.ex2", lambda q, k, v: 1.0, "expected a result of shape"),
    ("ch04.ex3", lambda h, w, c, r: macs(h, w, c, r)
     + (h * w * c * c if r == 1 else 0), "at ratio 1"),
    ("ch04.ex3", lambda h, w, c, r: macs(h, w, c, r) + (
        (h * w - h // r * r * (w // r * r)) * c * c), "fill no window"),
    ("ch04.ex3", without(merging), "merges tokens is missing"),
    ("ch04.ex3", without(lambda n, m, c, r: merging(n, m, c, r)
                         - merging(n, m, c, r) // r**2), "too cheap"),
    ("ch04.ex3", without(lambda n, m, c, r: merging(n, m, c, r)
                         - merging(n, m, c, r) // r), "too cheap"),
    ("ch04.ex3", without(lambda n, m, c, r: n * c * c), "is missing"),
    ("ch04.ex3", without(lambda n, m, c, r: m * c * c), "one of them"),
    ("ch04.ex3", without(lambda n, m, c, r: 2 * m * c * c),
     "keys and values is missing"),
    ("ch04.ex3", without(lambda n, m, c, r: 2 * (m - n) * c * c),
     "from the merged tokens"),
    ("ch04.ex3", without(lambda n, m, c, r: n * m * c), "two products"),
    ("ch04.ex3", without(lambda n, m, c, r: 2 * n * m * c),
     "weighted means are missing"),
    ("ch04.ex3", with_keys(lambda h, w, r: h * w // r), "side of a window"),
    ("ch04.ex3", with_keys(lambda h, w, r: h * w // r**2), "round each side"),
    ("ch04.ex3", with_keys(lambda h, w, r: math.ceil(h / r)
                           * math.ceil(w / r)), "down"),
    ("ch04.ex3", lambda h, w, c, r: 2 * h * w * (h // r) * (w // r) * c,
     "The linear layers and"),
    ("ch04.ex3", lambda h, w, c, r: 2 * macs(h, w, c, r), "twice as many"),
    ("ch04.ex3", lambda h, w, c, r: 1, "takes 319,291,392 multiply-adds"),
]  # fmt: skip
