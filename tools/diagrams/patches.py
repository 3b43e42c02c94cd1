"""Diagrams on overlapping patch embeddings."""

from math import sqrt

from .drawing import (
    ACCENT,
    ACCENT_INK,
    ACCENT_PALE,
    B0,
    INK,
    LINE,
    WHITE,
    Drawing,
    side,
)

K, S, P = B0.patch_sizes[0], B0.strides[0], B0.patch_sizes[0] // 2


def patches_overlap() -> Drawing:
    """Patches that touch beside patches that overlap, on 16 pixels."""
    pixels, cell, top = 16, 11, 92
    tokens = side(pixels, K, S, P)
    assert tokens == side(pixels, S, S, 0) == 4 and K - S == 3
    d = Drawing(
        490,
        444,
        "Patches that touch, and patches that overlap",
        f"Two grids of {pixels} x {pixels} pixels, each with {tokens} x "
        f"{tokens} dots for the centres of its windows. On the left the "
        f"windows, cut as in ViT, {S} x {S} pixels at a stride of {S}, lie "
        "side by side and share nothing. On the right SegFormer's windows, "
        f"{K} x {K} pixels at a stride of {S}, share {K - S} pixels with each "
        "neighbour and hang over the top and the left border by the padding "
        f"of {P}. Below, one row of pixels with the windows drawn as bars "
        "shows the same.",
    )
    styles = (
        {"stroke": ACCENT, "fill": ACCENT, "width": 2.5},
        {"stroke": INK, "fill": LINE, "width": 2, "dash": "6 3"},
    )
    for name, x0, kernel, padding in (
        ("touching, as in ViT", 24, S, 0),
        ("SegFormer", 269, K, P),
    ):
        edge, upper = x0 - padding * cell, top - padding * cell
        d.text(edge, 22, name, "start bold")
        words = f"{kernel} × {kernel}, stride {S}"
        words += f", padding {padding}" if padding else ""
        d.text(edge, 43, words, "start")
        below = top + pixels * cell
        if padding:
            whole = (pixels + 2 * padding) * cell
            d.cell(edge, upper, whole, whole, fill=WHITE, dash="2 4")
            words = "padding: zeros"
            d.text(x0 + pixels * cell / 2, below + 21, words, "muted")
        d.grid(x0, top, pixels, pixels, cell)
        strip, size = below + 58, kernel * cell
        d.grid(x0, strip, 1, pixels, cell)
        starts = [S * i - padding for i in range(tokens)]
        for i, start in enumerate(starts):
            x, y = x0 + start * cell, strip + 18 + (i % 2) * 18
            look = styles[i % 2]
            d.rect(x + 1, upper, size - 2, size, radius=0, opacity=0.15, **look)
            d.rect(x + 1, y, size - 2, 12, radius=2, opacity=0.25, **look)
            for other in starts:
                y = top + (other + kernel / 2) * cell
                d.circle(x + size / 2, y, 3.5, INK)
        shared = [
            pixel
            for pixel in range(pixels)
            if sum(start <= pixel < start + kernel for start in starts) > 1
        ]
        assert len(shared) == (tokens - 1) * (kernel - S)
        for pixel in shared:
            x = x0 + pixel * cell
            d.cell(x, strip, cell, cell, fill=ACCENT, stroke=WHITE)
        words = f"neighbours share {kernel - S} pixels"
        if kernel > S:
            d.text(edge, strip + 74, words, "start accent")
        else:
            d.text(edge, strip + 74, "no pixel is shared", "start")
    d.circle(30, 426, 3.5, INK)
    words = f"the centre of a window: {tokens * tokens} tokens in both"
    d.text(42, 431, words, "start")
    return d


def unfold_linear() -> Drawing:
    """A strided convolution as three steps and a grid."""
    c, dim, pixels, cell = B0.in_channels, B0.dims[0], 16, 9
    tokens, numbers = side(pixels, K, S, P), K * K * c
    assert numbers == 147
    row, column = 1, 2
    d = Drawing(
        490,
        462,
        "A strided convolution is: cut windows, flatten, one Linear",
        f"Step 1: a window of {K} x {K} pixels and {c} channels is cut out of "
        f"the image, b c h w. Step 2: it is flattened to {K} times {K} times "
        f"{c} = {numbers} numbers. Step 3: one Linear turns the {numbers} "
        f"numbers into {dim}. Step 4: these {dim} numbers are one token and "
        "go to the window's place on the grid of tokens, b h w c. The same "
        "Linear serves every window.",
    )
    x0, y0, size, width = 20, 56, pixels * cell, 256
    d.text(16, 24, "1  cut", "start bold")
    d.stack(x0, y0, pixels, pixels, cell, layers=c, dx=8, dy=8)
    wx, wy, window = (
        x0 + (S * column - P) * cell,
        y0 + (S * row - P) * cell,
        K * cell,
    )
    look = {"stroke": ACCENT_INK, "opacity": 0.75, "width": 2}
    d.area(wx, wy, window, window, ACCENT, **look)
    d.text(x0 + size / 2, y0 + size + 22, "b c h w", "mono muted")

    sx, middle = 214, wy + window / 2
    centre = sx + width / 2
    d.text(sx, 24, "2  flatten", "start bold")
    d.text(sx, 46, f"{c} · {K} · {K} = {numbers} numbers", "start")
    d.across(wx + window, sx - 4, middle)
    strip(d, sx, middle - 12, width, numbers, K * K)

    d.down(centre, middle + 12, 176)
    d.text(sx, 166, "3  one Linear", "start bold")
    d.box(sx + 38, 176, 180, 38, f"Linear {numbers} → {dim}", on=True)
    d.down(centre, 214, 312)
    d.lines(sx, 262, f"{dim} numbers:", "one token", step=19)
    strip(d, centre - width / 4, 312, width / 2, dim, dim)

    y1, big = 270, size / tokens
    tx, ty = x0 + column * big, y1 + row * big
    d.text(16, 254, "4  put it back", "start bold")
    d.grid(x0, y1, tokens, tokens, big)
    d.area(tx, ty, big, big, ACCENT, stroke=ACCENT_INK)
    d.text(x0 + size / 2, y1 + size + 22, "b h w c", "mono muted")
    d.across(centre - width / 4, tx + big, ty + big / 2)
    d.lines(sx, 372, "The same Linear for every", "window: together this is")
    words = f"Conv2d({c}, {dim}, {K},", f"       stride={S}, padding={P})"
    d.lines(sx, 418, *words, style="start mono small")
    return d


def strip(
    d: Drawing, x: float, y: float, width: float, count: int, group: int
) -> None:
    """`count` numbers in a row, with a gap of ink after each group."""

    def marks(numbers: range) -> str:
        return "".join(
            f"M{x + i * width / count:.2f},{y:g}v24" for i in numbers
        )

    d.area(x, y, width, 24, ACCENT_PALE)
    d.strokes(marks(range(count)), ACCENT, 0.6)
    d.strokes(marks(range(0, count + 1, group)), ACCENT_INK, 2.5)
    d.area(x, y, width, 24, "none", stroke=ACCENT_INK)


def layer_norm_channels() -> Drawing:
    """One token's channels before and after LayerNorm."""
    c = B0.dims[0]
    before = [
        1.4 + 1.1 * (((i * 37) % c) / c * 2 - 1) + 0.5 * (-1) ** i
        for i in range(c)
    ]
    mean = sum(before) / c
    std = sqrt(sum((v - mean) ** 2 for v in before) / c)
    after = [(v - mean) / std for v in before]
    assert abs(sum(after) / c) < 1e-9
    assert abs(sum(v * v for v in after) / c - 1) < 1e-9
    d = Drawing(
        490,
        404,
        "LayerNorm works on the channels of one token",
        "On the left a grid of h x w positions, one of them highlighted. On "
        f"the right the {c} numbers of that one token as bars: before "
        f"LayerNorm their mean is {mean:.1f} and their standard deviation "
        f"{std:.1f}, after it 0 and 1. Each position uses its own mean and "
        "standard deviation; positions do not mix.",
    )
    d.text(24, 26, "a feature map", "start bold")
    d.text(150, 26, "b h w c", "start mono muted")
    rows, columns, cell, x0, y0 = 6, 8, 20, 40, 42
    d.grid(x0, y0, rows, columns, cell)
    d.text(28, y0 + rows * cell / 2 + 5, "h", "mono muted")
    d.text(x0 + columns * cell / 2, y0 + rows * cell + 20, "w", "mono muted")
    tx, ty = x0 + 5 * cell, y0 + 2 * cell
    d.area(tx, ty, cell, cell, ACCENT, stroke=ACCENT_INK)

    cx = 240
    zero = 148
    d.lines(cx, 26, f"the c = {c} numbers of one", "token, before")
    d.across(tx + cell, cx - 8, ty + cell / 2)
    bars(d, cx, zero, before, mean)
    words = f"mean {mean:.1f} (dashed), std {std:.1f}"
    d.text(cx, zero + 44, words, "start muted")

    d.down(cx + 20, zero + 54, zero + 102)
    d.text(cx + 36, zero + 83, "LayerNorm over c", "start bold")
    zero = 318
    d.text(cx, zero - 50, "after", "start")
    bars(d, cx, zero, after, 0)
    d.text(cx, zero + 64, "mean 0, std 1", "start muted")
    d.lines(
        *(24, 246),
        "Each position has",
        "its own mean and",
        "standard deviation.",
        "Nothing passes from",
        "one position to",
        "another.",
        step=21,
    )
    return d


def bars(
    d: Drawing, x: float, zero: float, values: list[float], mean: float
) -> None:
    """Bars up and down from the line at `zero`, and a line at the mean."""
    width, unit = 232, 20
    step = width / len(values)
    for i, value in enumerate(values):
        d.parts.append(
            f'<rect x="{x + i * step + 1:.2f}" '
            f'y="{zero - max(value, 0) * unit:.2f}" width="{step - 2:.2f}" '
            f'height="{abs(value) * unit:.2f}" fill="{ACCENT}"/>'
        )
    d.across(x, x + width, zero, arrow=False)
    if mean:
        y = zero - mean * unit
        d.across(x, x + width, y, arrow=False, stroke=INK, dash="5 4")


DRAWINGS = {
    "patches_overlap": patches_overlap,
    "unfold_linear": unfold_linear,
    "layer_norm_channels": layer_norm_channels,
}
