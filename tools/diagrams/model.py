"""Diagrams on the whole model: its labels and its tensors in files."""

import torch
import torch.nn.functional as F

from segformer_tutorial import EfficientSelfAttention, resize
from segformer_tutorial.predict.colors import PALETTE

from .drawing import (
    B0,
    INK,
    KEY,
    LINE,
    QUERY,
    VALUE,
    WHITE,
    Drawing,
    Hue,
)

# Two neighbouring positions, their logits for sign (3) and for pole (7).
NAMES = {3: "sign", 7: "pole"}
LEFT, RIGHT = {3: 4.0, 7: 2.0}, {3: 1.0, 7: 6.0}


def between(row: torch.Tensor, mode: str) -> list[float]:
    """Two positions resized to 8 pixels: the four between the centres."""
    row = row.reshape(1, 1, 1, 2)
    if mode == "nearest":
        row = F.interpolate(row, size=(1, 8), mode=mode)
    else:
        row = resize(row, (1, 8))
    return row.flatten().tolist()[2:6]


def label_orders() -> Drawing:
    """Resizing before the argmax and after it, on one row of pixels."""
    logits = {k: torch.tensor([LEFT[k], RIGHT[k]]) for k in (3, 7)}
    fine = {k: between(row, "bilinear") for k, row in logits.items()}
    best = torch.tensor([max(x, key=x.get) for x in (LEFT, RIGHT)]).float()
    right = [3 if a > b else 7 for a, b in zip(*fine.values(), strict=True)]
    copied = [int(x) for x in between(best, "nearest")]
    averaged = [int(x) for x in between(best, "bilinear")]
    assert right == [3, 7, 7, 7] and copied == [3, 3, 7, 7]
    assert averaged == [3, 4, 5, 6]

    def row(numbers: list) -> str:
        return " ".join(map(str, numbers))

    d = Drawing(
        490,
        476,
        "From logits to labels in three orders",
        "Two neighbouring positions, A and B, and the four pixels between "
        f"their centres. A has the logits {LEFT[3]:g} for sign, class 3, and "
        f"{LEFT[7]:g} for pole, class 7; B has {RIGHT[3]:g} and {RIGHT[7]:g}. "
        f"Resize the logits, then argmax: the labels are {row(right)}, the "
        "border is where the two logits cross. Argmax, then copy the nearest "
        "label: "
        f"{row(copied)}, the border is always half-way. Argmax, then average "
        f"the labels: {row(averaged)}, of which 4, 5 and 6, water, person and "
        "sidewalk, are classes with a logit of 0.",
    )
    x0, step, w, h = 108, 70, 62, 34
    pixels = [x0 + i * step for i in range(4)]
    ends = (16, x0 + 4 * step)
    for x, name, position in zip(ends, "AB", (LEFT, RIGHT), strict=True):
        d.rect(x, 34, 84, 66)
        d.text(x + 42, 24, f"position {name}", "bold")
        words = [f"{NAMES[k]}: {logit:g}" for k, logit in position.items()]
        d.lines(x + 42, 60, *words, style="", step=26)
    d.text(244, 58, "four pixels between", "muted")
    d.across(108, 384, 76, stroke=LINE)
    d.across(384, 108, 76, stroke=LINE)

    looks = {  # the colours of the classes in all label maps
        k: {"fill": "#" + PALETTE[k].tobytes().hex(), "stroke": INK}
        for k in (3, 7)
    }
    unknown = {"fill": WHITE, "stroke": INK, "dash": "4 3", "width": 2}

    def labels(y: float, numbers: list[int], words: str, style: str) -> None:
        base = y + h / 2 + 6
        for x, label in zip(pixels, numbers, strict=True):
            d.rect(x, y, w, h, **looks.get(label, unknown))
            ink = WHITE if label == 7 else INK
            d.text(x + w / 2, base, str(label), "bold", size=17, fill=ink)
        for x, label in zip(ends, best.int().tolist(), strict=True):
            d.text(x + 42, base, str(label), "muted", size=17)
        d.text(245, y + 56, words, style)

    y = 132
    d.text(16, y, "resize the logits, then argmax", "start bold")
    for i, (k, numbers) in enumerate(fine.items()):
        base = y + 24 + 20 * i
        d.text(16, base, f"{NAMES[k]} ({k})", "start muted")
        for x, number, winner in zip(pixels, numbers, right, strict=True):
            style = "bold" if winner == k else "muted"
            d.text(x + w / 2, base, f"{number:.1f}", style)
    labels(y + 56, right, "the border is where the logits cross", "accent")
    d.text(16, 282, "argmax, then copy the nearest", "start bold")
    labels(294, copied, "the border is always half-way", "muted")
    d.text(16, 386, "argmax, then average the labels", "start bold")
    labels(398, averaged, "4, 5 and 6: water, person, sidewalk", "muted")
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
    width, part = 100, c * 2.6
    top, gap = 72 + part, 14
    below = top + 2 * part

    def stack(x: float, y: float, words: str, hue: Hue) -> None:
        d.box(x, y, width, part, words, **hue.ground, radius=0)

    ours, two, three = 16, 196, 376
    for x, style, head, name in (
        (ours, "start", "here, official, timm", "attn.kv"),
        (two, "start", "transformers", "two tensors"),
        (three + width, "end", "mmsegmentation", "attn.in_proj"),
    ):
        d.text(x, 24, head, f"{style} bold")
        d.text(x, 43, name, style)
    stack(ours, top, "keys", KEY)
    stack(ours, top + part, "values", VALUE)
    d.text(ours, below + 22, f"{2 * c} rows, {c} columns", "start muted")
    stack(two, top - gap / 2, "self.key", KEY)
    stack(two, top + part + gap / 2, "self.value", VALUE)
    d.text(two, below + 29, f"twice {c} rows", "start muted")
    stack(three, top - part, "queries", QUERY)
    stack(three, top, "keys", KEY)
    stack(three, top + part, "values", VALUE)
    d.text(three + width, below + 22, f"{3 * c} rows", "end muted")
    for a, b in ((ours, two), (two, three)):
        for sign, y in ((-1, top + part / 2), (1, top + part * 1.5)):
            y0, y1 = (y + (sign * gap / 2 if x == two else 0) for x in (a, b))
            d.line((a + width + 4, y0), (b - 4, y1))
    return d


DRAWINGS = {"label_orders": label_orders, "kv_rows": kv_rows}
