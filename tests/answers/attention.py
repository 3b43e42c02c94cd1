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


def exponential_share(n, weight):
    """Find the gap by halving: softmax itself, no formula for the answer."""
    low, high = -20.0, 40.0
    for _ in range(100):
        middle = (low + high) / 2
        scores = torch.zeros(n, dtype=torch.float64)
        scores[0] = middle
        if scores.softmax(0)[0] < weight:
            low = middle
        else:
            high = middle
    return low


def some_keys(scale=None):
    """Attention on the allowed keys alone, which are picked out first."""

    def answer(q, k, v, allowed):
        k, v = k[allowed], v[allowed]
        by = None if scale is None else scale(q, len(allowed), v)
        return F.scaled_dot_product_attention(q, k, v, scale=by)

    return answer


def weights(q, k):
    return torch.softmax(q @ k.mT / q.shape[1] ** 0.5, 1)


def hidden(q, k, allowed):
    return (q @ k.mT / 3).masked_fill(allowed.logical_not(), float("-inf"))


def multi_head(x, w_q, w_k, w_v, n):
    """PyTorch's own layer, with an output projection that changes nothing."""
    out, _ = F.multi_head_attention_forward(
        *[x[:, None]] * 3, x.shape[1], n, torch.cat([w_q, w_k, w_v]), None,
        None, None, False, 0.0, torch.eye(x.shape[1]), None,
    )  # fmt: skip
    return out[:, 0]


def by_head(each, project=F.linear):
    """Head after head: `each` makes a result of q, k and v."""

    def answer(x, w_q, w_k, w_v, n):
        qkv = [project(x, w).chunk(n, dim=1) for w in (w_q, w_k, w_v)]
        return torch.cat([each(*one) for one in zip(*qkv, strict=True)], dim=1)

    return answer


def cut_tokens(x, w_q, w_k, w_v, n):
    q, k, v = (F.linear(x, w).view(n, len(x), -1) for w in (w_q, w_k, w_v))
    return (torch.softmax(q @ k.mT / q.shape[2] ** 0.5, 2) @ v).view(x.shape)


def interleaved(x, w_q, w_k, w_v, n):
    out = torch.empty_like(x)
    for i in range(n):
        q, k, v = (F.linear(x, w)[:, i::n] for w in (w_q, w_k, w_v))
        out[:, i::n] = F.scaled_dot_product_attention(q, k, v)
    return out


def merge(mean_1, sum_1, mean_2, sum_2):
    """By logarithms, as softmax of two scores."""
    weight = torch.sigmoid(sum_1.log() - sum_2.log())[:, None]
    return torch.lerp(mean_2, mean_1, weight)


RIGHT = {
    "keys": keys,
    "gap": exponential_share,
    "allowed": some_keys(),
    "heads": multi_head,
    "merge": merge,
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
    ("gap", lambda n, w: math.log(w / (1 - w)) + math.log(n), "twice"),
    ("gap", lambda n, w: math.log(w / (1 - w)) + math.log(n + 1), "twice"),
    ("gap", lambda n, w: math.log(w) - math.log(1 - w), "a single other"),
    ("gap", lambda n, w: math.log(w) + math.log(n - 1), "out of the sum"),
    ("gap", lambda n, w: math.log(w) + math.log(n), "out of the sum"),
    ("gap", lambda n, w: math.exp(exponential_share(n, w)), "the logarithm"),
    ("gap", lambda n, w: exponential_share(n, w) / math.log(2), "natural"),
    ("gap", lambda n, w: exponential_share(n, w) / math.log(10), "natural"),
    ("gap", lambda n, w: -exponential_share(n, w), "wrong sign"),
    ("gap", lambda n, w: w, "with a gap of 8.3175"),
    ("allowed", lambda q, k, v, _: F.scaled_dot_product_attention(q, k, v),
     "looks at all keys"),
    ("allowed", lambda q, k, v, m: some_keys()(q, k, v, m.logical_not()),
     "only at the keys that are not"),
    ("allowed", lambda q, k, v, m: torch.softmax(
        torch.where(m, q @ k.mT / 3, 0.0), 1) @ v, "to 0. A score"),
    ("allowed", lambda q, k, v, m: weights(q, k)[:, m] @ v[m],
     "after the softmax"),
    ("allowed", some_keys(lambda q, s, v: 1.0), "does not divide"),
    ("allowed", some_keys(lambda q, s, v: 1 / q.shape[1]),
     "divides the scores by d"),
    ("allowed", some_keys(lambda q, s, v: q.shape[1] ** 0.5),
     "multiplies the scores by √d"),
    ("allowed", some_keys(lambda q, s, v: s ** -0.5), "number of keys"),
    ("allowed", some_keys(lambda q, s, v: len(q) ** -0.5), "number of keys"),
    ("allowed", some_keys(lambda q, s, v: v.shape[1] ** -0.5),
     "values' width"),
    ("allowed", lambda q, k, v, m: q @ k.mT @ v, "bare scores"),
    ("allowed", lambda q, k, v, m: (q @ k.mT)[:, m] @ v[m], "bare scores"),
    ("allowed", lambda q, k, v, m: q @ k.mT @ v / 3, "leaves out the softmax"),
    ("allowed", lambda q, k, v, m: (q @ k.mT)[:, m] @ v[m] / 3,
     "leaves out the softmax"),
    ("allowed", lambda q, k, v, m: torch.softmax(hidden(q, k, m), 0) @ v,
     "over the queries"),
    ("allowed", lambda q, k, v, m: torch.exp(hidden(q, k, m)) @ v,
     "does not divide them by their sum"),
    ("allowed", lambda q, k, v, m: torch.softmax(hidden(q, k, m), 1),
     "or attention weights"),
    ("allowed", lambda q, k, v, m: some_keys()(q, k, v, m) + 1,
     "not the mean of the allowed values"),
    ("allowed", lambda q, k, v, m: v, "should be a tensor of shape (5, 3)"),
    ("allowed", lambda q, k, v, m: 1.0, "but yours is 1.0"),
    ("heads", by_head(F.scaled_dot_product_attention, torch.matmul),
     "without transposing"),
    ("heads", lambda x, w_q, w_k, w_v, n: multi_head(
        x, w_q / n**0.5, w_k, w_v, n), "root of all channels"),
    ("heads", by_head(lambda q, k, v: torch.softmax(q @ k.mT, 1) @ v),
     "does not divide"),
    ("heads", by_head(lambda q, k, v: torch.softmax(
        q @ k.mT / q.shape[1], 1) @ v), "by d. Take"),
    ("heads", lambda x, w_q, w_k, w_v, n: multi_head(x, w_q, w_k, w_v, 1),
     "a single head"),
    ("heads", cut_tokens, "cuts the list of tokens"),
    ("heads", interleaved, "neighbouring channels"),
    ("heads", lambda x, w_q, w_k, w_v, n: torch.stack(
        multi_head(x, w_q, w_k, w_v, n).chunk(n, dim=1)).view(x.shape),
     "together in the wrong order"),
    ("heads", by_head(lambda q, k, v: torch.softmax(
        q @ k.mT / q.shape[1] ** 0.5, 0) @ v), "over the queries"),
    ("heads", by_head(lambda q, k, v: q @ k.mT @ v), "bare scores"),
    ("heads", by_head(lambda q, k, v: q @ k.mT @ v / q.shape[1] ** 0.5),
     "leaves out the softmax"),
    ("heads", by_head(lambda q, k, v: weights(k, q) @ v),
     "keys look at the queries"),
    ("heads", lambda x, w_q, w_k, w_v, n: multi_head(
        x, w_q, w_k, torch.eye(x.shape[1]), n), "tokens as values"),
    ("heads", lambda x, w_q, w_k, w_v, n: x, "with these heads"),
    ("merge", lambda a, s, b, t: (a + b) / 2, "plain mean"),
    ("merge", lambda a, s, b, t: a + b, "adds the two results"),
    ("merge", lambda a, s, b, t: torch.addcmul(
        a * s[:, None], b, t[:, None]), "does not divide"),
    ("merge", lambda a, s, b, t: merge(a, t, b, s), "exchanged"),
    ("merge", lambda a, s, b, t: merge(a, s.exp(), b, t.exp()),
     "exponentials once more"),
    ("merge", lambda a, s, b, t: a, "keys of both pieces"),
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
