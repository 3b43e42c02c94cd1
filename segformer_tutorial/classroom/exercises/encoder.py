"""Exercises on the encoder, the Mix Transformer."""

from math import prod

from ...config import PRESETS, SegFormerConfig
from .checking import by_cases, closely


def rate_at(before, steps=lambda depths: sum(depths) - 1):
    """A rule: the blocks before this one, and the steps to the last one."""
    return lambda depths, stage, block, last: (
        last * before(depths, stage, block) / steps(depths)
    )


def place(depths, stage, block):
    return sum(depths[:stage]) + block


drop_rate = by_cases(
    cases=[
        ((3, 4, 6, 3), 1, 2, 0.1),
        ((3, 4, 6, 3), 3, 1, 0.1),
        ((2, 5, 3), 0, 1, 0.3),
        ((2, 5, 3), 2, 2, 0.3),
    ],
    true=rate_at(place),
    same=closely,
    mistakes={
        "The last block does not reach the last rate. Between the first and "
        "the last of n blocks there are n - 1 steps.": rate_at(place, sum),
        "Your schedule begins anew in every stage, but it runs once through "
        "the blocks of all stages.": lambda depths, stage, block, last: (
            last * block / (depths[stage] - 1)
        ),
        "Your function gives one rate to each stage, but the rate rises from "
        "block to block.": (
            rate_at(lambda d, stage, block: stage, lambda d: len(d) - 1)
        ),
        "Your function returns the rate of the stage's first block. Add the "
        "blocks of the stage that come before yours.": (
            rate_at(lambda d, stage, block: sum(d[:stage]))
        ),
        "The very first block must have rate 0, because stage and block are "
        "counted from 0.": rate_at(lambda *block: place(*block) + 1, sum),
        "Your function counts the branches. Both branches of a block have the "
        "same rate, so count the blocks.": (
            rate_at(place, lambda d: sum(d) - 0.5)
        ),
        "Your schedule runs backwards. The first block has rate 0, and the "
        "last one has the full rate.": lambda *case: (
            case[-1] - rate_at(place)(*case)
        ),
        "Your function counts all blocks of the stage itself as well. Before "
        "it are only those of the earlier stages.": (
            rate_at(lambda d, stage, block: place(d, stage + 1, block))
        ),
    },
    otherwise="With depths {0}, block {2} of stage {1}, both counted from 0, "
    "has a rate of {wanted:.4f} if the last rate is {3}, but your function "
    "returned {said:.4f}.",
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
