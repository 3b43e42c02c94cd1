"""The diagrams on attention."""

from math import exp, sqrt

from .drawing import (
    ACCENT,
    ACCENT_INK,
    ACCENT_PALE,
    LINE,
    MUTED,
    PALE,
    Drawing,
)

QUERY = (1, 0, 2, 0)
KEYS = ((0, 1, 0, 1), (2, 0, 0, 1), (0, 1, 2, 0))
VALUES = (10, 20, 30)


def attention_by_hand() -> Drawing:
    """One query, three keys: scores, softmax, weighted mean."""
    root = sqrt(len(QUERY))
    scores = [sum(a * b for a, b in zip(QUERY, k, strict=True)) for k in KEYS]
    scaled = [s / root for s in scores]
    powers = [exp(s) for s in scaled]
    total = sum(powers)
    weights = [p / total for p in powers]
    mean = sum(w * v for w, v in zip(weights, VALUES, strict=True))
    assert scores == [0, 2, 4] and scaled == [0, 1, 2]
    assert f"{total:.2f} {mean:.2f}" == "11.11 25.75"
    rounded = [f"{w:.2f}" for w in weights]
    d = Drawing(
        490,
        424,
        "Attention by hand: one query, three keys, three values",
        f"The query {' '.join(map(str, QUERY))} meets three keys. The scores "
        f"are {scores[0]}, {scores[1]} and {scores[2]}; divided by the root "
        "of 4 they are 0, 1 and 2; their exponentials are "
        + ", ".join(f"{p:.2f}" for p in powers)
        + f", together {total:.2f}; divided by that they are the weights "
        f"{', '.join(rounded)}, drawn as bars. The mean of the values 10, 20 "
        f"and 30 with these weights is {mean:.2f}.",
    )
    xs = (200, 304, 408)
    d.text(16, 30, "query", anchor="start", bold=True)
    numbers(d, 84, 14, QUERY, on=True)
    d.line((182, 26), (xs[-1], 26), (xs[-1], 76))
    for x in xs[:-1]:
        d.line((x, 26), (x, 76))
    d.text(16, 95, "keys", anchor="start", bold=True)
    for x, key in zip(xs, KEYS, strict=True):
        numbers(d, x - 48, 78, key)
        d.line((x, 102), (x, 124))
    rows = (
        ("score", "dot product", [f"{s:g}" for s in scores]),
        ("scaled", f"score / √{len(QUERY)}", [f"{s:g}" for s in scaled]),
        ("exponential", f"sum {total:.2f}", [f"{p:.2f}" for p in powers]),
        ("weight", f"share of {total:.2f}", rounded),
    )
    for i, (name, how, shown) in enumerate(rows):
        y = 142 + 42 * i
        d.text(16, y, name, anchor="start", bold=True)
        d.text(16, y + 17, how, anchor="start", size=14, fill=MUTED)
        for x, number in zip(xs, shown, strict=True):
            d.text(x, y + 6, number, size=16, mono=True)
    for x, weight in zip(xs, weights, strict=True):
        d.rect(x - 40, 282, 80, 12, fill=PALE, stroke=LINE, width=1, radius=0)
        d.rect(x - 40, 282, 80 * weight, 12, fill=ACCENT, stroke="none",
               radius=0)  # fmt: skip
        d.line((x, 298), (x, 318))
    d.text(16, 337, "values", anchor="start", bold=True)
    for x, value, weight in zip(xs, VALUES, rounded, strict=True):
        d.rect(x - 20, 320, 40, 24, fill=PALE, width=1, radius=0)
        d.text(x, 337, str(value), size=15, mono=True)
        d.text(x, 366, f"{weight} · {value}", size=14, fill=MUTED)
    for x in (xs[0] + 52, xs[1] + 52):
        d.text(x, 366, "+", size=14, fill=MUTED)
    d.text(16, 406, "mean", anchor="start", bold=True)
    d.line((xs[1], 372), (xs[1], 386))
    d.rect(xs[1] - 34, 386, 68, 28, fill=ACCENT, stroke=ACCENT_INK)
    d.text(xs[1], 405, f"{mean:.2f}", size=16, fill="#ffffff", mono=True)
    return d


def numbers(
    d: Drawing, x: float, y: float, row: tuple[int, ...], on: bool = False
) -> None:
    """A list of numbers in a row of cells, 24 px each."""
    for i, number in enumerate(row):
        d.rect(
            x + 24 * i,
            y,
            24,
            24,
            fill=ACCENT_PALE if on else PALE,
            stroke=ACCENT_INK if on else LINE,
            width=1,
            radius=0,
        )
        d.text(x + 24 * i + 12, y + 17, str(number), size=15, mono=True)


def efficient_attention() -> Drawing:
    """The layer as a flow of shapes."""
    d = Drawing(
        490,
        560,
        "Efficient self-attention as a flow of shapes",
        "The map b h w c goes two ways. On the left Linear q makes the "
        "queries, cut into n heads: b n (h w) d. On the right, only if the "
        "ratio r is above 1, a Conv2d with window and stride r and a LayerNorm "
        "make a map whose sides are r times smaller. Linear kv makes keys and "
        "values of it: b n (h/r w/r) d. Scaled dot-product attention brings "
        "both ways together and gives one answer per query, b n (h w) d. The "
        "heads are put side by side, b h w c, and Linear proj follows.",
    )
    left, right, wide = 116, 352, 190
    d.text(244, 24, "b h w c", mono=True, fill=MUTED)
    d.line((244, 32), (244, 50), arrow=False)
    d.line((right, 50), (left, 50), arrow=False)
    d.line((left, 50), (left, 246))
    d.line((right, 50), (right, 90))
    d.rect(right - 112, 66, 224, 148, fill=PALE, dash="5 4", radius=8)
    d.text(right - 102, 84, "if r > 1", anchor="start", fill=MUTED)
    d.box(right - wide / 2, 92, wide, 36, "Conv2d, r × r, stride r", on=True)
    d.line((right, 128), (right, 146))
    d.box(right - wide / 2, 146, wide, 34, "LayerNorm", on=True)
    d.line((right, 180), (right, 246))
    d.text(right - 8, 204, "b h/r w/r c", mono=True, fill=MUTED, size=14,
           anchor="end")  # fmt: skip
    d.box(left - wide / 2, 246, wide, 34, "Linear q")
    d.box(right - wide / 2, 246, wide, 34, "Linear kv")
    d.line((left, 280), (left, 352))
    d.text(left + 8, 306, "queries", anchor="start", bold=True)
    d.text(left + 8, 326, "b n (h w) d", anchor="start", mono=True, size=14,
           fill=MUTED)  # fmt: skip
    for x in (right - 80, right - 68):
        d.line((x, 280), (x, 352))
    d.text(right - 58, 306, "keys, values", anchor="start", bold=True)
    d.text(
        right - 58,
        326,
        "b n (h/r w/r) d",
        anchor="start",
        mono=True,
        size=14,
        fill=MUTED,
    )
    d.rect(left - wide / 2, 352, right - left + wide, 44)
    d.text(234, 379, "scaled dot-product attention")
    d.line((234, 396), (234, 446))
    d.text(244, 426, "b n (h w) d → b h w (n d)", anchor="start", mono=True,
           size=14, fill=MUTED)  # fmt: skip
    d.box(234 - wide / 2, 446, wide, 34, "Linear proj")
    d.line((234, 480), (234, 516))
    d.text(234, 536, "b h w c", mono=True, fill=MUTED)
    return d


DRAWINGS = {
    "attention_by_hand": attention_by_hand,
    "efficient_attention": efficient_attention,
}
