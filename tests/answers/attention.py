"""Answers: the right ones, and mistakes with their words.

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
    "keys": keys,
    "by_hand": F.scaled_dot_product_attention,
    "macs": macs,
}
WRONG = [
    ("keys", each(lambda h, w, r: h * w // r), "side of a window"),
    ("keys", each(lambda h, w, r: h * w // (r * r)), "as a whole"),
    ("keys", each(lambda h, w, r: h // r**2 * (w // r**2)),
     "do not square"),
    ("keys", each(lambda h, w, r: math.ceil(h / r) * math.ceil(w / r)),
     "round down"),
    ("keys", lambda h, w: [(h // s // r) * (w // s // r) for s, r in
                               ((4, 8), (8, 4), (16, 2), (32, 1))],
     "63 rows, not 62"),
    ("keys", each(lambda h, w, r: h * w), "its queries"),
    ("keys", each(lambda h, w, r: (h // r) ** 2), "need not be square"),
    ("keys", lambda h, w: [h // 32 * (w // 32)] * 4,
     "rounds every division down"),
    ("keys", lambda h, w: [1, 2, 3, 4], "512 × 512 pixels has [256, 256"),
    ("keys", lambda h, w: [256, 256], "should be 4 numbers"),
    ("keys", lambda h, w: 256, "should be 4 numbers"),
    ("keys", lambda h, w: [None] * 4, "not answered"),
    ("by_hand", scaled(lambda q, k, v: 1.0), "does not divide"),
    ("by_hand", scaled(lambda q, k, v: 1 / q.shape[1]),
     "divides the scores by d"),
    ("by_hand", scaled(lambda q, k, v: q.shape[1] ** 0.5),
     "multiplies the scores by √d"),
    ("by_hand", scaled(lambda q, k, v: len(k) ** -0.5), "number of keys"),
    ("by_hand", scaled(lambda q, k, v: len(q) ** -0.5), "number of queries"),
    ("by_hand", scaled(lambda q, k, v: v.shape[1] ** -0.5), "values' width"),
    ("by_hand", lambda q, k, v: torch.softmax(q @ k.mT, 1)
     / q.shape[1] ** 0.5 @ v, "after the softmax"),
    ("by_hand", lambda q, k, v: torch.softmax(q @ k.mT / 3, 0) @ v,
     "over the queries"),
    ("by_hand", lambda q, k, v: weights(q, k) * len(v) @ v / 7 / len(q),
     "not the mean of the values"),
    ("by_hand", lambda q, k, v: torch.softmax(
        (q @ k.mT / 3).reshape(-1), 0).reshape(5, 7) @ v, "whole table"),
    ("by_hand", lambda q, k, v: q @ k.mT / q.shape[1] ** 0.5 @ v,
     "leaves out the softmax"),
    ("by_hand", lambda q, k, v: q @ k.mT @ v, "bare scores"),
    ("by_hand", lambda q, k, v: torch.exp(q @ k.mT / 3) @ v,
     "does not divide them by their sum"),
    ("by_hand", lambda q, k, v: weights(q, k), "or attention weights"),
    ("by_hand", lambda q, k, v: v, "should be a tensor of shape (5, 3)"),
    ("by_hand", lambda q, k, v: 1.0, "but yours is 1.0"),
    ("macs", lambda h, w, c, r: macs(h, w, c, r)
     + (h * w * c * c if r == 1 else 0), "at ratio 1"),
    ("macs", lambda h, w, c, r: macs(h, w, c, r) + (
        (h * w - h // r * r * (w // r * r)) * c * c), "fill no window"),
    ("macs", without(merging), "leaves out the convolution"),
    ("macs", without(lambda n, m, c, r: merging(n, m, c, r)
                         - merging(n, m, c, r) // r**2), "too cheap"),
    ("macs", without(lambda n, m, c, r: merging(n, m, c, r)
                         - merging(n, m, c, r) // r), "too cheap"),
    ("macs", without(lambda n, m, c, r: n * c * c),
     "all h * w tokens is missing"),
    ("macs", without(lambda n, m, c, r: m * c * c), "keys and values once"),
    ("macs", without(lambda n, m, c, r: 2 * m * c * c),
     "keys and values is missing"),
    ("macs", without(lambda n, m, c, r: 2 * (m - n) * c * c),
     "from the merged tokens"),
    ("macs", without(lambda n, m, c, r: n * m * c), "one product of attention"),
    ("macs", without(lambda n, m, c, r: 2 * n * m * c),
     "of the values are missing"),
    ("macs", with_keys(lambda h, w, r: h * w // r), "side of a window"),
    ("macs", with_keys(lambda h, w, r: h * w // r**2), "round down each side"),
    ("macs", with_keys(lambda h, w, r: math.ceil(h / r)
                           * math.ceil(w / r)), "round the sides down"),
    ("macs", lambda h, w, c, r: 2 * h * w * (h // r) * (w // r) * c,
     "The linear layers and"),
    ("macs", lambda h, w, c, r: 2 * macs(h, w, c, r), "twice as many"),
    ("macs", lambda h, w, c, r: 1, "takes 319,291,392 multiply-adds"),
]  # fmt: skip
