"""The diagrams on patches."""

from math import sqrt

from .drawing import (
    ACCENT,
    ACCENT_INK,
    ACCENT_PALE,
    B0,
    IMAGE,
    INK,
    LINE,
    MUTED,
    WHITE,
    Drawing,
    side,
    sides,
)

MERGE = (B0.patch_sizes[0], B0.strides[0], B0.patch_sizes[0] // 2)


def patches_overlap() -> Drawing:
    """Patches that touch beside patches that overlap, on 16 pixels."""
    pixels, cell, top = 16, 11, 92
    k, s, p = MERGE
    tokens = side(pixels, k, s, p)
    shared = k - s
    assert tokens == side(pixels, s, s, 0) == 4 and shared == 3
    d = Drawing(
        490,
        444,
        "Patches that touch, and patches that overlap",
        f"Two grids of {pixels} x {pixels} pixels, each with {tokens} x "
        f"{tokens} dots for the middles of its windows. On the left the "
        f"windows, cut as in ViT, {s} x {s} pixels at a stride of {s}, lie "
        "side by side and share nothing. On the right SegFormer's windows, "
        f"{k} x {k} pixels at a stride of {s}, share {shared} pixels with each "
        "neighbour and hang over the top and the left border by the padding "
        f"of {p}. Below, one row of pixels with the windows drawn as bars "
        "shows the same.",
    )
    for name, x0, kernel, padding in (
        ("touching, as in ViT", 24, s, 0),
        ("SegFormer", 269, k, p),
    ):
        edge = x0 - padding * cell
        d.text(edge, 22, name, anchor="start", bold=True)
        words = f"{kernel} × {kernel}, stride {s}"
        words += f", padding {padding}" if padding else ""
        d.text(edge, 43, words, anchor="start")
        if padding:
            d.rect(
                edge,
                top - padding * cell,
                (pixels + 2 * padding) * cell,
                (pixels + 2 * padding) * cell,
                fill=WHITE,
                dash="2 4",
                width=1,
                radius=0,
            )
            d.text(
                x0 + pixels * cell / 2,
                top + pixels * cell + 21,
                "padding: zeros",
                fill=MUTED,
            )
        d.grid(x0, top, pixels, pixels, cell)
        strip = top + pixels * cell + 58
        d.grid(x0, strip, 1, pixels, cell)
        covered = [0] * pixels
        for i in range(tokens):
            start = s * i - padding
            for pixel in range(max(start, 0), min(start + kernel, pixels)):
                covered[pixel] += 1
            style = (
                {"stroke": ACCENT, "fill": ACCENT, "width": 2.5}
                if i % 2 == 0
                else {
                    "stroke": INK,
                    "fill": LINE,
                    "width": 2,
                    "dash": "6 3",
                }
            )
            x, size = x0 + start * cell, kernel * cell
            y = top - padding * cell
            d.rect(x + 1, y, size - 2, size, radius=0, opacity=0.15, **style)
            y = strip + 18 + (i % 2) * 18
            d.rect(x + 1, y, size - 2, 12, radius=2, opacity=0.25, **style)
            for j in range(tokens):
                d.circle(
                    x + size / 2,
                    top + (s * j - padding + kernel / 2) * cell,
                    3.5,
                    INK,
                )
        for pixel, times in enumerate(covered):
            if times > 1:
                d.rect(
                    x0 + pixel * cell,
                    strip,
                    cell,
                    cell,
                    fill=ACCENT,
                    stroke=WHITE,
                    width=1,
                    radius=0,
                )
        assert covered.count(2) == (tokens - 1) * max(kernel - s, 0)
        d.text(
            x0 - padding * cell,
            strip + 74,
            f"neighbours share {kernel - s} pixels"
            if kernel > s
            else "no pixel is shared",
            anchor="start",
            fill=ACCENT_INK if kernel > s else INK,
        )
    d.circle(30, 426, 3.5, INK)
    d.text(
        42,
        431,
        f"the middle of a window: {tokens * tokens} tokens in both",
        anchor="start",
    )
    return d


def unfold_linear() -> Drawing:
    """A strided convolution as three steps and a grid."""
    k, s, p = MERGE
    c, dim, pixels, cell = B0.in_channels, B0.dims[0], 16, 9
    tokens, numbers = side(pixels, k, s, p), k * k * c
    assert numbers == 147
    row, column = 1, 2
    d = Drawing(
        490,
        462,
        "A strided convolution is: cut windows, flatten, one Linear",
        f"Step 1: a window of {k} x {k} pixels and {c} channels is cut out of "
        f"the image, b c h w. Step 2: it is flattened to {k} times {k} times "
        f"{c} = {numbers} numbers. Step 3: one Linear turns the {numbers} "
        f"numbers into {dim}. Step 4: these {dim} numbers are one token and "
        "go to the window's place on the grid of tokens, b h w c. The same "
        "Linear serves every window.",
    )
    x0, y0, size = 20, 56, pixels * cell
    d.text(16, 24, "1  cut", anchor="start", bold=True)
    for channel in reversed(range(c)):
        dx = channel * 8
        d.grid(x0 + dx, y0 - dx, pixels, pixels, cell)
        d.rect(
            x0 + dx,
            y0 - dx,
            size,
            size,
            fill="none",
            stroke=LINE,
            width=1,
            radius=0,
        )
    wx, wy = x0 + (s * column - p) * cell, y0 + (s * row - p) * cell
    d.rect(
        wx,
        wy,
        k * cell,
        k * cell,
        fill=ACCENT,
        stroke=ACCENT_INK,
        opacity=0.75,
        width=2,
        radius=0,
    )
    d.text(x0 + size / 2, y0 + size + 22, "b c h w", mono=True, fill=MUTED)

    sx, width = 214, 256
    d.text(sx, 24, "2  flatten", anchor="start", bold=True)
    d.text(sx, 46, f"{c} · {k} · {k} = {numbers} numbers", anchor="start")
    middle = wy + k * cell / 2
    d.line((wx + k * cell, middle), (sx - 4, middle))
    strip(d, sx, middle - 12, width, numbers, k * k)

    d.line((sx + width / 2, middle + 12), (sx + width / 2, 176))
    d.text(sx, 166, "3  one Linear", anchor="start", bold=True)
    d.box(sx + 38, 176, 180, 38, f"Linear {numbers} → {dim}", on=True)
    short = width * 0.5
    d.line((sx + width / 2, 214), (sx + width / 2, 312))
    d.text(sx, 262, f"{dim} numbers:", anchor="start")
    d.text(sx, 281, "one token", anchor="start")
    strip(d, sx + width / 2 - short / 2, 312, short, dim, dim)

    y1, big = 270, size / tokens
    d.text(16, 254, "4  put it back", anchor="start", bold=True)
    d.grid(x0, y1, tokens, tokens, big)
    ty = y1 + row * big
    d.rect(
        x0 + column * big,
        ty,
        big,
        big,
        fill=ACCENT,
        stroke=ACCENT_INK,
        radius=0,
    )
    d.text(x0 + size / 2, y1 + size + 22, "b h w c", mono=True, fill=MUTED)
    d.line(
        (sx + width / 2 - short / 2, ty + big / 2),
        (x0 + (column + 1) * big, ty + big / 2),
    )
    d.text(sx, 372, "The same Linear for every", anchor="start")
    d.text(sx, 392, "window: together this is", anchor="start")
    d.text(
        sx, 418, f"Conv2d({c}, {dim}, {k},", anchor="start", mono=True, size=14
    )
    d.text(
        sx,
        438,
        f"       stride={s}, padding={p})",
        anchor="start",
        mono=True,
        size=14,
    )
    return d


def strip(
    d: Drawing, x: float, y: float, width: float, count: int, group: int
) -> None:
    """`count` numbers in a row, with a gap of ink after each group."""
    step = width / count
    d.rect(x, y, width, 24, fill=ACCENT_PALE, stroke="none", radius=0)
    fine = "".join(f"M{x + i * step:.2f},{y:g}v24" for i in range(count))
    d.parts.append(
        f'<path d="{fine}" fill="none" stroke="{ACCENT}" stroke-width="0.6"/>'
    )
    thick = "".join(
        f"M{x + i * step:.2f},{y:g}v24" for i in range(0, count + 1, group)
    )
    d.parts.append(
        f'<path d="{thick}" fill="none" stroke="{ACCENT_INK}" '
        'stroke-width="2.5"/>'
    )
    d.rect(x, y, width, 24, fill="none", stroke=ACCENT_INK, radius=0)


def patch_sizes() -> Drawing:
    """Kernel, stride and padding of the four steps, and two images' sides."""
    images = (IMAGE, 250)
    chains = [" to ".join(map(str, [n, *sides(n)])) for n in images]
    d = Drawing(
        490,
        466,
        "Four patch steps and the sides that they give",
        "The rule: the new side is floor((n + 2P - K) / S) + 1. With K, S, P "
        "= 7, 4, 3 in the first step and 3, 2, 1 in the other three, a side "
        f"goes from {chains[0]}, and from {chains[1]}.",
    )
    d.text(245, 30, "new side = ⌊(n + 2P − K) / S⌋ + 1", size=17, bold=True)
    d.text(16, 66, "K", anchor="start", bold=True, mono=True)
    d.text(38, 66, "S", anchor="start", bold=True, mono=True)
    d.text(60, 66, "P", anchor="start", bold=True, mono=True)
    columns = (96, 296)
    d.line((86, 52), (86, 450), arrow=False, stroke="#ced4da")
    d.line((288, 52), (288, 450), arrow=False, stroke="#ced4da")
    pitch = 92
    for x, n in zip(columns, images, strict=True):
        chain = [n, *sides(n)]
        for i, m in enumerate(chain):
            y = 66 + i * pitch
            d.text(x, y, str(m), size=16, anchor="start", bold=True)
            d.rect(
                x + 40,
                y - 13,
                m * 132 / IMAGE,
                15,
                fill=ACCENT,
                stroke="none",
                radius=0,
            )
            if i == 4:
                break
            k, s = B0.patch_sizes[i], B0.strides[i]
            assert chain[i + 1] == side(m, k, s, k // 2)
            d.line((x + 8, y + 12), (x + 8, y + pitch - 18))
            d.text(
                x + 20,
                y + 43,
                f"⌊({m} + {2 * (k // 2)} − {k}) / {s}⌋ + 1",
                size=14,
                anchor="start",
                fill=MUTED,
            )
    for i, (k, s) in enumerate(zip(B0.patch_sizes, B0.strides, strict=True)):
        for x, number in zip((16, 38, 60), (k, s, k // 2), strict=True):
            d.text(
                x,
                66 + i * pitch + 43,
                str(number),
                size=16,
                anchor="start",
                mono=True,
            )
    return d


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
    d.text(24, 26, "a map", anchor="start", bold=True)
    d.text(84, 26, "b h w c", anchor="start", mono=True, fill=MUTED)
    rows, columns, cell, x0, y0 = 6, 8, 20, 40, 42
    d.grid(x0, y0, rows, columns, cell)
    d.text(28, y0 + rows * cell / 2 + 5, "h", mono=True, fill=MUTED)
    d.text(
        x0 + columns * cell / 2,
        y0 + rows * cell + 20,
        "w",
        mono=True,
        fill=MUTED,
    )
    tx, ty = x0 + 5 * cell, y0 + 2 * cell
    d.rect(tx, ty, cell, cell, fill=ACCENT, stroke=ACCENT_INK, radius=0)

    cx, width, unit = 240, 232, 20
    zero = 148
    d.text(cx, 26, f"the c = {c} numbers of one", anchor="start")
    d.text(cx, 46, "token, before", anchor="start")
    d.line((tx + cell, ty + cell / 2), (cx - 8, ty + cell / 2))
    bars(d, cx, zero, width, unit, before, mean)
    d.text(
        cx,
        zero + 44,
        f"mean {mean:.1f} (dashed), dev. {std:.1f}",
        anchor="start",
        fill=MUTED,
    )

    d.line((cx + 20, zero + 54), (cx + 20, zero + 102))
    d.text(cx + 36, zero + 83, "LayerNorm over c", anchor="start", bold=True)
    zero = 318
    d.text(cx, zero - 50, "after", anchor="start")
    bars(d, cx, zero, width, unit, after, 0)
    d.text(
        cx,
        zero + 64,
        "mean 0, deviation 1",
        anchor="start",
        fill=MUTED,
    )
    for i, words in enumerate(
        (
            "Each position has",
            "its own mean and",
            "standard deviation.",
            "Nothing passes from",
            "one position to",
            "another.",
        )
    ):
        d.text(24, 246 + 21 * i, words, anchor="start")
    return d


def bars(
    d: Drawing,
    x: float,
    zero: float,
    width: float,
    unit: float,
    values: list[float],
    mean: float,
) -> None:
    """Bars up and down from the line at `zero`, and a line at the mean."""
    step = width / len(values)
    for i, value in enumerate(values):
        height = abs(value) * unit
        d.parts.append(
            f'<rect x="{x + i * step + 1:.2f}" '
            f'y="{zero - max(value, 0) * unit:.2f}" width="{step - 2:.2f}" '
            f'height="{height:.2f}" fill="{ACCENT}"/>'
        )
    d.line((x, zero), (x + width, zero), arrow=False)
    if mean:
        y = zero - mean * unit
        d.line((x, y), (x + width, y), arrow=False, stroke=INK, dash="5 4")


DRAWINGS = {
    "patches_overlap": patches_overlap,
    "unfold_linear": unfold_linear,
    "patch_sizes": patch_sizes,
    "layer_norm_channels": layer_norm_channels,
}
