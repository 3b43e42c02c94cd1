"""Exercises on efficient self-attention."""

from math import sqrt

import torch
from torch import Tensor

from .checking import by_cases


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


def attention(root: float = 3, dim: int = 1):
    """A rule that divides scores by `root`; softmax over dimension `dim`."""
    return lambda q, k, v: (q @ k.T / root).softmax(dim) @ v


def queries_keys_values() -> tuple[Tensor, ...]:
    generator = torch.Generator().manual_seed(0)
    shapes = ((5, 9), (7, 9), (7, 3))
    return tuple(2 * torch.randn(s, generator=generator) for s in shapes)


by_hand = by_cases(
    cases=[queries_keys_values()],
    true=attention(),
    form=lambda said, wanted: (
        "Your function returns scores or attention weights, of shape t s. "
        "What is missing is the mean of the values, weighted with them."
        if isinstance(said, Tensor) and said.shape == (5, 7)
        else None
    ),
    mistakes={
        "Your function does not divide the scores by √d. Without that their "
        "spread grows with the number of channels, and softmax becomes almost "
        "hard.": attention(1),
        "Your function divides the scores by d. The spread of a sum of d "
        "products grows only with √d, so divide by the root.": attention(9),
        "Your function multiplies the scores by √d instead of dividing.": (
            attention(1 / 3)
        ),
        "Your function takes the root of the number of keys. Take the number "
        "of channels, because a score is a sum over channels.": (
            attention(sqrt(7))
        ),
        "Your function takes the root of the number of queries. Take the "
        "number of channels, because a score is a sum over channels.": (
            attention(sqrt(5))
        ),
        "Your function takes the root of the values' width. Scores are made "
        "of queries and keys, so take their number of channels.": (
            attention(sqrt(3))
        ),
        "Your function divides after the softmax. The division has to make "
        "the scores smaller before they become weights.": (
            lambda q, k, v: attention(1)(q, k, v) / 3
        ),
        "Your function applies softmax over the queries. The weights of one "
        "query must add up to 1, so softmax runs over the keys, the last "
        "dimension.": attention(dim=0),
        "Your function applies softmax over the whole table. Each query has "
        "weights of its own, which add up to 1.": lambda q, k, v: (
            (q @ k.T / 3).flatten().softmax(0).view(5, 7) @ v
        ),
        "Your function leaves out the softmax. Scores are not weights yet: "
        "they can be negative, and they do not add up to 1.": (
            lambda q, k, v: q @ k.T / 3 @ v
        ),
        "Your function multiplies the values with the bare scores, so both "
        "the division by √d and the softmax are missing. Divide the scores, "
        "then let softmax over the keys turn them into weights that add up to "
        "1.": lambda q, k, v: q @ k.T @ v,
        "Your function takes the exponentials but does not divide them by "
        "their sum over the keys, so the weights do not add up to 1.": (
            lambda q, k, v: (q @ k.T / 3).exp() @ v
        ),
    },
    otherwise="The shape is correct, but the result is not the mean of the "
    "values, weighted with softmax(q kᵀ / √d).",
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
