"""The diagrams on block."""

from collections.abc import Callable

from .drawing import (
    ACCENT,
    ACCENT_INK,
    ACCENT_PALE,
    B0,
    INK,
    LINE,
    MUTED,
    WHITE,
    Drawing,
)


def plus(d: Drawing, x: float, y: float) -> None:
    """A sum on the stream."""
    d.circle(x, y, 12, ACCENT_INK)
    d.circle(x, y, 10.5, WHITE)
    d.line((x - 6, y), (x + 6, y), arrow=False, stroke=ACCENT_INK, width=2)
    d.line((x, y - 6), (x, y + 6), arrow=False, stroke=ACCENT_INK, width=2)


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
    d.line((245, 16), (245, 484), arrow=False, stroke="#ced4da")

    def stream(x: float, top: float, bottom: float) -> None:
        d.line((x, top), (x, bottom), arrow=False, stroke=ACCENT_INK, width=5)

    x = 44
    d.text(16, 28, "pre-norm", anchor="start", bold=True)
    d.text(102, 28, "SegFormer", anchor="start", fill=MUTED)
    stream(x, 46, 476)
    for top, norm, part in (
        (72, "norm1", "attention"),
        (266, "norm2", "Mix-FFN"),
    ):
        left, width = 88, 130
        middle = left + width / 2
        d.line((x, top), (middle, top), (middle, top + 16))
        d.box(left, top + 16, width, 30, norm)
        d.line((middle, top + 46), (middle, top + 60))
        d.box(left, top + 60, width, 36, part, on=True)
        d.line((middle, top + 96), (middle, top + 110))
        d.rect(left, top + 110, width, 30, fill=WHITE, dash="5 3")
        d.text(middle, top + 130, "drop path")
        d.line((middle, top + 140), (middle, top + 158), (x + 13, top + 158))
        plus(d, x, top + 158)
    d.text(62, 472, "b h w c", anchor="start", mono=True, fill=MUTED)

    x = 296
    d.text(262, 28, "post-norm", anchor="start", bold=True)
    d.text(358, 28, "2017", anchor="start", fill=MUTED)
    stream(x, 46, 476)
    for top, norm, part in ((72, "norm", "attention"), (266, "norm", "FFN")):
        left, width = 346, 120
        middle = left + width / 2
        d.line((x, top), (middle, top), (middle, top + 38))
        d.box(left, top + 38, width, 36, part, on=True)
        d.line((middle, top + 74), (middle, top + 110), (x + 13, top + 110))
        plus(d, x, top + 110)
        d.rect(x - 34, top + 136, 68, 32, fill=ACCENT_PALE, stroke=ACCENT_INK)
        d.text(x, top + 157, norm)
    d.text(346, 424, "on the stream", anchor="start", fill=MUTED)
    d.line((342, 419), (333, 419), stroke=LINE)
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
    d.text(16, 28, "Figure 2, read literally", anchor="start", bold=True)
    d.text(
        16,
        48,
        f"1 + {stages} = {stages + 1} steps that make the grid coarser",
        anchor="start",
        fill=MUTED,
    )
    coarser = {"fill": ACCENT, "stroke": ACCENT_INK}

    def small(x: float, y: float, w: float, words: str, on: bool) -> None:
        if on:
            d.rect(x, y, w, 32, **coarser)
        else:
            d.rect(x, y, w, 32)
        d.text(x + w / 2, y + 21, words, fill=WHITE if on else INK, size=14)

    steps = ["embed", *["blocks", "merge"] * stages]
    w, pitch, per_row = 80, 94, len(steps) // 2 + 1
    for i, words in enumerate(steps):
        row, column = divmod(i, per_row)
        x, y = 16 + (column + row) * pitch, 62 + row * 48
        if column:
            d.line((x - pitch + w, y + 16), (x, y + 16))
        elif row:
            end = 16 + (per_row - 1) * pitch + w / 2
            d.line((end, 94), (end, 102), (x + w / 2, 102), (x + w / 2, y))
        small(x, y, w, words, words != "blocks")

    d.text(16, 176, "the code", anchor="start", bold=True)
    d.text(
        16,
        196,
        f"{stages} such steps, each at the head of its stage",
        anchor="start",
        fill=MUTED,
    )
    top, row = 212, 68
    for i, dim in enumerate(B0.dims):
        y = top + i * row
        d.text(16, y + 21, str(i + 1), anchor="start", bold=True)
        small(40, y, 70, "embed", True)
        d.line((110, y + 16), (128, y + 16))
        small(128, y, 84, f"blocks × {B0.depths[i]}", False)
        d.line((212, y + 16), (230, y + 16))
        small(230, y, 58, "norm", False)
        d.line((288, y + 16), (404, y + 16))
        d.text(346, y + 10, f"b {dim} h w", mono=True, fill=MUTED, size=14)
        if i < stages - 1:
            d.circle(310, y + 16, 3.5, MUTED)
            d.line((310, y + 16), (310, y + 50), (75, y + 50), (75, y + row))
    bottom = top + (stages - 1) * row + 32
    d.rect(404, top, 70, bottom - top)
    d.text(439, (top + bottom) / 2 + 5, "decoder")
    return d


DRAWINGS: dict[str, Callable[[], Drawing]] = {
    "block_norms": block_norms,
    "stage_order": stage_order,
}
