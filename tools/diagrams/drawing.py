"""What the diagrams are drawn with: one family of shapes and colours."""

from html import escape
from math import sqrt
from typing import NamedTuple

from segformer_tutorial.config import PRESETS

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
RULE = "#ced4da"  # the lines of a grid


class Hue(NamedTuple):
    """One colour in three strengths: an area, its border, words."""

    fill: str
    stroke: str
    ink: str

    @property
    def ground(self) -> dict[str, str]:
        """How an area of this colour looks."""
        return {"fill": self.fill, "stroke": self.stroke}


# What attention is made of has one colour each, here and in the text.
QUERY = Hue("#d9ebf7", "#0072b2", "#00507d")
KEY = Hue("#cfebe1", "#009e73", "#00664b")
VALUE = Hue("#f8f3c4", "#b5a100", "#665b00")


STYLES = {
    "start": {"anchor": "start"},
    "end": {"anchor": "end"},
    "mono": {"mono": ' class="m"'},
    "bold": {"bold": ' font-weight="600"'},
    "small": {"size": 14},
    "muted": {"fill": MUTED},
    "accent": {"fill": ACCENT_INK},
    "white": {"fill": WHITE},
}

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
        style: str = "",
        *,
        size: float = 15,
        fill: str = INK,
    ) -> None:
        """One line; `y` is the baseline. style: words of STYLES."""
        look = {"size": size, "fill": fill, "anchor": "middle"}
        look |= {"mono": "", "bold": ""}
        for word in style.split():
            look |= STYLES[word]
        self.parts.append(
            '<text x="{x:g}" y="{y:g}" font-size="{size:g}" fill="{fill}" '
            'text-anchor="{anchor}"{mono}{bold}>{words}</text>'.format(
                x=x, y=y, words=escape(words, quote=False), **look
            )
        )

    def lines(
        self,
        x: float,
        y: float,
        *lines: str,
        style: str = "start",
        step: float = 20,
        fill: str = INK,
    ) -> None:
        """Lines of text below each other; `y` is the first baseline."""
        for i, words in enumerate(lines):
            self.text(x, y + i * step, words, style, fill=fill)

    def box(
        self,
        x: float,
        y: float,
        w: float,
        h: float,
        *lines: str,
        on: bool = False,
        style: str = "",
        **options,
    ) -> None:
        """A rounded rectangle with its name in one or more lines."""
        ground = {"fill": ACCENT, "stroke": ACCENT_INK} if on else {}
        self.rect(x, y, w, h, **(ground | options))
        top = y + h / 2 - 18 * (len(lines) - 1) / 2 + 5
        ink = WHITE if on else INK
        self.lines(x + w / 2, top, *lines, style=style, step=18, fill=ink)

    def area(
        self, x: float, y: float, w: float, h: float, fill: str, **options
    ) -> None:
        """A rectangle with square corners, by default without a border."""
        self.rect(
            x, y, w, h, **({"radius": 0, "stroke": "none"} | options), fill=fill
        )

    def cell(
        self,
        x: float,
        y: float,
        w: float,
        h: float,
        words: str = "",
        *,
        on: bool = False,
        fill: str = PALE,
        stroke: str = LINE,
        style: str = "mono",
        ink: str = INK,
        **options,
    ) -> None:
        """A cell of a table or a grid, with what is written in it."""
        if on:
            fill, stroke, ink = ACCENT, ACCENT_INK, WHITE
        options = {"width": 1, "radius": 0} | options
        self.rect(x, y, w, h, fill=fill, stroke=stroke, **options)
        if words:
            self.text(x + w / 2, y + h / 2 + 5, words, style, fill=ink)

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
            corners = [
                (x1 - 8 * dx - k * dy, y1 - 8 * dy + k * dx) for k in (4, -4)
            ]
            self.polygon((x1, y1), *corners, fill=stroke)

    def down(self, x: float, y0: float, y1: float, **options) -> None:
        """An arrow from above to below."""
        self.line((x, y0), (x, y1), **options)

    def across(self, x0: float, x1: float, y: float, **options) -> None:
        """An arrow from one side to the other."""
        self.line((x0, y), (x1, y), **options)

    def polygon(self, *points: tuple[float, float], fill: str) -> None:
        path = " ".join(f"{x:g},{y:g}" for x, y in points)
        self.parts.append(f'<polygon points="{path}" fill="{fill}"/>')

    def circle(self, x: float, y: float, r: float, fill: str) -> None:
        self.parts.append(
            f'<circle cx="{x:g}" cy="{y:g}" r="{r:g}" fill="{fill}"/>'
        )

    def badge(self, x: float, y: float, r: float, words: str, fill: str):
        """A filled circle with a number in it."""
        self.circle(x, y, r, fill)
        self.text(x, y + 5, words, "bold white")

    def strokes(self, path: str, stroke: str, width: float) -> None:
        """Many short lines as one path."""
        self.parts.append(
            f'<path d="{path}" fill="none" stroke="{stroke}" '
            f'stroke-width="{width:g}"/>'
        )

    def grid(
        self, x: float, y: float, rows: int, columns: int, cell: float
    ) -> None:
        """Pixels or tokens as a grid of cells."""
        self.area(x, y, columns * cell, rows * cell, PALE, width=1.5)
        across = [
            f"M{x:g},{y + i * cell:g}h{columns * cell:g}"
            for i in range(rows + 1)
        ]
        down = [
            f"M{x + i * cell:g},{y:g}v{rows * cell:g}"
            for i in range(columns + 1)
        ]
        self.strokes("".join(across + down), RULE, 1)

    def stack(
        self,
        x: float,
        y: float,
        rows: int,
        columns: int,
        cell: float,
        *,
        layers: int,
        dx: float,
        dy: float,
    ) -> None:
        """Grids behind each other, the first one in front at x and y."""
        for i in reversed(range(layers)):
            at = x + i * dx, y - i * dy
            self.grid(*at, rows, columns, cell)
            self.cell(*at, columns * cell, rows * cell, fill="none")

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
