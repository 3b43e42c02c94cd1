"""Checkers on the encoder."""

from collections.abc import Callable
from math import prod

from ...config import PRESETS, SegFormerConfig
from .checking import ask, judge


def drop_rate(answer: Callable) -> str | None:
    """The drop rate of one block, from stage and block."""

    def place(depths, stage, block):
        return sum(depths[:stage]) + block

    def true(depths, stage, block, last):
        return last * place(depths, stage, block) / (sum(depths) - 1)

    mistakes = [
        (
            lambda depths, stage, block, last: (
                last * place(depths, stage, block) / sum(depths)
            ),
            "the last block does not reach the last rate. Between the first "
            "and the last of n blocks there are n - 1 steps.",
        ),
        (
            lambda depths, stage, block, last: (
                last * block / (depths[stage] - 1)
            ),
            "the schedule begins anew in every stage. It runs once through "
            "the blocks of all stages.",
        ),
        (
            lambda depths, stage, block, last: last * stage / (len(depths) - 1),
            "that is one rate for each stage. The rate rises from block to "
            "block.",
        ),
        (
            lambda depths, stage, block, last: (
                last * sum(depths[:stage]) / (sum(depths) - 1)
            ),
            "that is the rate of the stage's first block: add the blocks of "
            "the stage that come before yours.",
        ),
        (
            lambda depths, stage, block, last: (
                last * (place(depths, stage, block) + 1) / sum(depths)
            ),
            "the first block of all must have rate 0: stage and block are "
            "counted from 0.",
        ),
        (
            lambda depths, stage, block, last: (
                last * place(depths, stage, block) * 2 / (2 * sum(depths) - 1)
            ),
            "the branches are counted. Both branches of a block have the same "
            "rate, so count the blocks.",
        ),
        (
            lambda depths, stage, block, last: (
                last - true(depths, stage, block, last)
            ),
            "the schedule runs backwards: the first block has rate 0, the "
            "last one has the full rate.",
        ),
        (
            lambda depths, stage, block, last: (
                last * place(depths, stage + 1, block) / (sum(depths) - 1)
            ),
            "the stage's own blocks are all counted. Before it come those of "
            "the earlier stages only.",
        ),
    ]
    cases = [
        ((3, 4, 6, 3), 1, 2, 0.1),
        ((3, 4, 6, 3), 3, 1, 0.1),
        ((2, 5, 3), 0, 1, 0.3),
        ((2, 5, 3), 2, 2, 0.3),
    ]
    got = []
    for case in cases:
        rate = ask(answer, *case)
        if isinstance(rate, bool) or not isinstance(rate, int | float):
            return f"not yet: expected one number, got {rate!r}."
        got.append(round(rate, 9))

    def rounded(rule):
        return lambda *case: round(rule(*case), 9)

    def otherwise(case, said) -> str:
        depths, stage, block, last = case
        return (
            f"not yet: for depths {depths}, block {block} of stage {stage}, "
            f"both counted from 0, and a last rate of {last}, the rate is "
            f"{true(*case):.4f}, your function says {said:.4f}."
        )

    return judge(
        got,
        cases,
        rounded(true),
        [(rounded(rule), words) for rule, words in mistakes],
        otherwise,
    )


def ratios_for(answer: Callable) -> str | None:
    """Side ratios that keep the number of keys the same."""

    def true(strides):
        return [prod(strides[i + 1 :]) for i in range(len(strides))]

    mistakes = [
        (
            lambda strides: [8, 4, 2, 1][-len(strides) :],
            "these are the published ratios. They fit strides of 4, 2, 2, 2; "
            "other strides need others.",
        ),
        (
            lambda strides: [prod(strides[i:]) for i in range(len(strides))],
            "a stage's own stride is counted. It has done its work before "
            "attention begins: only the strides after it count.",
        ),
        (
            lambda strides: [value**2 for value in true(strides)],
            "that is R of the paper's text, which counts tokens. The config "
            "holds ratios of sides.",
        ),
        (
            lambda strides: [
                prod(strides[: i + 1]) for i in range(len(strides))
            ],
            "these are the distances of the tokens, in pixels. Ask how much "
            "smaller the map still becomes after the stage.",
        ),
        (
            lambda strides: true(strides)[::-1],
            "the order is turned around: the first stage has the most tokens "
            "and needs the largest ratio.",
        ),
        (
            lambda strides: [*strides[1:], 1],
            "one stride ahead is not enough: all strides after the stage "
            "count, multiplied.",
        ),
        (
            lambda strides: [
                sum(strides[i + 1 :]) or 1 for i in range(len(strides))
            ],
            "the strides are added. Halving twice is a quarter: multiply.",
        ),
    ]
    cases = [((4, 2, 2, 1),), ((4, 2, 3, 2),), ((8, 2, 4),), ((2, 2, 2, 2),)]
    got = []
    for case in cases:
        ratios = ask(answer, *case)
        if not isinstance(ratios, tuple | list):
            return (
                "not yet: expected a list, one ratio for each stage, got "
                f"{ratios!r}."
            )
        got.append(list(ratios))

    def otherwise(case, said) -> str:
        return (
            f"not yet: for strides {case[0]} your function gives {said}. How "
            "many times smaller than the first map is the last one?"
        )

    return judge(got, cases, true, mistakes, otherwise)


def encoder_parameters(answer: Callable) -> str | None:
    """Count the encoder's parameters from its config alone."""

    def total(
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
        """With other values of the options: the count of a mistake."""
        count, c = 0, config.in_channels
        for i, d in enumerate(config.dims):
            r, k = config.reduction_ratios[i], config.patch_sizes[i]
            h = int(d * (expansion or config.expansion_ratios[i]))
            block = 2 * norm * d
            block += (2 + kv) * d * d + (2 + kv) * d * bias
            if r > 1 or always:
                block += r**power * d * d + d * bias + norm * d * inner
            block += 2 * d * h + (d + h) * bias
            block += 9 * h * (h if full else 1) + h * bias * dw_bias
            count += k * k * c * d + d * bias + norm * d
            count += config.depths[i] * block + norm * d * last
            c = d if chained else c
        return count

    mistakes = [
        ({"bias": 0}, "the biases are missing: every layer here has one."),
        ({"norm": 1}, "a norm has two numbers per channel, scale and shift."),
        ({"norm": 0}, "the norms are missing."),
        ({"last": 0}, "the norm at the end of each stage is missing."),
        (
            {"inner": 0},
            "the norm after the reduction's convolution is missing.",
        ),
        (
            {"always": True},
            "a ratio of 1 has no reduction: no convolution and no norm there.",
        ),
        (
            {"power": 1},
            "the window of the reduction has ratio times ratio positions.",
        ),
        ({"kv": 1}, "keys and values are two matrices, d by d each."),
        (
            {"full": True},
            "the 3 x 3 convolution of the Mix-FFN is depthwise: each hidden "
            "channel has one window of 9 weights.",
        ),
        ({"dw_bias": 0}, "the depthwise convolution has a bias, too."),
        (
            {"chained": False},
            "only the first patch embedding takes the picture; the others "
            "take the channels of the stage before.",
        ),
        (
            {"expansion": 4},
            "the hidden width is not always 4 times the width: read "
            "expansion_ratios.",
        ),
    ]
    cases = [
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
    ]
    got = [ask(answer, *case) for case in cases]
    for said in got:
        if isinstance(said, bool) or not isinstance(said, int | float):
            return f"not yet: expected one number, got {said!r}."

    def otherwise(case, said) -> str:
        config = case[0]
        more = said - total(config)
        words = "too many" if more > 0 else "too few"
        return (
            f"not yet: dims {config.dims} and depths {config.depths} make "
            f"{total(config):,} parameters, your function says {said:,}: "
            f"{abs(more):,} {words}."
        )

    return judge(
        got,
        cases,
        total,
        [
            (lambda config, options=options: total(config, **options), words)
            for options, words in mistakes
        ],
        otherwise,
    )


CHECKERS = {
    "encoder.drop_rate": drop_rate,
    "encoder.ratios": ratios_for,
    "encoder.parameters": encoder_parameters,
}
