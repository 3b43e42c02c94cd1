"""Answers: the right ones, and mistakes with their words.

Nothing here is shared with the checkers' own formulas.
"""

from itertools import product

import torch
from torch import nn


def survival(rates):
    """Go through every combination of masks: no formula for the mean."""
    both = [rate for rate in rates for _ in range(2)]
    mean = every = 0.0
    for masks in product((0, 1), repeat=len(both)):
        chance = 1.0
        for kept, rate in zip(masks, both, strict=True):
            chance *= 1 - rate if kept else rate
        mean += chance * sum(masks)
        every = chance  # the last combination keeps all
    return mean, every


def one_mask(rates):
    mean, every = survival(rates)
    return mean / 2, every**0.5


def dropped(rates):
    return survival([1 - rate for rate in rates])


def at_least_one(rates):
    result = 1.0
    for rate in rates:
        result -= result * rate * rate
    return survival(rates)[0], result


def drop(mask_shape, keep=lambda p: 1 - p, scale=lambda p: 1 - p):
    def answer(x, p):
        mask = torch.rand(mask_shape(x)) < keep(p)
        return x * mask / scale(p)

    return answer


def sample(x):
    return len(x), *[1] * (x.ndim - 1)


def in_place(x, p):
    x *= (torch.rand(sample(x)) < 1 - p) / (1 - p)
    return x


def always_scaled(x, p):
    """As if a tenth were dropped where nothing is."""
    return drop(sample)(x, p) if p else x / 0.9


def zero(*names):
    """Set these parameters of the block to zero."""

    def answer(block):
        for name in names:
            nn.init.zeros_(block.get_parameter(name))
        return block

    return answer


def zero_all(block):
    return zero(*(name for name, _ in block.named_parameters()))(block)


def drop_always(block):
    block.drop_path.p = 1.0
    return block


def without_attention(block):
    block.attn.proj = nn.Identity()
    return block


LAST = ("attn.proj.weight", "attn.proj.bias", "ffn.fc2.weight", "ffn.fc2.bias")

RIGHT = {
    "survival": survival,
    "drop_path": drop(sample),
    "identity": zero(*LAST),
}
WRONG = [
    ("survival", one_mask, "one mask for each block"),
    ("survival", lambda r: (survival(r)[0], one_mask(r)[1]),
     "both of its masks"),
    ("survival", lambda r: (one_mask(r)[0], survival(r)[1]),
     "each block has two branches"),
    ("survival", dropped, "counts what is dropped"),
    ("survival", at_least_one, "at least one"),
    ("survival", lambda r: (1, 1), "3.8 branches"),
    ("survival", lambda r: 3.8, "should be 2 numbers"),
    ("drop_path", drop(sample, scale=lambda p: 1), "does not scale"),
    ("drop_path", drop(sample, scale=lambda p: 1 / (1 - p)),
     "multiplies the samples"),
    ("drop_path", drop(sample, scale=lambda p: p),
     "divides the samples that are kept by p"),
    ("drop_path", drop(sample, scale=lambda p: 0.5), "scaled by 1.25"),
    ("drop_path", drop(lambda x: x.shape), "That is dropout"),
    ("drop_path", drop(lambda x: (*x.shape[:-1], 1)), "That is dropout"),
    ("drop_path", drop(lambda x: (1,) * x.ndim), "together"),
    ("drop_path", drop(sample, keep=lambda p: p), "not of keeping"),
    ("drop_path", drop(sample, keep=lambda p: 0.5), "a share of 0.8"),
    ("drop_path", drop(lambda x: (len(x), 1, 1)), "as many dimensions"),
    ("drop_path", in_place, "input itself"),
    ("drop_path", always_scaled, "At p = 0 nothing"),
    ("drop_path", lambda x, p: x[0], "a tensor of shape (2000, 3, 5)"),
    ("identity", zero("attn.proj.weight", "ffn.fc2.weight"), "biases are not"),
    ("identity", zero("attn.proj.weight", "attn.proj.bias"), "Mix-FFN still"),
    ("identity", zero("ffn.fc2.weight", "ffn.fc2.bias"), "attention still"),
    ("identity", zero("norm1.weight", "norm2.weight"), "blind, not silent"),
    ("identity", zero("attn.kv.weight", "ffn.fc1.weight"), "first layer"),
    ("identity", zero_all, "cannot learn"),
    ("identity", drop_always, "drop rate of 1"),
    ("identity", without_attention, "parts of the block"),
    ("identity", lambda block: block, "does not return its input"),
    ("identity", lambda block: nn.Identity(), "Return the block"),
]  # fmt: skip
