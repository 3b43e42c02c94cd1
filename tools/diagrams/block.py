"""Diagrams on the transformer block and on the order in a stage."""

from .drawing import (
    ACCENT_INK,
    ACCENT_PALE,
    B0,
    LINE,
    MUTED,
    RULE,
    WHITE,
    Drawing,
)


def plus(d: Drawing, x: float, y: float) -> None:
    """A sum on the stream."""
    d.circle(x, y, 12, ACCENT_INK)
    d.circle(x, y, 10.5, WHITE)
    look = {"arrow": False, "stroke": ACCENT_INK, "width": 2}
    d.across(x - 6, x + 6, y, **look)
    d.down(x, y - 6, y + 6, **look)


def block_norms() -> Drawing:
    """Pre-norm beside post-norm, the stream as a thick line."""
    d = Drawing(
        490,
        500,
        "Pre-norm and post-norm",
        "Two blocks, each with a thick line from top to bottom, the stream. "
        "On the left pre-norm, as in SegFormer: a branch leaves the stream, "
        "goes through norm1, attention and drop path, and is added to it; a "
        "second branch does the same with norm2, Mix-FFN and drop path. On "
        "the stream itself stand two sums and nothing else. On the right "
        "post-norm, as in the transformer of 2017: a branch goes through "
        "attention and is added, then the stream itself goes through a norm; "
        "the same follows with an FFN and a second norm.",
    )
    d.down(245, 16, 484, arrow=False, stroke=RULE)
    stream = {"arrow": False, "stroke": ACCENT_INK, "width": 5}
    tops = (72, 266)

    x, left, width = 44, 88, 130
    middle = left + width / 2
    d.text(16, 28, "pre-norm", "start bold")
    d.text(102, 28, "SegFormer", "start muted")
    d.down(x, 46, 476, **stream)
    parts = (("norm1", "attention"), ("norm2", "Mix-FFN"))
    for top, (norm, part) in zip(tops, parts, strict=True):
        d.line((x, top), (middle, top), (middle, top + 16))
        d.box(left, top + 16, width, 30, norm)
        d.down(middle, top + 46, top + 60)
        d.box(left, top + 60, width, 36, part, on=True)
        d.down(middle, top + 96, top + 110)
        d.box(left, top + 110, width, 30, "drop path", fill=WHITE, dash="5 3")
        end = top + 158
        d.line((middle, top + 140), (middle, end), (x + 13, end))
        plus(d, x, end)
    d.text(62, 472, "b h w c", "start mono muted")

    x, left, width = 296, 346, 120
    middle = left + width / 2
    d.text(262, 28, "post-norm", "start bold")
    d.text(358, 28, "2017", "start muted")
    d.down(x, 46, 476, **stream)
    pale = {"fill": ACCENT_PALE, "stroke": ACCENT_INK}
    for top, part in zip(tops, ("attention", "FFN"), strict=True):
        d.line((x, top), (middle, top), (middle, top + 38))
        d.box(left, top + 38, width, 36, part, on=True)
        end = top + 110
        d.line((middle, top + 74), (middle, end), (x + 13, end))
        plus(d, x, end)
        d.box(x - 34, top + 136, 68, 32, "norm", **pale)
    d.text(346, 424, "on the stream", "start muted")
    d.across(342, 333, 419, stroke=LINE)
    return d


def stage_order() -> Drawing:
    """Figure 2 of the paper, read literally, above the order of the code."""
    stages = len(B0.dims)
    d = Drawing(
        490,
        466,
        "Where a stage begins: the paper's Figure 2 and the code",
        "Above, the paper's Figure 2 read literally: one patch embedding, "
        f"then {stages} times blocks followed by a merging, together "
        f"{stages + 1} steps that make the grid coarser. Below, the code: "
        f"{stages} stages, each with a patch embedding, blocks and a norm, so "
        f"{stages} steps. The map after the norm goes to the decoder and is "
        "also what the next stage starts from.",
    )

    def small(x: float, y: float, w: float, words: str, on=False) -> None:
        d.box(x, y, w, 32, words, on=on, style="small")

    d.text(16, 28, "Figure 2, read literally", "start bold")
    words = f"1 + {stages} = {stages + 1} steps that make the grid coarser"
    d.text(16, 48, words, "start muted")
    steps = ["embed", *["blocks", "merge"] * stages]
    w, pitch, per_row = 80, 94, len(steps) // 2 + 1
    for i, words in enumerate(steps):
        row, column = divmod(i, per_row)
        x, y = 16 + (column + row) * pitch, 62 + row * 48
        if column:
            d.across(x - pitch + w, x, y + 16)
        elif row:
            end, to = 16 + (per_row - 1) * pitch + w / 2, x + w / 2
            d.line((end, 94), (end, 102), (to, 102), (to, y))
        small(x, y, w, words, on=words != "blocks")

    d.text(16, 176, "the code", "start bold")
    words = f"{stages} such steps, each at the head of its stage"
    d.text(16, 196, words, "start muted")
    top, row = 212, 68
    for i, dim in enumerate(B0.dims):
        y = top + i * row
        middle = y + 16
        d.text(16, y + 21, str(i + 1), "start bold")
        small(40, y, 70, "embed", on=True)
        d.across(110, 128, middle)
        small(128, y, 84, f"blocks × {B0.depths[i]}")
        d.across(212, 230, middle)
        small(230, y, 58, "norm")
        d.across(288, 404, middle)
        d.text(346, y + 10, f"b {dim} h w", "mono small muted")
        if i < stages - 1:
            d.circle(310, middle, 3.5, MUTED)
            turn = y + 50
            d.line((310, middle), (310, turn), (75, turn), (75, y + row))
    d.box(404, top, 70, (stages - 1) * row + 32, "decoder")
    return d


DRAWINGS = {"block_norms": block_norms, "stage_order": stage_order}
