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

PAPER, INK = (18, 18, 18), (222, 222, 222)  # of the theme's dark mode
PALE = 250  # a bright sky is darker than paper
COLOURED = 24  # between the largest and the smallest channel
# The little landscape of the overview diagrams is a photo, in a few colours.
PHOTO = {"#cfe3f0", "#8fa58a", "#d9c7a3", "#b08a76"}
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
        dpi = image.info.get("dpi")
        pixels = np.asarray(image.convert("RGB"))
    picture = Image.fromarray(plot(pixels)).quantize(
        256, dither=Image.Dither.NONE
    )
    picture.save(path, optimize=True, **({"dpi": dpi} if dpi else {}))


def plot(pixels: np.ndarray) -> np.ndarray:
    """Turn white paper into dark paper, for pixels `h w 3` of type uint8."""
    values = pixels.astype(np.float32)
    low, high = values.min(-1), values.max(-1)
    paper, ink = np.array(PAPER, np.float32), np.array(INK, np.float32)
    light = values.mean(-1, keepdims=True) / 255
    grey = light * paper + (1 - light) * ink
    share, full = _mixed(values)
    colour = share * full + (1 - share) * paper
    turned = np.where((high - low > COLOURED)[..., None], colour, grey)
    kept = pictures(pixels)
    turned[kept] = values[kept]
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
    share = length / np.maximum(longest, 1)
    return share[..., None], full


def pictures(pixels: np.ndarray) -> np.ndarray:
    """Mark the photos, label maps and patches of a legend in a plot, `h w`.

    They are full rectangles; letters and lines are not.
    """
    parts, _ = ndimage.label(pixels.min(-1) < PALE)
    found = np.zeros(parts.shape, bool)
    for number, place in enumerate(ndimage.find_objects(parts), 1):
        part = parts[place] == number
        side = min(part.shape)
        if side < 9:
            continue
        whole = ndimage.binary_fill_holes(part).mean()
        enough = (0.85, 0.35) if side > 60 else (0.95, 0.6)
        if whole > enough[0] and part.mean() > enough[1]:
            found[place] = True
    return found


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
        place = [re.search(NUMBER.format(n), tag[0]) for n in ("x", "y")]
        x, y = (float(found[1]) if found else 0 for found in place)
        if tag[1] == "text":
            over = [
                stays
                for (left, top, width, height), stays in kept
                if left <= x <= left + width and top <= y <= top + height
            ]
            return tag[0] if over and over[-1] else turned(tag[0], area=False)
        if tag[1] == "rect":
            sides = [
                float(re.search(NUMBER.format(n), tag[0])[1])
                for n in ("width", "height")
            ]
            fill = re.search(r'\bfill="(#[0-9a-f]{6})"', tag[0])
            if fill:
                kept.append(((x, y, *sides), _stays(fill[1])))
        return turned(tag[0], area=True)

    return re.sub(r"<(\w+)\b[^>]*>", turn, text)


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
    rgb = _rgb(colour)
    middle = (rgb.max() + rgb.min()) / 2
    light = INK[0] + (PAPER[0] - INK[0]) * middle / 255
    spread = (rgb - middle) * min(1, light / max(middle, 1))
    new = np.clip(light + spread, 0, 255).round().astype(int)
    return "#" + bytes(new.tolist()).hex()
