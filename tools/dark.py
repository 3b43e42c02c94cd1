"""Make a variant of a picture for dark mode: other paper, the same colours.

In a plot, white paper and dark text change places, while lines, bars, photos
and label maps stay as they are: a class has one colour in the whole book. A
diagram is treated alike, colour by colour.
"""

import re
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage

from diagrams.drawing import KEY, QUERY, RULE, VALUE

PAPER, INK = (18, 18, 18), (222, 222, 222)  # of the theme's dark mode
PALE = 246  # a bright sky is darker than paper
GRID = (227, 230, 232)  # of the book's plots
BLACK, EDGE = 48, (105, 105, 105)  # a dark picture gets an edge
PATCH = 60  # pixels, the largest side of a patch in a legend
TINT = 100  # the largest distance of a pale tint's channel from white
WORDS = 48  # colours of a palette that are kept from photos
COLOURED = 16  # between the largest and the smallest channel
# The little landscape of the overview diagrams is a photo, in a few colours.
PHOTO = {"#cfe3f0", "#8fa58a", "#d9c7a3", "#b08a76"}
# Pale areas that stay apart in the dark, as in custom.css, and the grid.
GROUNDS = {
    QUERY.fill: "#0f3d5c",
    KEY.fill: "#0b4433",
    VALUE.fill: "#4a430c",
    RULE: "#5c6166",
}
ATTRIBUTE = re.compile(r'\b(fill|stroke)="(#[0-9a-f]{6})"')
NUMBER = r"""\b{}="(-?[\d.]+)\""""


def variant(file: Path) -> Path | None:
    """Write a picture's variant beside it; None where there can be none."""
    make = {".png": _plot, ".svg": _diagram}.get(file.suffix)
    if make is None or file.stem.endswith("-dark"):
        return None
    path = file.with_name(f"{file.stem}-dark{file.suffix}")
    newest = max(file.stat().st_mtime, Path(__file__).stat().st_mtime)
    if not path.exists() or path.stat().st_mtime < newest:
        make(file, path)
    return path


def _plot(file: Path, path: Path) -> None:
    """Write the variant of a plot."""
    with Image.open(file) as image:
        dpi, mode = image.info.get("dpi"), image.mode
        pixels = np.asarray(image.convert("RGB"))
    kept = pictures(pixels)
    picture = Image.fromarray(plot(pixels, kept))
    if mode == "P":
        picture = few_colours(np.asarray(picture), kept)
    picture.save(path, optimize=True, **({"dpi": dpi} if dpi else {}))


def few_colours(pixels: np.ndarray, kept: np.ndarray) -> Image.Image:
    """Give a plot a palette of 256 colours.

    Some are for words and lines alone, which a photo beside them would leave
    ragged.
    """
    places = np.zeros(kept.shape, np.uint8)
    palette: list[int] = []
    parts = [part for part in (~kept, kept) if part.any()]
    numbers = (WORDS, 256 - WORDS) if len(parts) == 2 else (256,)
    for part, number in zip(parts, numbers, strict=True):
        alone = np.where(part[..., None], pixels, pixels[part][0])
        reduced = Image.fromarray(alone).quantize(
            number, dither=Image.Dither.NONE
        )
        places[part] = np.asarray(reduced)[part] + len(palette) // 3
        palette += reduced.getpalette()
    picture = Image.fromarray(places, "P")
    picture.putpalette(palette)
    return picture


def plot(pixels: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """Turn white paper into dark paper, for pixels `h w 3` of type uint8.

    kept: where `pictures` are, `h w`.
    """
    values = pixels.astype(np.float32)
    low, high = values.min(-1), values.max(-1)
    paper, ink = np.array(PAPER, np.float32), np.array(INK, np.float32)
    light = values.mean(-1, keepdims=True) / 255
    grey = light * paper + (1 - light) * ink
    share, full = _mixed(values)
    colour = share * full + (1 - share) * paper
    turned = np.where((high - low > COLOURED)[..., None], colour, grey)
    turned[kept] = values[kept]
    edge = kept & ~ndimage.binary_erosion(kept, np.ones((5, 5)))
    turned[edge & (high < BLACK)] = EDGE
    return turned.round().astype(np.uint8)


def _mixed(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find how much of a colour a pixel has; the rest of it is white paper.

    On its edge a line is mixed with the paper. The full colour is that of the
    neighbour that is farthest from white, in the same direction.
    """
    away = 255 - values
    length = np.linalg.norm(away, axis=-1)
    longest, full = length.copy(), values.copy()
    for shift in np.ndindex(3, 3):
        offset = (shift[0] - 1, shift[1] - 1)
        other = np.roll(away, offset, (0, 1))
        norm = np.roll(length, offset, (0, 1))
        alike = (away * other).sum(-1) > 0.97 * length * norm
        better = alike & (norm > longest)
        longest[better] = norm[better]
        full[better] = 255 - other[better]
    share = (length / np.maximum(longest, 1))[..., None]
    # No line is pale, but an area that is nearly transparent.
    strongest = (255 - full).max(-1, keepdims=True)
    pale = (strongest > 0) & (strongest < TINT)
    share = np.where(pale, share * strongest / 255, share)
    strong = 255 - (255 - full) * 255 / np.maximum(strongest, 1)
    return share, np.where(pale, strong, full)


def pictures(pixels: np.ndarray) -> np.ndarray:
    """Mark the photos, label maps and patches of a legend in a plot, `h w`.

    They are full rectangles; letters and lines are not. A grey patch counts
    if its grey is one of a label map's, and turns with the bars otherwise.
    """
    parts, _ = ndimage.label(pixels.min(-1) < PALE)
    found = np.zeros(parts.shape, bool)
    patches = []
    for number, place in enumerate(ndimage.find_objects(parts), 1):
        part = parts[place] == number
        side = min(part.shape)
        if side < 9:
            continue
        if (pixels[place] == GRID).all(-1).mean() > 0.001:
            continue  # areas of a plot, which its grid joins
        whole = ndimage.binary_fill_holes(part).mean()
        enough = (0.85, 0.35) if side > PATCH else (0.95, 0.6)
        if whole <= enough[0] or part.mean() <= enough[1]:
            continue
        if side <= PATCH and _is_grey(pixels[place][part]):
            patches.append((place, np.median(pixels[place][part], 0)))
        else:
            found[place] |= _without_ticks(part)
    shown = pixels[found]
    for place, grey in patches:
        if (shown == grey).all(-1).any():
            found[place] = True
    return found


def _is_grey(pixels: np.ndarray) -> bool:
    """Tell whether pixels `n 3` have no colour and are not black."""
    middle = np.median(pixels, 0)
    return np.ptp(middle) <= COLOURED and middle.max() >= BLACK


def _without_ticks(part: np.ndarray) -> np.ndarray:
    """Mark the rectangle of a picture, not what sticks out of it."""
    rows, columns = (np.flatnonzero(part.mean(axis) > 0.3) for axis in (1, 0))
    box = np.zeros_like(part)
    box[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] = True
    return box


def _diagram(file: Path, path: Path) -> None:
    """Write the variant of a diagram."""
    text = diagram(file.read_text(encoding="utf-8"))
    path.write_text(text, encoding="utf-8", newline="\n")


def diagram(text: str) -> str:
    """Turn the colours of an SVG: greys and strokes, not coloured areas.

    Text on an area that keeps its colour keeps its own.
    """
    kept: list[tuple[tuple[float, ...], bool]] = []

    def turn(tag: re.Match) -> str:
        x, y = _numbers(tag[0], "x", "y")
        if tag[1] == "text":
            over = [
                stays
                for (left, top, width, height), stays in kept
                if left <= x <= left + width and top <= y <= top + height
            ]
            return tag[0] if over and over[-1] else turned(tag[0], area=False)
        if fill := re.search(r'\bfill="(#[0-9a-f]{6})"', tag[0]):
            if tag[1] == "rect":
                box = (x, y, *_numbers(tag[0], "width", "height"))
                kept.append((box, _stays(fill[1])))
            elif tag[1] == "circle":
                x, y, r = _numbers(tag[0], "cx", "cy", "r")
                box = (x - r, y - r, 2 * r, 2 * r)
                kept.append((box, _stays(fill[1])))
        head = tag[1] == "polygon" and tag[0].count(",") == 3  # of an arrow
        return turned(tag[0], area=not head)

    return re.sub(r"<(\w+)\b[^>]*>", turn, text)


def _numbers(tag: str, *names: str) -> list[float]:
    """Read attributes that are numbers; one that is missing is 0."""
    found = [re.search(NUMBER.format(name), tag) for name in names]
    return [float(number[1]) if number else 0 for number in found]


def turned(tag: str, *, area: bool) -> str:
    """Turn the colours of one tag; a coloured area keeps its fill."""

    def change(found: re.Match) -> str:
        name, colour = found.groups()
        if name == "fill" and area and _stays(colour):
            return found[0]
        return f'{name}="{turn_colour(colour)}"'

    return ATTRIBUTE.sub(change, tag)


def _stays(colour: str) -> bool:
    """Tell whether an area of this colour keeps it."""
    return colour in PHOTO or np.ptp(_rgb(colour)) > 60


def _rgb(colour: str) -> np.ndarray:
    """Read #rrggbb."""
    return np.array(list(bytes.fromhex(colour[1:])), float)


def turn_colour(colour: str) -> str:
    """Make a dark colour light and a light one dark, and keep its hue."""
    if colour in GROUNDS:
        return GROUNDS[colour]
    rgb = _rgb(colour)
    middle = (rgb.max() + rgb.min()) / 2
    light = INK[0] + (PAPER[0] - INK[0]) * middle / 255
    spread = (rgb - middle) * min(1, light / max(middle, 1))
    new = np.clip(light + spread, 0, 255).round().astype(int)
    return "#" + bytes(new.tolist()).hex()
