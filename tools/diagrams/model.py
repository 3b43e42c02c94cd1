"""The diagrams on model."""

from collections.abc import Callable

import torch
import torch.nn.functional as F

from segformer_tutorial import EfficientSelfAttention, resize

from .drawing import (
    ACCENT,
    ACCENT_INK,
    ACCENT_PALE,
    B0,
    GREY,
    INK,
    LINE,
    MUTED,
    WHITE,
    Drawing,
)

# Two neighbouring places and their scores for two classes.
LEFT, RIGHT = {3: 4.0, 7: 2.0}, {3: 1.0, 7: 6.0}


def between(row: torch.Tensor, mode: str) -> list[float]:
    """Two places resized to eight pixels: the four between their middles."""
    row = row.reshape(1, 1, 1, 2)
    if mode == "nearest":
        row = F.interpolate(row, size=(1, 8), mode=mode)
    else:
        row = resize(row, (1, 8))
    return row.flatten().tolist()[2:6]


def label_orders() -> Drawing:
    """Resizing before the argmax and after it, on one row of pixels."""
    scores = {k: torch.tensor([LEFT[k], RIGHT[k]]) for k in (3, 7)}
    fine = {k: between(row, "bilinear") for k, row in scores.items()}
    best = torch.tensor([max(x, key=x.get) for x in (LEFT, RIGHT)]).float()
    right = [3 if a > b else 7 for a, b in zip(*fine.values(), strict=True)]
    copied = [int(x) for x in between(best, "nearest")]
    means = between(best, "bilinear")
    averaged = [int(x) for x in means]
    assert right == [3, 7, 7, 7] and copied == [3, 3, 7, 7]
    assert averaged == [3, 4, 5, 6]

    def row(numbers: list) -> str:
        return " ".join(map(str, numbers))

    d = Drawing(
        490,
        476,
        "From scores to labels in three orders",
        "Two neighbouring places, A and B, and the four pixels between their "
        f"middles. A has {LEFT[3]:g} for class 3 and {LEFT[7]:g} for class 7, "
        f"B has {RIGHT[3]:g} and {RIGHT[7]:g}. Resize the scores, then argmax: "
        f"the labels are {row(right)}, the border is where the two scores "
        "cross. Argmax, then copy the nearest label: "
        f"{row(copied)}, the border is always half-way. Argmax, then average "
        f"the labels: {row(averaged)}, of which 4, 5 and 6 are classes that "
        "nobody gave a score.",
    )
    x0, step, w, h = 108, 70, 62, 34
    pixels = [x0 + i * step for i in range(4)]
    ends = (16, x0 + 4 * step)

    for x, name, place in zip(ends, "AB", (LEFT, RIGHT), strict=True):
        d.rect(x, 34, 84, 66, fill=GREY)
        d.text(x + 42, 24, f"place {name}", bold=True)
        for i, (k, score) in enumerate(place.items()):
            d.text(x + 42, 60 + 26 * i, f"class {k}: {score:g}")
    d.text(244, 58, "four pixels between", fill=MUTED)
    d.line((108, 76), (384, 76), stroke=LINE)
    d.line((384, 76), (108, 76), stroke=LINE)

    def labels(y: float, numbers: list[int]) -> None:
        for x, label in zip(pixels, numbers, strict=True):
            known = label in (3, 7)
            d.rect(
                x,
                y,
                w,
                h,
                fill={3: ACCENT_PALE, 7: ACCENT}.get(label, WHITE),
                stroke=ACCENT_INK if known else INK,
                dash="" if known else "4 3",
                width=1.5 if known else 2,
            )
            d.text(
                x + w / 2,
                y + h / 2 + 6,
                str(label),
                size=17,
                bold=True,
                fill=WHITE if label == 7 else INK,
            )
        for x, label in zip(
            ends,
            (max(LEFT, key=LEFT.get), max(RIGHT, key=RIGHT.get)),
            strict=True,
        ):
            d.text(x + 42, y + h / 2 + 6, str(label), size=17, fill=MUTED)

    y = 132
    d.text(16, y, "resize the scores, then argmax", anchor="start", bold=True)
    for i, (k, numbers) in enumerate(fine.items()):
        baseline = y + 24 + 20 * i
        d.text(16, baseline, f"class {k}", anchor="start", fill=MUTED)
        for j, (x, number) in enumerate(zip(pixels, numbers, strict=True)):
            d.text(
                x + w / 2,
                baseline,
                f"{number:.1f}",
                bold=right[j] == k,
                fill=INK if right[j] == k else MUTED,
            )
    labels(y + 56, right)
    d.text(
        245,
        y + 112,
        "the border is where the scores cross",
        fill=ACCENT_INK,
    )

    y = 282
    d.text(16, y, "argmax, then copy the nearest", anchor="start", bold=True)
    labels(y + 12, copied)
    d.text(245, y + 68, "the border is always half-way", fill=MUTED)

    y = 386
    d.text(16, y, "argmax, then average the labels", anchor="start", bold=True)
    labels(y + 12, averaged)
    d.text(245, y + 68, "4, 5 and 6: nobody gave them a score", fill=MUTED)
    return d


def kv_rows() -> Drawing:
    """Which rows of kv are keys, and where four projects keep them."""
    c = B0.dims[0]
    ratio = B0.reduction_ratios[0]
    layer = EfficientSelfAttention(c, num_heads=1, reduction_ratio=ratio)
    assert tuple(layer.kv.weight.shape) == (2 * c, c)
    d = Drawing(
        490,
        356,
        "The rows of kv",
        f"The weight of attn.kv in stage 1 has {2 * c} rows and {c} columns. "
        f"Rows 0 to {c - 1} make keys, rows {c} to {2 * c - 1} make values. "
        "Here, in the official code and in timm they are one tensor, attn.kv. "
        "In the files of transformers they are two, attention.self.key and "
        "attention.self.value. In mmsegmentation they are the last two thirds "
        f"of attn.attn.in_proj, which has {3 * c} rows: query, key, value.",
    )
    unit, width = 2.6, 100
    part = c * unit
    top = 72 + part

    def stack(x: float, y: float, words: str, on: bool) -> None:
        d.rect(
            x,
            y,
            width,
            part,
            fill=ACCENT if on else ACCENT_PALE,
            stroke=ACCENT_INK,
            radius=0,
        )
        d.text(
            x + width / 2, y + part / 2 + 5, words, fill=WHITE if on else INK
        )

    xs = (16, 196, 376)
    for x, lines in zip(
        xs,
        (
            ("here, official, timm", "attn.kv"),
            ("transformers", "two tensors"),
            ("mmsegmentation", "attn.in_proj"),
        ),
        strict=True,
    ):
        for i, words in enumerate(lines):
            d.text(
                x if x < 300 else x + width,
                24 + 19 * i,
                words,
                anchor="start" if x < 300 else "end",
                bold=i == 0,
            )

    stack(xs[0], top, "keys", True)
    stack(xs[0], top + part, "values", False)
    d.text(
        xs[0],
        top + 2 * part + 22,
        f"{2 * c} rows, {c} columns",
        anchor="start",
        fill=MUTED,
    )
    gap = 14
    stack(xs[1], top - gap / 2, "self.key", True)
    stack(xs[1], top + part + gap / 2, "self.value", False)
    d.text(
        xs[1],
        top + 2 * part + 29,
        f"twice {c} rows",
        anchor="start",
        fill=MUTED,
    )
    d.rect(xs[2], top - part, width, part, fill=GREY, radius=0)
    d.text(xs[2] + width / 2, top - part / 2 + 5, "queries")
    stack(xs[2], top, "keys", True)
    stack(xs[2], top + part, "values", False)
    d.text(
        xs[2] + width,
        top + 2 * part + 22,
        f"{3 * c} rows",
        anchor="end",
        fill=MUTED,
    )
    for a, b in ((xs[0], xs[1]), (xs[1], xs[2])):
        for sign, y in ((-1, top + part / 2), (1, top + part * 1.5)):
            y0 = y + (sign * gap / 2 if a == xs[1] else 0)
            y1 = y + (sign * gap / 2 if b == xs[1] else 0)
            d.line((a + width + 4, y0), (b - 4, y1))
    return d


DRAWINGS: dict[str, Callable[[], Drawing]] = {
    "label_orders": label_orders,
    "kv_rows": kv_rows,
}
