"""Exercises on self-attention, plain and efficient."""

from math import inf, log, log2, log10, sqrt

import torch
from einops import rearrange
from torch import Tensor

from .checking import by_cases, closely


def keys_with(merged):
    """A rule of the rows, the columns and the ratio of one stage."""

    def rule(h, w):
        found = []
        for stride, ratio in ((4, 8), (2, 4), (2, 2), (2, 1)):
            h, w = -(-h // stride), -(-w // stride)
            found.append(merged(h, w, ratio))
        return found

    return rule


keys = by_cases(
    cases=[(512, 512), (512, 250), (250, 250), (300, 419), (97, 64)],
    true=keys_with(lambda h, w, r: (h // r) * (w // r)),
    mistakes={
        "Your function divides the number of tokens by the ratio. The ratio "
        "is the side of a window, so a window merges ratio * ratio tokens: "
        "divide both the height and the width.": (
            keys_with(lambda h, w, r: h * w // r)
        ),
        "Your function divides the number of tokens as a whole. A window "
        "needs ratio rows and ratio columns, so divide and round down each "
        "side before you multiply.": keys_with(lambda h, w, r: h * w // r**2),
        "Your function squares the ratio and divides each side by that. The "
        "ratio is already the side of a window, so do not square it.": (
            keys_with(lambda h, w, r: (h // r**2) * (w // r**2))
        ),
        "Your function rounds up in the reduction. The reduction has no "
        "padding and leaves out a window that does not fit, so round down "
        "there.": keys_with(lambda h, w, r: -(-h // r) * -(-w // r)),
        "These are the tokens of each stage, which are its queries. The keys "
        "are what the reduction leaves of them.": (
            keys_with(lambda h, w, r: h * w)
        ),
        "Your function uses the height twice. The picture need not be square, "
        "so the width counts as well.": keys_with(
            lambda h, w, r: (h // r) ** 2
        ),
        "Your function rounds every division down, which leaves (H / 32)"
        "(W / 32). The patch embedding pads, so its sides are rounded up: 250 "
        "pixels give 63 rows, not 62.": lambda h, w: [h // 32 * (w // 32)] * 4,
    },
    otherwise="A picture of {0} × {1} pixels has {wanted} keys, but your "
    "function returned {said}.",
)


def gap_with(others):
    """A rule in which the other keys add `others(n)` to the sum."""
    return lambda n, weight: log(weight * others(n) / (1 - weight))


gap = by_cases(
    cases=[(4096, 0.5), (64, 0.9), (3, 0.75), (1024, 0.1)],
    true=gap_with(lambda n: n - 1),
    mistakes={
        "Your function counts the favoured key twice. Besides it there are "
        "keys - 1 others.": [
            gap_with(lambda n: n),
            gap_with(lambda n: n + 1),
        ],
        "Your function compares the favoured key with a single other one. All "
        "of the others add to the sum below the fraction.": (
            gap_with(lambda n: 1)
        ),
        "Your function leaves the favoured key out of the sum. The weight is "
        "its exponential divided by the sum over all keys, its own "
        "included.": [
            lambda n, weight: log(weight * (n - 1)),
            lambda n, weight: log(weight * n),
        ],
        "Your function returns the ratio of the exponentials. The gap is the "
        "logarithm of it.": lambda n, weight: weight * (n - 1) / (1 - weight),
        "Your function takes another logarithm. Softmax uses the exponential "
        "function, so take the natural one.": [
            lambda n, weight: log2(weight * (n - 1) / (1 - weight)),
            lambda n, weight: log10(weight * (n - 1) / (1 - weight)),
        ],
        "Your gap has the wrong sign. The favoured score has to be above the "
        "others.": lambda n, weight: log((1 - weight) / (weight * (n - 1))),
    },
    otherwise="One of {0} keys gets the weight {1} with a gap of {wanted:.4f}, "
    "but your function returned {said}.",
    same=closely,
)


def attention(root: float = 3, dim: int = 1, hide=None):
    """A rule that divides scores by `root`; softmax over dimension `dim`."""

    def rule(q, k, v, allowed):
        scores = q @ k.T / root
        if hide is not None:
            scores = hide(scores, allowed)
        return scores.softmax(dim) @ v

    return rule


def ignore(scores: Tensor, allowed: Tensor) -> Tensor:
    """Scores of keys that are not allowed become minus infinity."""
    return scores.masked_fill(~allowed, -inf)


def queries_keys_values() -> tuple[Tensor, ...]:
    generator = torch.Generator().manual_seed(0)
    shapes = ((5, 9), (7, 9), (7, 3))
    q, k, v = (2 * torch.randn(s, generator=generator) for s in shapes)
    return q, k, v, torch.tensor([1, 0, 1, 1, 0, 1, 1]).bool()


allowed = by_cases(
    cases=[queries_keys_values()],
    true=attention(hide=ignore),
    form=lambda said, wanted: (
        "Your function returns scores or attention weights, of shape t s. "
        "What is missing is the mean of the values, weighted with them."
        if isinstance(said, Tensor) and said.shape == (5, 7)
        else None
    ),
    mistakes={
        "Your function looks at all keys. Those that are not allowed must not "
        "get any weight.": attention(),
        "Your function looks only at the keys that are not allowed. `allowed` "
        "is True for those that may be used.": attention(
            hide=lambda scores, allowed: scores.masked_fill(allowed, -inf)
        ),
        "Your function sets the scores of the other keys to 0. A score of 0 "
        "still has the exponential 1, so these keys keep a weight.": attention(
            hide=lambda scores, allowed: scores * allowed
        ),
        "Your function sets the other weights to 0 after the softmax. What is "
        "left of a row no longer adds up to 1.": lambda q, k, v, allowed: (
            (q @ k.T / 3).softmax(1) * allowed @ v
        ),
        "Your function does not divide the scores by √d. Without that their "
        "spread grows with the number of channels, and softmax becomes almost "
        "hard.": attention(1, hide=ignore),
        "Your function divides the scores by d. The spread of a sum of d "
        "products grows only with √d, so divide by the root.": (
            attention(9, hide=ignore)
        ),
        "Your function multiplies the scores by √d instead of dividing.": (
            attention(1 / 3, hide=ignore)
        ),
        "Your function takes the root of the number of keys. Take the number "
        "of channels, because a score is a sum over channels.": [
            attention(sqrt(7), hide=ignore),
            attention(sqrt(5), hide=ignore),
        ],
        "Your function takes the root of the values' width. Scores are made "
        "of queries and keys, so take their number of channels.": (
            attention(sqrt(3), hide=ignore)
        ),
        "Your function multiplies the values with the bare scores, so both "
        "the division by √d and the softmax are missing. Divide the scores, "
        "then let softmax over the keys turn them into weights that add up to "
        "1.": [
            lambda q, k, v, allowed: q @ k.T @ v,
            lambda q, k, v, allowed: q @ k.T * allowed @ v,
        ],
        "Your function leaves out the softmax. Scores are not weights yet: "
        "they can be negative, and they do not add up to 1.": [
            lambda q, k, v, allowed: q @ k.T / 3 @ v,
            lambda q, k, v, allowed: q @ k.T / 3 * allowed @ v,
        ],
        "Your function applies softmax over the queries. The weights of one "
        "query must add up to 1, so softmax runs over the keys, the last "
        "dimension.": attention(dim=0, hide=ignore),
        "Your function takes the exponentials but does not divide them by "
        "their sum over the keys, so the weights do not add up to 1.": (
            lambda q, k, v, allowed: ignore(q @ k.T / 3, allowed).exp() @ v
        ),
    },
    otherwise="The shape is correct, but the result is not the mean of the "
    "allowed values, weighted with softmax(q kᵀ / √d) over these keys.",
)


def tokens_and_weights(t: int, c: int, heads: int) -> tuple:
    generator = torch.Generator().manual_seed(c)
    x, *weights = (
        torch.randn(rows, c, generator=generator) for rows in (t, c, c, c)
    )
    return x, *weights, heads


def in_heads(
    split="t (n d) -> n t d",
    linear=lambda x, w: x @ w.T,
    root=lambda c, n: sqrt(c // n),
    weights=lambda scores: scores.softmax(-1),
):
    """A rule for several heads; options make the mistakes."""

    def rule(x, w_q, w_k, w_v, n):
        c = x.shape[1]
        q, k, v = (
            rearrange(linear(x, w), split, n=n, t=len(x))
            for w in (w_q, w_k, w_v)
        )
        out = weights(q @ k.mT / root(c, n)) @ v
        left, right = split.split(" -> ")
        return rearrange(out, f"{right} -> {left}", n=n, d=c // n)

    return rule


heads = by_cases(
    cases=[tokens_and_weights(6, 8, 2), tokens_and_weights(5, 12, 4)],
    true=in_heads(),
    mistakes={
        "Your function multiplies by the matrices without transposing them. "
        "nn.Linear stores one row for each channel of its output, so it "
        "computes x @ w.T.": in_heads(linear=lambda x, w: x @ w),
        "Your function divides by the root of all channels. A score of a head "
        "is a sum over the channels of this head alone.": (
            in_heads(root=lambda c, n: sqrt(c))
        ),
        "Your function does not divide the scores by √d.": (
            in_heads(root=lambda c, n: 1)
        ),
        "Your function divides the scores by d. Take the root.": (
            in_heads(root=lambda c, n: c // n)
        ),
        "Your function computes a single head. Each head has a table of its "
        "own, from its own channels.": (
            lambda x, w_q, w_k, w_v, n: in_heads()(x, w_q, w_k, w_v, 1)
        ),
        "Your function cuts the list of tokens instead of their channels, as "
        "`reshape` does if the tokens come first. Tokens of different parts "
        "never look at each other.": lambda x, w_q, w_k, w_v, n: (
            torch.nn.functional.scaled_dot_product_attention(
                *((x @ w.T).reshape(n, len(x), -1) for w in (w_q, w_k, w_v))
            ).reshape(x.shape)
        ),
        "Your function gives neighbouring channels to different heads. The "
        "first d channels belong to the first head: the pattern is (n d), not "
        "(d n).": in_heads(split="t (d n) -> n t d"),
        "Your function puts the results together in the wrong order. Bring "
        "the tokens back to the front before you join the heads.": (
            lambda x, w_q, w_k, w_v, n: rearrange(
                in_heads()(x, w_q, w_k, w_v, n), "t (n d) -> (n t) d", n=n
            ).reshape(x.shape)
        ),
        "Your function applies softmax over the queries. The weights of one "
        "query must add up to 1.": (
            in_heads(weights=lambda scores: scores.softmax(-2))
        ),
        "Your function multiplies the values with the bare scores, so both "
        "the division by √d and the softmax are missing.": in_heads(
            root=lambda c, n: 1, weights=lambda scores: scores
        ),
        "Your function leaves out the softmax. Scores are not weights yet: "
        "they can be negative, and they do not add up to 1.": (
            in_heads(weights=lambda scores: scores)
        ),
        "Your function lets the keys look at the queries. Each row of the "
        "table belongs to a query.": lambda x, w_q, w_k, w_v, n: in_heads()(
            x, w_k, w_q, w_v, n
        ),
        "Your function uses the tokens as values. Values are a product with "
        "w_v.": lambda x, w_q, w_k, w_v, n: in_heads()(
            x, w_q, w_k, torch.eye(x.shape[1]), n
        ),
    },
    otherwise="The shape is correct, but the result is not that of attention "
    "with these heads. Compare with F.scaled_dot_product_attention.",
)


def two_pieces() -> tuple[Tensor, ...]:
    """Of each piece of keys: the means of the values, sums of exponentials."""
    generator = torch.Generator().manual_seed(0)
    q, k, v = (torch.randn(s, 4, generator=generator) for s in (5, 9, 9))
    powers = (q @ k.T / 2).exp()
    pieces = []
    for part in (slice(0, 3), slice(3, 9)):
        total = powers[:, part].sum(dim=1)
        pieces += [powers[:, part] @ v[part] / total[:, None], total]
    return tuple(pieces)


def joined(first, second):
    """A rule that weights the two means by functions of the two sums."""

    def rule(mean_1, sum_1, mean_2, sum_2):
        a, b = sum_1[:, None], sum_2[:, None]
        return first(a, b) * mean_1 + second(a, b) * mean_2

    return rule


merge = by_cases(
    cases=[two_pieces()],
    true=joined(lambda a, b: a / (a + b), lambda a, b: b / (a + b)),
    mistakes={
        "Your function takes the plain mean of the two results. The piece "
        "with the larger sum of exponentials holds the keys that fit better, "
        "and it must count more.": (joined(lambda a, b: 0.5, lambda a, b: 0.5)),
        "Your function adds the two results. Together they must again be a "
        "mean, with weights that add up to 1.": (
            joined(lambda a, b: 1, lambda a, b: 1)
        ),
        "Your function does not divide by the sum over all keys, which is "
        "sum_1 + sum_2.": joined(lambda a, b: a, lambda a, b: b),
        "Your function has exchanged the two sums. Each result counts with "
        "the sum of its own piece.": (
            joined(lambda a, b: b / (a + b), lambda a, b: a / (a + b))
        ),
        "Your function takes exponentials once more. sum_1 and sum_2 are "
        "already sums of exponentials.": joined(
            lambda a, b: a.exp() / (a.exp() + b.exp()),
            lambda a, b: b.exp() / (a.exp() + b.exp()),
        ),
    },
    otherwise="The shape is correct, but the result is not that of attention "
    "over the keys of both pieces.",
)


def macs_with(
    queries=1,
    keys_values=2,
    proj=1,
    products=2,
    merge=lambda n, m, r: m * r**2 if r > 1 else 0,
    keys=lambda h, w, r: (h // r) * (w // r),
    kv_tokens=lambda n, m: m,
):
    """A rule that counts n tokens and m keys; options make the mistakes."""

    def rule(h, w, c, r):
        n, m = h * w, keys(h, w, r)
        linear = (queries + proj) * n + keys_values * kv_tokens(n, m)
        return (linear + merge(n, m, r)) * c**2 + products * n * m * c

    return rule


macs = by_cases(
    cases=[(128, 128, 32, 8), (16, 16, 256, 1), (63, 50, 32, 8), (9, 7, 6, 2)],
    true=macs_with(),
    mistakes={
        "Your function counts the convolution at ratio 1, too. There is none, "
        "because no tokens are merged.": (
            macs_with(merge=lambda n, m, r: m * r**2)
        ),
        "Your function lets the convolution work on all h * w tokens. It "
        "drops those that fill no window.": (
            macs_with(merge=lambda n, m, r: n if r > 1 else 0)
        ),
        "Your function leaves out the convolution that merges tokens.": (
            macs_with(merge=lambda n, m, r: 0)
        ),
        "The convolution is too cheap. Each of its windows holds "
        "ratio * ratio tokens.": [
            macs_with(merge=lambda n, m, r: m if r > 1 else 0),
            macs_with(merge=lambda n, m, r: m * r if r > 1 else 0),
        ],
        "One linear layer of all h * w tokens is missing. There are two: one "
        "makes the queries, and one is the output projection.": [
            macs_with(proj=0),
            macs_with(queries=0),
        ],
        "Your function counts keys and values once. They are two products, "
        "each with a matrix of dim × dim.": macs_with(keys_values=1),
        "The linear layer of keys and values is missing.": (
            macs_with(keys_values=0)
        ),
        "Your function makes keys and values of all tokens. They are made "
        "from the merged tokens, after the convolution.": (
            macs_with(kv_tokens=lambda n, m: n)
        ),
        "Your function counts one product of attention. There are two: the "
        "scores, and the weighted means of the values.": macs_with(products=1),
        "The scores and the weighted means of the values are missing.": (
            macs_with(products=0)
        ),
        "Your function divides the number of tokens by the ratio. The ratio "
        "is the side of a window, so one key is made of ratio * ratio "
        "tokens.": macs_with(keys=lambda h, w, r: h * w // r),
        "Your function counts the keys from the number of tokens. Divide and "
        "round down each side, because what fills no window is dropped.": (
            macs_with(keys=lambda h, w, r: h * w // r**2)
        ),
        "Your function rounds up in the reduction. The reduction has no "
        "padding, so round the sides down.": (
            macs_with(keys=lambda h, w, r: -(-h // r) * -(-w // r))
        ),
        "These are only the two products of attention. The linear layers and "
        "the convolution multiply as well.": macs_with(
            queries=0, proj=0, keys_values=0, merge=lambda n, m, r: 0
        ),
        "Your function counts twice as many. A multiplication and an addition "
        "together are one multiply-add.": lambda *case: 2 * macs_with()(*case),
    },
    otherwise="A feature map of {0} × {1} with {2} channels takes {wanted:,} "
    "multiply-adds at ratio {3}, but your function returned {said:,}.",
)
