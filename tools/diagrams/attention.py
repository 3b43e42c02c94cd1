"""Diagrams on efficient self-attention."""

from math import exp, sqrt

from einops import reduce

from segformer_tutorial.classroom.photo import sample_photo

from .drawing import (
    B0,
    GREY,
    INK,
    KEY,
    MUTED,
    PALE,
    QUERY,
    SIDES,
    VALUE,
    Drawing,
    Hue,
    sides,
)

ASKED = (1, 0, 2, 0)
KEYS = ((0, 1, 0, 1), (2, 0, 0, 1), (0, 1, 2, 0))
VALUES = (10, 20, 30)


def attention_by_hand() -> Drawing:
    """One query, three keys: scores, softmax, weighted mean."""
    root = sqrt(len(ASKED))
    scores = [sum(a * b for a, b in zip(ASKED, k, strict=True)) for k in KEYS]
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
        f"The query {' '.join(map(str, ASKED))} meets three keys. The scores "
        f"are {scores[0]}, {scores[1]} and {scores[2]}; divided by the root "
        "of 4 they are 0, 1 and 2; their exponentials are "
        + ", ".join(f"{p:.2f}" for p in powers)
        + f", together {total:.2f}; divided by that they are the weights "
        f"{', '.join(rounded)}, drawn as bars. The mean of the values 10, 20 "
        f"and 30 with these weights is {mean:.2f}.",
    )
    xs = (200, 304, 408)
    d.text(16, 30, "query", "start bold")
    numbers(d, 84, 14, ASKED, QUERY)
    d.line((182, 26), (xs[-1], 26), (xs[-1], 76))
    for x in xs[:-1]:
        d.down(x, 26, 76)
    d.text(16, 95, "keys", "start bold")
    for x, key in zip(xs, KEYS, strict=True):
        numbers(d, x - 48, 78, key, KEY)
        d.down(x, 102, 124)
    rows = (
        ("score", "dot product", [f"{s:g}" for s in scores]),
        ("scaled", f"score / √{len(ASKED)}", [f"{s:g}" for s in scaled]),
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
        d.area(x - 40, 282, 80 * weight, 12, MUTED)
        d.down(x, 298, 318)
    d.text(16, 337, "values", "start bold")
    for x, value, weight in zip(xs, VALUES, rounded, strict=True):
        d.cell(x - 20, 320, 40, 24, str(value), **VALUE.ground)
        d.text(x, 366, f"{weight} · {value}", "small muted")
    for x in xs[:-1]:
        d.text(x + 52, 366, "+", "small muted")
    d.text(16, 397, "mean", "start bold")
    d.text(16, 414, "with weights not rounded", "start small muted")
    d.down(xs[1], 372, 386)
    d.rect(xs[1] - 34, 386, 68, 28, **VALUE.ground, width=2.5)
    d.text(xs[1], 405, f"{mean:.2f}", "mono", size=16)
    return d


def numbers(d: Drawing, x: float, y: float, row: tuple, hue: Hue) -> None:
    """A list of numbers in a row of cells, 24 px each."""
    for i, number in enumerate(row):
        d.cell(x + 24 * i, y, 24, 24, str(number), **hue.ground)


def queries_keys_values() -> Drawing:
    """From the photo to the table of scores, through three linear layers."""
    side, dim = sides(256)[0], B0.dims[0]
    n = side * side
    assert (n, dim) == (4096, 32)
    d = Drawing(
        490,
        590,
        "From the photo to queries, keys, values and the table of weights",
        f"The photo becomes a list of {n} tokens of {dim} channels by the "
        f"patch embedding. Three linear layers W_q, W_k and W_v, {dim} by "
        f"{dim} each, make of every token a query, a key and a value. Queries "
        f"times keys give a table of {n} by {n} scores; divided by the root "
        f"of {dim} and after softmax along each row they are the attention "
        f"weights. Weights times values give {n} results of {dim} channels. "
        "One token is highlighted: its row in the tokens, the queries and "
        "the table, and its result.",
    )
    shape = "mono small muted"
    tall, wide, at = 104, 26, 78  # lists of tokens; the highlighted row

    def tokens(x: float, y: float, ground: dict, mark: str = "") -> None:
        d.rect(x - wide / 2, y, wide, tall, **ground, radius=0)
        if mark:
            d.area(x - wide / 2, y + at, wide, 5, mark)

    left, middle, right = 80, 232, 384
    mosaic(d, 14, 40, tall)
    d.text(14 + tall / 2, 30, "photo", "bold")
    d.text(14 + tall / 2, 162, "b 3 256 256", shape)
    d.across(124, middle - 17, 40 + tall / 2)
    d.text(168, 82, "patch", "small muted")
    d.text(168, 112, "embedding", "small muted")
    d.text(middle, 30, "tokens", "bold")
    tokens(middle, 40, {"fill": PALE}, INK)
    d.text(middle + 23, 96, f"N c = {n} {dim}", f"start {shape}")
    d.down(middle, 144, 172, arrow=False)
    d.across(left, right, 172, arrow=False)
    rows = (
        (left, "W_q", "queries Q", QUERY),
        (middle, "W_k", "keys K", KEY),
        (right, "W_v", "values V", VALUE),
    )
    for x, weights, name, hue in rows:
        d.down(x, 172, 194)
        d.rect(x - 62, 194, 124, 44, **hue.ground)
        d.text(x - 4, 211, weights[0])
        d.text(x + 9, 215, weights[2], "small")
        d.text(x, 231, f"{dim} × {dim}")
        d.down(x, 238, 260)
        tokens(x, 262, hue.ground, hue.stroke if hue is QUERY else "")
        d.text(x + 22, 290, name, "start bold", fill=hue.ink)
        d.text(x + 22, 310, f"{n} {dim}", f"start {shape}")
    top, size = 424, 130
    table = (left + middle) / 2 - size / 2
    d.line((left, 366), (left, 396), (table + 30, 396), (table + 30, top))
    d.line((middle, 366), (middle, 396), (table + 100, 396), (table + 100, top))
    d.rect(table, top, size, size, fill=PALE, radius=0)
    d.area(table, top + size * at / tall, size, 5, INK)
    d.text(table + size / 2, top + 36, "weights", "bold")
    d.text(table + size / 2, top + 58, "softmax of", "small muted")
    d.text(table + size / 2, top + 77, "Q Kᵀ / √d", "mono small muted")
    d.text(table + size / 2, top + size + 22, f"{n} {n}", shape)
    d.across(table + size, right - 15, top + 64)
    d.down(right, 366, top + 8)
    tokens(right, top + 10, VALUE.ground, VALUE.stroke)
    d.text((table + size + right) / 2, top + 54, "· V", "mono small muted")
    d.text(right, top + size + 22, f"results, {n} {dim}", shape)
    return d


def mosaic(d: Drawing, x: float, y: float, size: float) -> None:
    """The photo as 16 x 16 squares of one colour each."""
    squares = reduce(
        sample_photo(), "c (h p) (w q) -> h w c", "mean", p=32, q=32
    )
    cell = size / len(squares)
    for i, row in enumerate(squares):
        for j, colour in enumerate(row):
            # four bits a channel, so that no decoder's rounding shows
            fill = "#" + "".join(f"{round(15 * v.item()):x}" for v in colour)
            at = x + j * cell, y + i * cell
            d.area(*at, cell + 0.25, cell + 0.25, fill)


def table_to_scale() -> Drawing:
    """All tokens as keys, and the reduced keys, at one scale."""
    n, ratio = SIDES[0] ** 2, B0.reduction_ratios[0]
    keys = n // ratio**2
    assert (n, keys) == (16384, 256)
    size = n / 64  # px
    narrow = keys / 64
    d = Drawing(
        490,
        372,
        "The table of scores without and with the reduction, to scale",
        f"Left, a square: {n:,} queries by {n:,} keys. Right, at the same "
        f"scale, a strip as high as the square and {size / narrow:g} times "
        f"narrower: {n:,} queries by {keys} keys.",
    )
    left, right, top = 100, 416, 62
    d.text(left + size / 2, 26, "every token is a key", "bold")
    d.text(left + size / 2, 48, f"{n:,} keys", "small", fill=KEY.ink)
    d.rect(left, top, size, size, fill=GREY, radius=0)
    d.lines(
        left + size / 2,
        top + size / 2 - 4,
        f"{n**2 / 1e6:,.0f} million",
        "scores",
        style="",
    )
    for line, words in enumerate((f"{n:,}", "queries")):
        y = top + size / 2 + 18 * line
        d.text(left - 12, y, words, "end small", fill=QUERY.ink)
    d.text(right, 26, f"{ratio} × {ratio} merged", "bold")
    d.text(right, 48, f"{keys} keys", "small", fill=KEY.ink)
    d.area(right - narrow / 2, top, narrow, size, INK)
    for x, name in ((left + size / 2, "N × N"), (right, "N × N/R")):
        d.text(x, top + size + 24, name, "mono")
    d.text(right, top + size + 44, f"{n * keys / 1e6:.1f} million scores")
    return d


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

    def box(x: float, y: float, height: float, words: str, **options) -> None:
        d.box(x - wide / 2, y, wide, height, words, **options)

    shape = "mono small muted"
    d.text(244, 24, "b h w c", "mono muted")
    d.down(244, 32, 50, arrow=False)
    d.across(right, left, 50, arrow=False)
    d.down(left, 50, 246)
    d.rect(right - 112, 66, 224, 148, fill=PALE, dash="5 4", radius=8)
    d.down(right, 50, 90)
    d.text(right - 102, 84, "if r > 1", "start muted")
    box(right, 92, 36, "Conv2d, r × r, stride r")
    d.down(right, 128, 146)
    box(right, 146, 34, "LayerNorm")
    d.down(right, 180, 246)
    d.text(right - 8, 204, "b h/r w/r c", f"end {shape}")
    box(left, 246, 34, "Linear q", **QUERY.ground)
    d.area(right - wide / 2, 246, wide / 2, 34, KEY.fill)
    d.area(right, 246, wide / 2, 34, VALUE.fill)
    box(right, 246, 34, "Linear kv", fill="none", radius=0)
    d.down(left, 280, 352, stroke=QUERY.stroke)
    d.text(left + 8, 306, "queries", "start bold", fill=QUERY.ink)
    d.text(left + 8, 326, "b n (h w) d", f"start {shape}")
    for x, hue in ((right - 80, KEY), (right - 68, VALUE)):
        d.down(x, 280, 352, stroke=hue.stroke)
    d.text(right - 58, 306, "keys", "start bold", fill=KEY.ink)
    d.text(right - 14, 306, "values", "start bold", fill=VALUE.ink)
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
    "queries_keys_values": queries_keys_values,
    "table_to_scale": table_to_scale,
    "efficient_attention": efficient_attention,
}
