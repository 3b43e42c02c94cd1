"""Answers: the right ones, and mistakes with the words for them.

Nothing here is shared with the checkers' own formulas: rates are read off a
list, keys are counted on maps, parameters on a model without numbers.
"""

from dataclasses import replace

import torch
from torch import nn

from segformer_tutorial import MixTransformer


def rates(depths, last):
    """All rates in one row, then cut into stages."""
    flat = torch.linspace(0, last, sum(depths), dtype=torch.float64)
    return [stage.tolist() for stage in flat.split(depths)]


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
    "drop_rate": lambda d, stage, block, last: rates(d, last)[stage][block],
    "ratios": ratios,
    "parameters": parameters,
}
WRONG = [
    ("drop_rate", lambda d, s, b, p: p * (sum(d[:s]) + b) / sum(d),
     "n - 1 steps"),
    ("drop_rate", lambda d, s, b, p: rates((d[s],), p)[0][b], "begins anew"),
    ("drop_rate", lambda d, s, b, p: p / (len(d) - 1) * s,
     "one rate to each stage"),
    ("drop_rate", lambda d, s, b, p: rates(d, p)[s][0], "first block"),
    ("drop_rate", lambda d, s, b, p: (sum(d[:s]) + b + 1) / sum(d) * p,
     "counted from 0"),
    ("drop_rate", lambda d, s, b, p: (sum(d[:s]) + b) * p / (sum(d) - 0.5),
     "the branches"),
    ("drop_rate", lambda d, s, b, p: p - rates(d, p)[s][b], "backwards"),
    ("drop_rate", lambda d, s, b, p: (sum(d[: s + 1]) + b) / (sum(d) - 1) * p,
     "blocks of the stage itself"),
    ("drop_rate", lambda d, s, b, p: 0.1, "your function returned 0.1"),
    ("drop_rate", lambda d, s, b, p: [0.1], "should be one number"),
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
