"""Diagrams on the encoder."""

from segformer_tutorial.classroom.plots import STAGES

from .drawing import (
    B0,
    IMAGE,
    INK,
    KEY,
    SIDES,
    Drawing,
)

HEAD = B0.dims[0] // B0.num_heads[0]
KEYS = [n // r for n, r in zip(SIDES, B0.reduction_ratios, strict=True)]


def stages_what_stays() -> Drawing:
    """Tokens, heads and keys of the four stages, drawn to scale."""
    stages = list(
        zip(
            SIDES, B0.num_heads, B0.dims, KEYS, B0.reduction_ratios, strict=True
        )
    )
    assert all(dim == heads * HEAD for _, heads, dim, *_ in stages)
    assert len(set(KEYS)) == 1
    rows = "; ".join(
        f"stage {i}: {n} x {n} tokens, {heads} heads of {HEAD} channels make "
        f"{dim}, {keys} x {keys} keys after a ratio of {ratio}"
        for i, (n, heads, dim, keys, ratio) in enumerate(stages, 1)
    )
    d = Drawing(
        490,
        540,
        "The four stages of B0: what shrinks, what grows, what stays",
        f"One row for each stage of B0, for a picture of {IMAGE} x {IMAGE} "
        f"pixels. {rows}. The squares of tokens shrink by half, the row of "
        "heads grows, and the squares of keys are all the same.",
    )
    left, middle, right = 16, 112, 368
    for x, head, below in (
        (left, "tokens", "shrink"),
        (middle, f"channels = heads × {HEAD}", "grow, by whole heads"),
        (right, "keys", "stay (enlarged)"),
    ):
        d.text(x, 26, head, "start bold")
        d.text(x, 46, below, "start muted")
    shape = "start mono small muted"
    for i, (n, heads, dim, keys, ratio) in enumerate(stages):
        top, size, step = 84 + 120 * i, n * 70 / SIDES[0], 58 / keys
        d.text(left, top - 9, f"stage {i + 1}", "start bold")
        d.area(left, top, size, size, STAGES[i], stroke=INK)
        d.text(left, top + size + 17, f"{n} × {n}", shape)
        for head in range(heads):
            d.area(middle + 30 * head, top, 26, 34, STAGES[i], stroke=INK)
        d.text(middle, top + 51, f"{heads} × {HEAD} = {dim}", shape)
        d.rect(right, top, 58, 58, **KEY.ground, radius=0)
        path = "".join(
            f"M{right + k * step:g},{top}v58M{right},{top + k * step:g}h58"
            for k in range(1, keys)
        )
        d.strokes(path, KEY.stroke, 0.5)
        d.text(right, top + 75, f"{n}/{ratio} = {keys}", shape)
    return d


DRAWINGS = {"stages_what_stays": stages_what_stays}
