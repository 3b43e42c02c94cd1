"""Answers: the right ones, and mistakes with the words for them.

Nothing here is shared with the checkers' own formulas: tokens are cut into
windows, keys are counted on feature maps, parameters on a model without
numbers.
"""

from dataclasses import replace

import torch
from torch import nn

from segformer_tutorial import MixTransformer


def grids(config, side):
    """One row of tokens for each stage, each token a number of its own."""
    for stride, ratio in zip(
        config.strides, config.reduction_ratios, strict=True
    ):
        row = torch.arange(side)[::stride]
        side = len(row)
        yield row, ratio


def left_over(config, side):
    """The tokens that PyTorch's sliding windows do not contain."""
    return [
        len(row) - row.unfold(0, ratio, ratio).numel()
        for row, ratio in grids(config, side)
    ]


def ratios(strides):
    """How many times the sides of the last map each map's sides are."""
    side = 2 * 3 * 5 * 7
    for stride in strides:
        side *= stride
    sides = []
    for stride in strides:
        side //= stride
        sides.append(side)
    return [each // sides[-1] for each in sides]


def encoder(config):
    with torch.device("meta"):
        return MixTransformer(config)


def parameters(config):
    return sum(p.numel() for p in encoder(config).parameters())


def without(wanted):
    """Count only what `wanted(name, module)` keeps."""

    def answer(config):
        return sum(
            p.numel()
            for name, module in encoder(config).named_modules()
            for p in module.parameters(recurse=False)
            if wanted(name, module)
        )

    return answer


def without_biases(config):
    return sum(
        p.numel()
        for name, module in encoder(config).named_modules()
        for key, p in module.named_parameters(recurse=False)
        if key == "weight" or isinstance(module, nn.LayerNorm)
    )


def one_number_per_norm(config):
    norms = without(lambda name, m: isinstance(m, nn.LayerNorm))
    return parameters(config) - norms(config) // 2


def full_convolution(config):
    return parameters(config) + sum(
        m.weight.numel() * (m.groups - 1)
        for m in encoder(config).modules()
        if isinstance(m, nn.Conv2d)
    )


def keys_and_values_once(config):
    pairs = without(lambda name, m: name.endswith("attn.kv"))
    return parameters(config) - pairs(config) // 2


def flat_windows(config):
    """A reduction with `ratio` weights a channel pair, not ratio squared."""
    return parameters(config) - sum(
        m.weight.numel() - m.weight.numel() // m.kernel_size[0]
        for name, m in encoder(config).named_modules()
        if name.endswith("attn.reduce")
    )


def reduced_everywhere(config):
    """Where the ratio is 1: d * d + d and a norm of 2 d more."""
    missing = sum(
        depth * (dim * dim + 3 * dim)
        for dim, depth, ratio in zip(
            config.dims, config.depths, config.reduction_ratios, strict=True
        )
        if ratio == 1
    )
    return parameters(config) + missing


def pictures_everywhere(config):
    """Every patch embedding as if it took the picture."""
    return parameters(config) + sum(
        m.weight.numel() // m.in_channels * (config.in_channels - m.in_channels)
        for name, m in encoder(config).named_modules()
        if name.endswith("patch_embedding.proj")
    )


def four_times(config):
    return parameters(replace(config, expansion_ratios=(4,) * len(config.dims)))


def without_depthwise_bias(config):
    return parameters(config) - sum(
        m.bias.numel()
        for name, m in encoder(config).named_modules()
        if name.endswith("dwconv")
    )


RIGHT = {
    "left_over": left_over,
    "ratios": ratios,
    "parameters": parameters,
}
WRONG = [
    ("left_over", lambda config, side: [
        side // s % r for s, r in zip(
            (4, 8, 16, 32), config.reduction_ratios, strict=True)],
     "rounds the sides down"),
    ("left_over", lambda config, side: [
        len(row) % r**2 for row, r in grids(config, side)], "squared"),
    ("left_over", lambda config, side: [
        row.unfold(0, r, r).numel() for row, r in grids(config, side)],
     "in a window"),
    ("left_over", lambda config, side: [
        len(row.unfold(0, r, r)) for row, r in grids(config, side)],
     "numbers of keys"),
    ("left_over", lambda config, side: [
        (r - len(row) % r) % r for row, r in grids(config, side)],
     "another whole window"),
    ("left_over", lambda config, side: [
        len(row) for row, _ in grids(config, side)], "sides of the feature"),
    ("left_over", lambda config, side: [
        side % r for _, r in grids(config, side)], "the pixels of the photo"),
    ("left_over", lambda config, side: [0, 0, 0, 0], "[7, 0, 0, 0] tokens"),
    ("left_over", lambda config, side: 7, "should be 4 numbers"),
    ("ratios", lambda strides: (8, 4, 2, 1)[4 - len(strides):],
     "published ratios"),
    ("ratios", lambda strides: [a * b for a, b in zip(
        ratios(strides), strides, strict=True)], "own stride"),
    ("ratios", lambda strides: [r * r for r in ratios(strides)],
     "counts tokens"),
    ("ratios", lambda strides: torch.tensor(strides).cumprod(0).tolist(),
     "distances"),
    ("ratios", lambda strides: ratios(strides)[::-1], "reversed"),
    ("ratios", lambda strides: list(strides[1:]) + [1], "one stride ahead"),
    ("ratios", lambda strides: [
        max(1, sum(strides[i + 1:])) for i in range(len(strides))],
     "adds the strides"),
    ("ratios", lambda strides: [1] * len(strides), "strides (4, 2, 2, 1)"),
    ("ratios", lambda strides: 8, "should be 4 numbers"),
    ("parameters", without_biases, "biases are missing"),
    ("parameters", one_number_per_norm, "scale and shift"),
    ("parameters", without(lambda name, m: not isinstance(m, nn.LayerNorm)),
     "The norms are missing"),
    ("parameters", without(lambda name, m: name.count(".") != 2
                         or not name.endswith("norm")), "end of each stage"),
    ("parameters", without(lambda name, m: not name.endswith("attn.norm")),
     "after the reduction"),
    ("parameters", reduced_everywhere, "a ratio of 1"),
    ("parameters", flat_windows, "ratio times ratio"),
    ("parameters", keys_and_values_once, "two matrices"),
    ("parameters", full_convolution, "depthwise"),
    ("parameters", without_depthwise_bias, "bias of the depthwise"),
    ("parameters", pictures_everywhere, "Only the first patch"),
    ("parameters", four_times, "Read it from"),
    ("parameters", lambda config: 3_752_694, "433,302 too many"),
    ("parameters", lambda config: "many", "should be one number"),
]  # fmt: skip
