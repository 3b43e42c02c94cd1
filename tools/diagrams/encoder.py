"""The diagrams on encoder."""

from collections.abc import Callable

from .drawing import (
    ACCENT,
    ACCENT_INK,
    ACCENT_PALE,
    B0,
    IMAGE,
    MUTED,
    SIDES,
    Drawing,
)

HEAD = B0.dims[0] // B0.num_heads[0]
KEYS = [n // r for n, r in zip(SIDES, B0.reduction_ratios, strict=True)]


def stages_what_stays() -> Drawing:
    """Tokens, heads and keys of the four stages, drawn to scale."""
    assert all(
        dim == heads * HEAD
        for dim, heads in zip(B0.dims, B0.num_heads, strict=True)
    )
    assert len(set(KEYS)) == 1
    rows = "; ".join(
        f"stage {i + 1}: {n} x {n} tokens, {heads} heads of {HEAD} channels "
        f"make {dim}, {keys} x {keys} keys after a ratio of {ratio}"
        for i, (n, heads, dim, keys, ratio) in enumerate(
            zip(
                SIDES,
                B0.num_heads,
                B0.dims,
                KEYS,
                B0.reduction_ratios,
                strict=True,
            )
        )
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
    d.text(left, 26, "tokens", anchor="start", bold=True)
    d.text(left, 46, "shrink", anchor="start", fill=MUTED)
    d.text(middle, 26, f"channels = heads × {HEAD}", anchor="start", bold=True)
    d.text(middle, 46, "grow, by whole heads", anchor="start", fill=MUTED)
    d.text(right, 26, "keys", anchor="start", bold=True)
    d.text(right, 46, "stay (enlarged)", anchor="start", fill=ACCENT_INK)
    scale = 70 / SIDES[0]
    for i, n in enumerate(SIDES):
        top = 84 + 120 * i
        d.text(left, top - 9, f"stage {i + 1}", anchor="start", bold=True)
        d.rect(left, top, n * scale, n * scale, radius=0)
        d.text(
            left,
            top + n * scale + 17,
            f"{n} × {n}",
            size=14,
            anchor="start",
            mono=True,
            fill=MUTED,
        )
        for head in range(B0.num_heads[i]):
            d.rect(middle + 30 * head, top, 26, 34, radius=2)
        d.text(
            middle,
            top + 51,
            f"{B0.num_heads[i]} × {HEAD} = {B0.dims[i]}",
            size=14,
            anchor="start",
            mono=True,
            fill=MUTED,
        )
        ratio, keys = B0.reduction_ratios[i], KEYS[i]
        step = 58 / keys
        d.rect(
            right,
            top,
            keys * step,
            keys * step,
            fill=ACCENT_PALE,
            stroke=ACCENT_INK,
            radius=0,
        )
        lines = "".join(
            f"M{right + k * step:g},{top}v58M{right},{top + k * step:g}h58"
            for k in range(1, keys)
        )
        d.parts.append(
            f'<path d="{lines}" fill="none" stroke="{ACCENT}" '
            'stroke-width="0.5"/>'
        )
        d.text(
            right,
            top + 75,
            f"{n}/{ratio} = {keys}",
            size=14,
            anchor="start",
            mono=True,
            fill=MUTED,
        )
    return d


DRAWINGS: dict[str, Callable[[], Drawing]] = {
    "stages_what_stays": stages_what_stays
}
