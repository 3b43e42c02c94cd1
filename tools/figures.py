"""Draw the book's diagrams into book/figures, from the package's numbers.

python tools/figures.py            write the files
python tools/figures.py --check    fail if a file is not what this draws
"""

import sys
from html import escape
from math import sqrt
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from segformer_tutorial.config import PRESETS  # noqa: E402

FOLDER = ROOT / "book" / "figures"
SANS = (
    "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', "
    "'DejaVu Sans', Arial, sans-serif"
)
MONO = "ui-monospace, 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace"

# One accent for today's part, greys for the rest. The book's dark mode turns
# these over with `invert(.9) hue-rotate(180deg)`, which keeps the hue.
INK, MUTED, LINE = "#212529", "#495057", "#868e96"
GREY, PALE, WHITE = "#eceef0", "#f8f9fa", "#ffffff"
ACCENT, ACCENT_PALE, ACCENT_INK = "#0072b2", "#d9ebf7", "#00507d"

B0 = PRESETS["b0"]
IMAGE = 512


def side(n: int, kernel: int, stride: int, padding: int) -> int:
    """The side of a map after a strided convolution."""
    return (n + 2 * padding - kernel) // stride + 1


def sides(n: int) -> list[int]:
    """The sides of the four maps of B0 for an image of side n."""
    found = []
    for kernel, stride in zip(B0.patch_sizes, B0.strides, strict=True):
        n = side(n, kernel, stride, kernel // 2)
        found.append(n)
    return found


SIDES = sides(IMAGE)
assert SIDES == [128, 64, 32, 16]
assert sides(250) == [63, 32, 16, 8]
assert B0.dims == (32, 64, 160, 256)


class Drawing:
    """SVG elements, added one by one; x to the right, y down, in px."""

    def __init__(self, width: int, height: int, title: str, desc: str):
        self.width, self.height = width, height
        self.title, self.desc = title, desc
        self.parts: list[str] = []
        self.rect(0, 0, width, height, fill=WHITE, stroke="none", radius=6)

    def rect(
        self,
        x: float,
        y: float,
        w: float,
        h: float,
        *,
        fill: str = GREY,
        stroke: str = LINE,
        width: float = 1.5,
        radius: float = 5,
        dash: str = "",
        opacity: float = 1,
    ) -> None:
        self.parts.append(
            f'<rect x="{x:g}" y="{y:g}" width="{w:g}" height="{h:g}" '
            f'rx="{radius:g}" fill="{fill}" stroke="{stroke}" '
            f'stroke-width="{width:g}"'
            + (f' stroke-dasharray="{dash}"' if dash else "")
            + (f' fill-opacity="{opacity:g}"' if opacity < 1 else "")
            + "/>"
        )

    def text(
        self,
        x: float,
        y: float,
        words: str,
        *,
        size: float = 15,
        fill: str = INK,
        anchor: str = "middle",
        mono: bool = False,
        bold: bool = False,
    ) -> None:
        """`y` is the baseline."""
        self.parts.append(
            f'<text x="{x:g}" y="{y:g}" font-size="{size:g}" fill="{fill}" '
            f'text-anchor="{anchor}"'
            + (' class="m"' if mono else "")
            + (' font-weight="600"' if bold else "")
            + f">{escape(words, quote=False)}</text>"
        )

    def box(
        self,
        x: float,
        y: float,
        w: float,
        h: float,
        *lines: str,
        on: bool = False,
    ) -> None:
        """A part of the model with its name, one or more lines."""
        self.rect(
            x,
            y,
            w,
            h,
            fill=ACCENT if on else GREY,
            stroke=ACCENT_INK if on else LINE,
        )
        step = 18
        top = y + h / 2 - step * (len(lines) - 1) / 2 + 5
        for i, line in enumerate(lines):
            self.text(
                x + w / 2, top + i * step, line, fill=WHITE if on else INK
            )

    def line(
        self,
        *points: tuple[float, float],
        arrow: bool = True,
        stroke: str = MUTED,
        width: float = 1.5,
        dash: str = "",
    ) -> None:
        """A line through the points, with a head at the last one."""
        path = " ".join(f"{x:g},{y:g}" for x, y in points)
        self.parts.append(
            f'<polyline points="{path}" fill="none" stroke="{stroke}" '
            f'stroke-width="{width:g}"'
            + (f' stroke-dasharray="{dash}"' if dash else "")
            + "/>"
        )
        if arrow:
            (x0, y0), (x1, y1) = points[-2:]
            length = sqrt((x1 - x0) ** 2 + (y1 - y0) ** 2)
            dx, dy = (x1 - x0) / length, (y1 - y0) / length
            corners = [(x1, y1)] + [
                (x1 - 8 * dx - k * dy, y1 - 8 * dy + k * dx) for k in (4, -4)
            ]
            head = " ".join(f"{x:g},{y:g}" for x, y in corners)
            self.parts.append(f'<polygon points="{head}" fill="{stroke}"/>')

    def polygon(self, *points: tuple[float, float], fill: str) -> None:
        path = " ".join(f"{x:g},{y:g}" for x, y in points)
        self.parts.append(f'<polygon points="{path}" fill="{fill}"/>')

    def circle(self, x: float, y: float, r: float, fill: str) -> None:
        self.parts.append(
            f'<circle cx="{x:g}" cy="{y:g}" r="{r:g}" fill="{fill}"/>'
        )

    def grid(
        self, x: float, y: float, rows: int, columns: int, cell: float
    ) -> None:
        """Pixels or tokens as a grid of cells."""
        self.rect(
            x,
            y,
            columns * cell,
            rows * cell,
            fill=PALE,
            stroke="none",
            radius=0,
        )
        path = "".join(
            f"M{x:g},{y + i * cell:g}h{columns * cell:g}"
            for i in range(rows + 1)
        ) + "".join(
            f"M{x + i * cell:g},{y:g}v{rows * cell:g}"
            for i in range(columns + 1)
        )
        self.parts.append(
            f'<path d="{path}" fill="none" stroke="#ced4da" stroke-width="1"/>'
        )

    def svg(self) -> str:
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{self.width}" '
            f'height="{self.height}" viewBox="0 0 {self.width} {self.height}" '
            f'role="img" aria-labelledby="title desc" '
            f'font-family="{SANS}">\n'
            f'<title id="title">{escape(self.title, quote=False)}</title>\n'
            f'<desc id="desc">{escape(self.desc, quote=False)}</desc>\n'
            f"<style>.m{{font-family:{MONO}}}</style>\n"
            + "\n".join(self.parts)
            + "\n</svg>\n"
        )


# The map of the model -------------------------------------------------------

TODAY = {
    "map": ("", ()),
    "map_patch_embedding": (
        "the four overlap patch embeddings, one at the head of each stage",
        ("patch_embedding",),
    ),
    "map_attention": (
        "the efficient self-attention in the blocks of every stage",
        ("attention",),
    ),
    "map_mix_ffn": (
        "the Mix-FFN in the blocks of every stage",
        ("mix_ffn",),
    ),
    "map_block": (
        "the transformer blocks of every stage, attention and Mix-FFN with "
        "their frame",
        ("attention", "mix_ffn", "block"),
    ),
    "map_encoder": (
        "the whole encoder: all four stages and the four maps that they give",
        ("patch_embedding", "attention", "mix_ffn", "block", "norm", "maps"),
    ),
    "map_decoder": (
        "the all-MLP decoder: linear layers, upsampling, fuse and classify",
        ("unify", "fuse", "decoder"),
    ),
    "map_model": (
        "everything, from the first patch embedding to the classifier",
        (
            "patch_embedding",
            "attention",
            "mix_ffn",
            "block",
            "norm",
            "maps",
            "unify",
            "fuse",
            "decoder",
        ),
    ),
}


def scene(d: Drawing, x: float, y: float, size: float, labels: bool) -> None:
    """A little landscape, as a photo or as labels."""
    colours = ["#56b4e9", "#009e73", "#e69f00", "#d55e00"]
    if not labels:
        colours = ["#cfe3f0", "#8fa58a", "#d9c7a3", "#b08a76"]
    sky, hill, field, house = colours
    s = size / 48

    def at(*points: tuple[float, float]) -> list[tuple[float, float]]:
        return [(x + px * s, y + py * s) for px, py in points]

    d.polygon(*at((0, 0), (48, 0), (48, 48), (0, 48)), fill=sky)
    d.polygon(
        *at((0, 30), (16, 14), (34, 30), (48, 22), (48, 48), (0, 48)), fill=hill
    )
    d.polygon(*at((0, 36), (48, 32), (48, 48), (0, 48)), fill=field)
    d.polygon(*at((26, 40), (26, 30), (32, 25), (38, 30), (38, 40)), fill=house)
    d.rect(x, y, size, size, fill="none", radius=0)


def model_map(name: str) -> Drawing:
    """The whole model, with today's part in the accent colour."""
    words, today = TODAY[name]
    maps = ", ".join(
        f"1/{IMAGE // n} ({n} x {n}, {c} channels)"
        for n, c in zip(SIDES, B0.dims, strict=True)
    )
    desc = (
        f"An image of {IMAGE} x {IMAGE} goes down through four stages. Each "
        "stage is an overlap patch embedding, transformer blocks (efficient "
        "self-attention, then Mix-FFN) and a norm. Each gives a map, which is "
        f"also what the next stage starts from: {maps}. The all-MLP decoder "
        f"takes the four maps: a linear layer to {B0.decoder_dim} channels "
        "for each, upsampling to the first map's size, fuse, classify. The "
        "logits have a quarter of the image's side; they are resized and the "
        "largest one gives each pixel its label. "
        + (f"In colour: {words}." if words else "Nothing is highlighted.")
    )
    title = "The map of SegFormer-B0"
    d = Drawing(490, 876, title + (f": {words}" if words else ""), desc)

    def on(part: str) -> bool:
        return part in today

    pe_x, pe_w, wire_x = 6, 94, 84
    block_x, block_w = 112, 172
    norm_x, norm_w = 298, 50
    map_x, label_x = 366, 354
    frame_y, pitch, box_h = 76, 116, 60
    unify_w = 106
    unify_x = [20 + (unify_w + 8) * (3 - i) for i in range(4)]
    decoder_y = frame_y + 4 * pitch + 18

    scene(d, wire_x - 20, 6, 40, labels=False)
    d.text(112, 24, "image", anchor="start", bold=True)
    shape = f"b c h w = b {B0.in_channels} {IMAGE} {IMAGE}"
    d.text(112, 43, shape, anchor="start", mono=True, fill=MUTED)
    d.line((wire_x, 46), (wire_x, frame_y + 22))

    for i, (n, c) in enumerate(zip(SIDES, B0.dims, strict=True)):
        top = frame_y + i * pitch
        y = top + 22
        middle = y + box_h / 2

        d.text(pe_x, top + 15, f"stage {i + 1}", anchor="start", bold=True)
        d.box(
            pe_x,
            y,
            pe_w,
            box_h,
            "overlap",
            "patch",
            "embedding",
            on=on("patch_embedding"),
        )
        d.line((pe_x + pe_w, middle), (block_x, middle))
        d.rect(
            block_x,
            top - 3,
            block_w,
            box_h + 32,
            fill=ACCENT_PALE if on("block") else PALE,
            stroke=ACCENT if on("block") else LINE,
            width=2.5 if on("block") else 1.5,
        )
        d.text(
            block_x + 8,
            top + 15,
            f"block × {B0.depths[i]}",
            anchor="start",
            fill=ACCENT_INK if on("block") else INK,
        )
        d.text(
            block_x + block_w - 8,
            top + 15,
            "b h w c",
            size=14,
            anchor="end",
            mono=True,
            fill=MUTED,
        )
        d.box(
            block_x + 6,
            y,
            84,
            box_h,
            "efficient",
            "self-",
            "attention",
            on=on("attention"),
        )
        d.line((block_x + 90, middle), (block_x + 102, middle), arrow=False)
        d.box(block_x + 102, y, 64, box_h, "Mix-", "FFN", on=on("mix_ffn"))
        d.line((block_x + block_w, middle), (norm_x, middle))
        d.box(norm_x, y, norm_w, box_h, "norm", on=on("norm"))
        d.line((norm_x + norm_w, middle), (map_x, middle))

        # the map, its side drawn to scale; its shape in two notations
        size = n * 44 / SIDES[0]
        d.text(
            label_x,
            top + 13,
            f"1/{IMAGE // n}",
            anchor="start",
            bold=True,
            fill=ACCENT_INK if on("maps") else INK,
        )
        if i == 0:
            d.text(
                label_x + 40,
                top + 13,
                "b c h w",
                size=14,
                anchor="start",
                mono=True,
                fill=MUTED,
            )
        d.rect(
            map_x,
            middle - size / 2,
            size,
            size,
            fill=ACCENT if on("maps") else "#adb5bd",
            stroke=ACCENT_INK if on("maps") else MUTED,
            radius=0,
        )
        d.text(
            label_x,
            y + box_h + 9,
            f"b {c} {n} {n}",
            size=14,
            anchor="start",
            mono=True,
            fill=MUTED,
        )

        if i < 3:  # on to the next stage
            x0, turn = norm_x + norm_w / 2, y + box_h + 20
            d.line(
                (x0, y + box_h), (x0, turn), (wire_x, turn), (wire_x, y + pitch)
            )
        bus, turn = 460 + 7 * (3 - i), decoder_y - 30 + 6 * (3 - i)
        unify = unify_x[i] + unify_w / 2
        d.line(
            (map_x + size, middle),
            (bus, middle),
            (bus, turn),
            (unify, turn),
            (unify, decoder_y + 10),
        )

    framed = on("decoder")
    d.parts.insert(
        1,
        f'<rect x="10" y="{decoder_y}" width="468" height="184" rx="5" '
        f'fill="{ACCENT_PALE if framed else PALE}" '
        f'stroke="{ACCENT if framed else LINE}" '
        f'stroke-width="{2.5 if framed else 1.5}"/>',
    )
    y = decoder_y + 10
    for i, (n, c) in enumerate(zip(SIDES, B0.dims, strict=True)):
        centre = unify_x[i] + unify_w / 2
        d.box(
            unify_x[i],
            y,
            unify_w,
            46,
            "linear",
            f"{c} → {B0.decoder_dim}",
            on=on("unify"),
        )
        d.line((centre, y + 46), (centre, y + 76))
        factor = SIDES[0] // n
        if factor > 1:
            d.text(
                centre + 8,
                y + 65,
                f"resize × {factor}",
                anchor="start",
                fill=MUTED,
            )
    d.box(20, y + 76, 448, 32, "fuse", on=on("fuse"))
    d.line((244, y + 108), (244, y + 136))
    d.text(
        256,
        y + 127,
        f"b {B0.decoder_dim} {SIDES[0]} {SIDES[0]}",
        size=14,
        anchor="start",
        mono=True,
        fill=MUTED,
    )
    d.text(
        20,
        y + 127,
        "all-MLP decoder",
        anchor="start",
        bold=True,
        fill=ACCENT_INK if framed else INK,
    )
    d.box(164, y + 136, 160, 32, "classify", on=on("fuse"))
    y += 168
    d.line((244, y), (244, y + 40))
    d.text(256, y + 32, "logits", anchor="start", bold=True)
    d.text(
        312,
        y + 32,
        f"b {B0.num_classes} {SIDES[0]} {SIDES[0]}",
        size=14,
        anchor="start",
        mono=True,
        fill=MUTED,
    )
    d.rect(150, y + 40, 188, 30, fill=PALE)
    d.text(244, y + 60, "resize, then argmax")
    d.line((244, y + 70), (244, y + 88))
    scene(d, 224, y + 88, 40, labels=True)
    d.text(276, y + 105, "labels", anchor="start", bold=True)
    d.text(
        276,
        y + 124,
        f"b {IMAGE} {IMAGE}",
        size=14,
        anchor="start",
        mono=True,
        fill=MUTED,
    )
    return d


# Chapter 3: overlapping patch merging ----------------------------------------

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


DRAWINGS = {name: lambda name=name: model_map(name) for name in TODAY} | {
    "patches_overlap": patches_overlap,
    "unfold_linear": unfold_linear,
    "patch_sizes": patch_sizes,
    "layer_norm_channels": layer_norm_channels,
}


def main(arguments: list[str]) -> int:
    check = arguments == ["--check"]
    if arguments and not check:
        print(__doc__)
        return 2
    stale = []
    for name, draw in DRAWINGS.items():
        path, text = FOLDER / f"{name}.svg", draw().svg()
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(path.name)
    if stale:
        print("not what tools/figures.py draws now:", ", ".join(stale))
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
