"""Exercises on the encoder, the Mix Transformer."""

from dataclasses import replace
from math import prod

from ...config import PRESETS, SegFormerConfig
from .checking import by_cases


def rest(
    config: SegFormerConfig,
    side: int,
    *,
    side_after=lambda side, stride: -(-side // stride),
    left=lambda tokens, ratio, stride: tokens % ratio,
) -> list[int]:
    """Stage by stage, the tokens on a side that no key is made of."""
    result = []
    for stride, ratio in zip(
        config.strides, config.reduction_ratios, strict=True
    ):
        side = side_after(side, stride)
        result.append(left(side, ratio, stride))
    return result


def rest_but(**options):
    return lambda config, side: rest(config, side, **options)


left_over = by_cases(
    cases=[
        (PRESETS["b0"], 250),
        (PRESETS["b0"], 333),
        (PRESETS["b0"], 117),
        (replace(PRESETS["b0"], reduction_ratios=(8, 5, 3, 2)), 470),
    ],
    true=rest,
    mistakes={
        "Your function rounds the sides down. A patch embedding rounds them "
        "up.": rest_but(side_after=lambda side, stride: side // stride),
        "The ratio is one of sides here. Along one side, windows of `ratio` "
        "tokens follow each other, not of `ratio` squared.": (
            rest_but(left=lambda tokens, ratio, stride: tokens % ratio**2)
        ),
        "These are the tokens that are in a window. Asked are the ones that "
        "are left over.": (
            rest_but(left=lambda tokens, ratio, _: tokens - tokens % ratio)
        ),
        "These are the numbers of keys on a side.": (
            rest_but(left=lambda tokens, ratio, stride: tokens // ratio)
        ),
        "Your function computes how many tokens are missing from another "
        "whole window.": (
            rest_but(left=lambda tokens, ratio, stride: -tokens % ratio)
        ),
        "These are the sides of the feature maps. Divide them into windows.": (
            rest_but(left=lambda tokens, ratio, stride: tokens)
        ),
        "Your function divides the pixels of the photo into windows. "
        "Attention merges tokens, so compute the side of each feature map "
        "first.": lambda config, side: [
            side % ratio for ratio in config.reduction_ratios
        ],
    },
    otherwise="For a side of {1} pixels your function returned {said}, but "
    "{wanted} tokens are left over.",
)


def each(ratio):
    """A rule that makes the ratio of stage i from all strides."""
    return lambda strides: [ratio(strides, i) for i in range(len(strides))]


true_ratios = each(lambda strides, i: prod(strides[i + 1 :]))

ratios = by_cases(
    cases=[((4, 2, 2, 1),), ((4, 2, 3, 2),), ((8, 2, 4),), ((2, 2, 2, 2),)],
    true=true_ratios,
    mistakes={
        "These are the published ratios. They fit strides of 4, 2, 2, 2, but "
        "other strides need other ratios.": (
            lambda strides: [8, 4, 2, 1][-len(strides) :]
        ),
        "Your function counts a stage's own stride. That has done its work "
        "before attention begins, so only the strides after it count.": (
            each(lambda strides, i: prod(strides[i:]))
        ),
        "These are the R of the paper's text, which counts tokens. The config "
        "holds ratios of sides.": lambda strides: [
            ratio**2 for ratio in true_ratios(strides)
        ],
        "These are the distances between tokens, in pixels. Ask how much "
        "smaller the feature map still becomes after the stage.": (
            each(lambda strides, i: prod(strides[: i + 1]))
        ),
        "The order is reversed. The first stage has the most tokens and needs "
        "the largest ratio.": lambda strides: true_ratios(strides)[::-1],
        "Your function looks one stride ahead. All strides after the stage "
        "count, multiplied.": lambda strides: [*strides[1:], 1],
        "Your function adds the strides. Halving twice leaves a quarter, so "
        "multiply them.": each(lambda strides, i: sum(strides[i + 1 :]) or 1),
    },
    otherwise="For strides {0} your function returned {said}. How many times "
    "smaller than the first feature map is the last one?",
)


def count(
    config: SegFormerConfig,
    *,
    norm=2,
    chained=True,
    inner=1,
    last=1,
    bias=1,
    kv=2,
    power=2,
    always=False,
    full=False,
    dw_bias=1,
    expansion=None,
) -> int:
    """The encoder's parameters; other options are the count of a mistake."""
    total, c = 0, config.in_channels
    for i, d in enumerate(config.dims):
        r, k = config.reduction_ratios[i], config.patch_sizes[i]
        h = int(d * (expansion or config.expansion_ratios[i]))
        block = 2 * norm * d + (2 + kv) * (d * d + d * bias)
        if r > 1 or always:
            block += r**power * d * d + d * bias + norm * d * inner
        block += 2 * d * h + (d + h) * bias
        block += 9 * h * (h if full else 1) + h * bias * dw_bias
        total += k * k * c * d + d * bias + norm * d
        total += config.depths[i] * block + norm * d * last
        c = d if chained else c
    return total


def but(**options):
    return lambda config: count(config, **options)


parameters = by_cases(
    cases=[
        (PRESETS["b0"],),
        (PRESETS["b3"],),
        (
            SegFormerConfig(
                dims=(16, 24, 40),
                depths=(1, 3, 2),
                num_heads=(1, 2, 4),
                reduction_ratios=(4, 1, 2),
                expansion_ratios=(8, 2, 4),
                patch_sizes=(5, 3, 7),
                strides=(4, 2, 2),
                in_channels=4,
            ),
        ),
    ],
    true=count,
    mistakes={
        "The biases are missing. Every layer here has one.": but(bias=0),
        "Your function counts one number per channel for a norm. A norm has "
        "two, scale and shift.": but(norm=1),
        "The norms are missing.": but(norm=0),
        "The norm at the end of each stage is missing.": but(last=0),
        "The norm after the reduction's convolution is missing.": but(inner=0),
        "Your function counts a reduction at a ratio of 1. There is none: "
        "neither a convolution nor a norm.": but(always=True),
        "The window of the reduction has ratio times ratio positions, not "
        "ratio.": but(power=1),
        "Your function counts keys and values once. They are two matrices, d "
        "by d each.": but(kv=1),
        "Your function counts an ordinary convolution in the Mix-FFN. It is "
        "depthwise: each hidden channel has one window of 9 weights.": (
            but(full=True)
        ),
        "The bias of the depthwise convolution is missing.": but(dw_bias=0),
        "Only the first patch embedding takes the picture. The others take "
        "the channels of the stage before them.": but(chained=False),
        "The hidden width is not always 4 times the width. Read it from "
        "`expansion_ratios`.": but(expansion=4),
    },
    otherwise=lambda case, wanted, said: (
        f"Dims {case[0].dims} and depths {case[0].depths} make {wanted:,} "
        f"parameters, but your function returned {said:,}, which is "
        f"{abs(said - wanted):,} too {'many' if said > wanted else 'few'}."
    ),
)
