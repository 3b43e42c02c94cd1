"""What the diagrams are drawn with: one family of shapes and colours."""

from html import escape
from math import sqrt

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
