"""Diagrams on efficient self-attention."""

from math import exp, sqrt

from .drawing import ACCENT, ACCENT_INK, ACCENT_PALE, PALE, Drawing

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
    d.text(16, 30, "query", "start bold")
    numbers(d, 84, 14, QUERY, fill=ACCENT_PALE, stroke=ACCENT_INK)
    d.line((182, 26), (xs[-1], 26), (xs[-1], 76))
    for x in xs[:-1]:
        d.down(x, 26, 76)
    d.text(16, 95, "keys", "start bold")
    for x, key in zip(xs, KEYS, strict=True):
        numbers(d, x - 48, 78, key)
        d.down(x, 102, 124)
    rows = (
        ("score", "dot product", [f"{s:g}" for s in scores]),
        ("scaled", f"score / √{len(QUERY)}", [f"{s:g}" for s in scaled]),
        ("exponential", f"sum {total:.2f}", [f"{p:.2f}" for p in powers]),
        ("weight", f"share of {total:.2f}", rounded),
    )
    for i, (name, how, shown) in enumerate(rows):
        y = 142 + 42 * i
        d.text(16, y, name, "start bold")
        d.text(16, y + 17, how, "start small muted")
        for x, number in zip(xs, shown, strict=True):
            d.text(x, y + 6, number, "mono", size=16)
    for x, weight in zip(xs, weights, strict=True):
        d.cell(x - 40, 282, 80, 12)
        d.area(x - 40, 282, 80 * weight, 12, ACCENT)
        d.down(x, 298, 318)
    d.text(16, 337, "values", "start bold")
    for x, value, weight in zip(xs, VALUES, rounded, strict=True):
        d.cell(x - 20, 320, 40, 24, str(value))
        d.text(x, 366, f"{weight} · {value}", "small muted")
    for x in xs[:-1]:
        d.text(x + 52, 366, "+", "small muted")
    d.text(16, 406, "mean", "start bold")
    d.down(xs[1], 372, 386)
    d.rect(xs[1] - 34, 386, 68, 28, fill=ACCENT, stroke=ACCENT_INK)
    d.text(xs[1], 405, f"{mean:.2f}", "mono white", size=16)
    return d


def numbers(d: Drawing, x: float, y: float, row: tuple, **options) -> None:
    """A list of numbers in a row of cells, 24 px each."""
    for i, number in enumerate(row):
        d.cell(x + 24 * i, y, 24, 24, str(number), **options)


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
    left, middle, right, wide = 116, 234, 352, 190

    def box(x: float, y: float, height: float, words: str, on=False) -> None:
        d.box(x - wide / 2, y, wide, height, words, on=on)

    shape = "mono small muted"
    d.text(244, 24, "b h w c", "mono muted")
    d.down(244, 32, 50, arrow=False)
    d.across(right, left, 50, arrow=False)
    d.down(left, 50, 246)
    d.down(right, 50, 90)
    d.rect(right - 112, 66, 224, 148, fill=PALE, dash="5 4", radius=8)
    d.text(right - 102, 84, "if r > 1", "start muted")
    box(right, 92, 36, "Conv2d, r × r, stride r", on=True)
    d.down(right, 128, 146)
    box(right, 146, 34, "LayerNorm", on=True)
    d.down(right, 180, 246)
    d.text(right - 8, 204, "b h/r w/r c", f"end {shape}")
    box(left, 246, 34, "Linear q")
    box(right, 246, 34, "Linear kv")
    d.down(left, 280, 352)
    d.text(left + 8, 306, "queries", "start bold")
    d.text(left + 8, 326, "b n (h w) d", f"start {shape}")
    for x in (right - 80, right - 68):
        d.down(x, 280, 352)
    d.text(right - 58, 306, "keys, values", "start bold")
    d.text(right - 58, 326, "b n (h/r w/r) d", f"start {shape}")
    d.box(left - wide / 2, 352, right - left + wide, 44,
          "scaled dot-product attention")  # fmt: skip
    d.down(middle, 396, 446)
    d.text(244, 426, "b n (h w) d → b h w (n d)", f"start {shape}")
    box(middle, 446, 34, "Linear proj")
    d.down(middle, 480, 516)
    d.text(middle, 536, "b h w c", "mono muted")
    return d


DRAWINGS = {
    "attention_by_hand": attention_by_hand,
    "efficient_attention": efficient_attention,
}
