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


def scale(weight_by, bias_by=None):
    def answer(weight, bias, p):
        both = [weight_by(p), (bias_by or weight_by)(p)]
        return [
            torch.einsum(", ...", torch.tensor(x), y)
            for x, y in zip(both, (weight, bias), strict=True)
        ]

    return answer


def kept(p):
    return 1.0 - p


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
    "rescale": scale(kept),
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
    ("rescale", scale(lambda p: 1 / (1 - p)), "divides the weight"),
    ("rescale", scale(lambda p: 1.0), "leaves the weight unchanged"),
    ("rescale", scale(lambda p: p), "multiplies the weight by p"),
    ("rescale", scale(lambda p: 0.5), "the weight must make ours"),
    ("rescale", scale(kept, lambda p: 1.0), "leaves the bias"),
    ("rescale", scale(kept, lambda p: p), "the bias must make ours"),
    ("rescale", lambda w, b, p: (1 - p) * w, "weight and bias"),
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
