"""Checkers on efficient self-attention."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from .checking import ask, judge

STRIDES, RATIOS = (4, 2, 2, 2), (8, 4, 2, 1)


def keys_per_stage(answer: Callable) -> str | None:
    """The number of keys in the four stages, for any size."""

    def rule(merged):
        def keys(h, w):
            found = []
            for stride, ratio in zip(STRIDES, RATIOS, strict=True):
                h, w = -(-h // stride), -(-w // stride)
                found.append(merged(h, w, ratio))
            return found

        return keys

    true = rule(lambda h, w, r: (h // r) * (w // r))
    mistakes = [
        (
            rule(lambda h, w, r: h * w // r),
            "the ratio is the side of a window, and a window merges ratio * "
            "ratio tokens: divide the height and the width.",
        ),
        (
            rule(lambda h, w, r: h * w // r**2),
            "the number of tokens is divided as a whole. A window needs ratio "
            "rows and ratio columns: divide and round each side first.",
        ),
        (
            rule(lambda h, w, r: (h // r**2) * (w // r**2)),
            "the ratio is already the side of a window: do not square it.",
        ),
        (
            rule(lambda h, w, r: -(-h // r) * -(-w // r)),
            "the reduction has no padding: a window that does not fit is left "
            "out, so divide and round down.",
        ),
        (
            rule(lambda h, w, r: h * w),
            "these are the tokens of each stage, and so its queries. The keys "
            "are what the reduction leaves of them.",
        ),
        (
            rule(lambda h, w, r: (h // r) ** 2),
            "the width counts too: the picture need not be square.",
        ),
        (
            lambda h, w: [(h // 32) * (w // 32)] * 4,
            "every division is rounded down, which leaves (H / 32)(W / 32). "
            "The patch embedding pads, so its maps are rounded up: 250 pixels "
            "give 63 rows, not 62.",
        ),
    ]
    cases = [(512, 512), (512, 250), (250, 250), (300, 419), (97, 64)]
    got = []
    for case in cases:
        said = ask(answer, *case)
        if not isinstance(said, tuple | list) or len(said) != 4:
            return f"not yet: expected four numbers, got {said!r}."
        got.append(list(said))

    def otherwise(case, said) -> str:
        return "not yet: {} x {} gives {}, your function says {}.".format(
            *case, true(*case), said
        )

    return judge(got, cases, true, mistakes, otherwise)


def attend_once(answer: Callable) -> str | None:
    """T d, s d, s e -> t e, attention of one head."""
    generator = torch.Generator().manual_seed(0)
    q, k, v = (
        2 * torch.randn(*shape, generator=generator)
        for shape in ((5, 9), (7, 9), (7, 3))
    )

    def mean(scores: Tensor) -> Tensor:
        return scores.softmax(dim=1) @ v

    product = q @ k.T
    root = math.sqrt(9)
    powers = (product / root).exp()
    mistakes = [
        (
            mean(product),
            "the scores are not divided by the root of the number of channels.",
        ),
        (
            mean(product / 9),
            "the scores are divided by d. The spread of a sum of d products "
            "grows with the root of d.",
        ),
        (
            mean(product * root),
            "the scores are multiplied by the root of d: divide.",
        ),
        (
            mean(product / math.sqrt(7)),
            "the root is that of the number of keys. It should be that of the "
            "number of channels, which are summed up in a score.",
        ),
        (
            mean(product / math.sqrt(5)),
            "the root is that of the number of queries. It should be that of "
            "the number of channels, which are summed up in a score.",
        ),
        (
            mean(product / math.sqrt(3)),
            "the root is that of the values' width. The scores come from "
            "queries and keys: take their number of channels.",
        ),
        (
            mean(product) / root,
            "the division comes after the softmax. It has to make the scores "
            "smaller before they become weights.",
        ),
        (
            (product / root).softmax(dim=0) @ v,
            "softmax runs over the queries. The weights of one query must add "
            "up to 1: softmax over the keys, the last dimension.",
        ),
        (
            (product / root).flatten().softmax(0).view(5, 7) @ v,
            "softmax runs over the whole table. Each query has weights of its "
            "own, which add up to 1.",
        ),
        (
            (product / root) @ v,
            "the softmax is missing: scores are no weights yet.",
        ),
        (
            powers @ v,
            "the exponentials are not divided by their sum over the keys.",
        ),
    ]
    got = ask(answer, q, k, v)
    shape = tuple(got.shape) if isinstance(got, Tensor) else type(got)
    if shape == (5, 7):
        return (
            "these are the weights, or the scores, t s. What is missing is "
            "the mean of the values with them."
        )
    if shape != (5, 3):
        return (
            "not yet: for q (5, 9), k (7, 9) and v (7, 3) expected a result "
            f"of shape (5, 3), got {shape}."
        )

    def same(wanted: Tensor) -> bool:
        return torch.allclose(got.to(wanted.dtype), wanted, atol=1e-4)

    if same(mean(product / root)):
        return None
    for wrong, mistake in mistakes:
        if same(wrong):
            return mistake
    return "not yet: the result differs from the weighted means."


def attention_macs(answer: Callable) -> str | None:
    """Multiply-adds of one layer on a map 1 h w dim."""

    def rule(
        queries=1,
        keys_values=2,
        proj=1,
        products=2,
        merge=lambda n, m, r: m * r**2 if r > 1 else 0,
        keys=lambda h, w, r: (h // r) * (w // r),
        kv_tokens=lambda n, m: m,
    ):
        def macs(h, w, c, r):
            n, m = h * w, keys(h, w, r)
            linear = (queries + proj) * n + keys_values * kv_tokens(n, m)
            return (linear + merge(n, m, r)) * c**2 + products * n * m * c

        return macs

    true = rule()
    mistakes = [
        (
            rule(merge=lambda n, m, r: m * r**2),
            "at ratio 1 there is no convolution to merge tokens.",
        ),
        (
            rule(merge=lambda n, m, r: n if r > 1 else 0),
            "the convolution drops the tokens that fill no window, so it does "
            "not work on all h * w of them.",
        ),
        (
            rule(merge=lambda n, m, r: 0),
            "the convolution that merges tokens is missing.",
        ),
        (
            rule(merge=lambda n, m, r: m if r > 1 else 0),
            "the convolution is too cheap: each of its windows holds "
            "ratio * ratio tokens.",
        ),
        (
            rule(merge=lambda n, m, r: m * r if r > 1 else 0),
            "the convolution is too cheap: each of its windows holds "
            "ratio * ratio tokens.",
        ),
        (rule(proj=0), "the output projection is missing."),
        (rule(queries=0), "the linear layer of the queries is missing."),
        (
            rule(keys_values=1),
            "keys and values are two products; one of them is missing.",
        ),
        (
            rule(keys_values=0),
            "the linear layer of keys and values is missing.",
        ),
        (
            rule(kv_tokens=lambda n, m: n),
            "keys and values are made from the merged tokens, after the "
            "convolution, and not from all of them.",
        ),
        (
            rule(products=1),
            "attention is two products: the scores, and the weighted means "
            "of the values.",
        ),
        (
            rule(products=0),
            "the scores and the weighted means are missing.",
        ),
        (
            rule(keys=lambda h, w, r: h * w // r),
            "the ratio is the side of a window: ratio * ratio tokens are one "
            "key.",
        ),
        (
            rule(keys=lambda h, w, r: h * w // r**2),
            "the keys are counted from the number of tokens. Divide and round "
            "each side: what fills no window is dropped.",
        ),
        (
            rule(
                keys=lambda h, w, r: -(-h // r) * -(-w // r),
            ),
            "the reduction has no padding: round the sides of the merged map "
            "down.",
        ),
        (
            rule(
                queries=0,
                proj=0,
                keys_values=0,
                merge=lambda n, m, r: 0,
            ),
            "that is attention's two products. The linear layers and the "
            "convolution are products as well.",
        ),
        (
            lambda *case: 2 * true(*case),
            "twice as many: a multiplication and an addition are one "
            "multiply-add.",
        ),
    ]
    cases = [(128, 128, 32, 8), (16, 16, 256, 1), (63, 50, 32, 8), (9, 7, 6, 2)]
    got = [ask(answer, *case) for case in cases]

    def otherwise(case, said) -> str:
        return (
            "not yet: a map of {} x {} with {} channels at ratio {} takes "
            "{:,} multiply-adds, your function says {}."
        ).format(*case, true(*case), said)

    return judge(got, cases, true, mistakes, otherwise)


CHECKERS = {
    "attention.keys": keys_per_stage,
    "attention.by_hand": attend_once,
    "attention.macs": attention_macs,
}
