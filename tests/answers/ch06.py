"""Answers to chapter 6: the right ones, and mistakes with their words.

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
    "ch06.ex1": survival,
    "ch06.ex2": drop(sample),
    "ch06.ex3": zero(*LAST),
}
WRONG = [
    ("ch06.ex1", one_mask, "one mask for each block"),
    ("ch06.ex1", lambda r: (survival(r)[0], one_mask(r)[1]),
     "both of its draws"),
    ("ch06.ex1", lambda r: (one_mask(r)[0], survival(r)[1]),
     "each block has two branches"),
    ("ch06.ex1", dropped, "counts what is dropped"),
    ("ch06.ex1", at_least_one, "at least one"),
    ("ch06.ex1", lambda r: (1, 1), "3.8 branches"),
    ("ch06.ex1", lambda r: 3.8, "expected two numbers"),
    ("ch06.ex2", drop(sample, scale=lambda p: 1), "are not scaled"),
    ("ch06.ex2", drop(sample, scale=lambda p: 1 / (1 - p)), "multiplied by"),
    ("ch06.ex2", drop(sample, scale=lambda p: p), "divided by p"),
    ("ch06.ex2", drop(sample, scale=lambda p: 0.5), "scaled by 1.25"),
    ("ch06.ex2", drop(lambda x: x.shape), "That is dropout"),
    ("ch06.ex2", drop(lambda x: (*x.shape[:-1], 1)), "That is dropout"),
    ("ch06.ex2", drop(lambda x: (1,) * x.ndim), "together"),
    ("ch06.ex2", drop(sample, keep=lambda p: p), "not to keep"),
    ("ch06.ex2", drop(sample, keep=lambda p: 0.5), "a share of 0.8"),
    ("ch06.ex2", drop(lambda x: (len(x), 1, 1)), "as many dimensions"),
    ("ch06.ex2", in_place, "input itself"),
    ("ch06.ex2", always_scaled, "at p = 0"),
    ("ch06.ex2", lambda x, p: x[0], "expected shape"),
    ("ch06.ex3", zero("attn.proj.weight", "ffn.fc2.weight"), "biases are not"),
    ("ch06.ex3", zero("attn.proj.weight", "attn.proj.bias"), "Mix-FFN still"),
    ("ch06.ex3", zero("ffn.fc2.weight", "ffn.fc2.bias"), "attention still"),
    ("ch06.ex3", zero("norm1.weight", "norm2.weight"), "blind, not silent"),
    ("ch06.ex3", zero("attn.kv.weight", "ffn.fc1.weight"), "first layer"),
    ("ch06.ex3", zero_all, "cannot learn"),
    ("ch06.ex3", drop_always, "drop rate of 1"),
    ("ch06.ex3", without_attention, "parts of the block"),
    ("ch06.ex3", lambda block: block, "does not return its input"),
    ("ch06.ex3", lambda block: nn.Identity(), "return the block"),
]  # fmt: skip
