"""A legend below a picture, drawn by Pillow alone."""

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from .colors import Palette

INK, PAPER = (32, 32, 32), (255, 255, 255)


def with_legend(
    picture: np.ndarray, labels: Sequence[str], colors: Palette
) -> Image.Image:
    """Put a legend of labels and their colours below a picture.

    picture: `h w 3`, uint8. colors: an RGB colour for each label. The text
    grows with the picture. One that is narrower than a column of the legend
    is widened.
    """
    h, w = picture.shape[:2]
    size = max(14, round(math.sqrt(h * w) / 60))
    font = ImageFont.load_default(size)
    texts = [printable(label, font) for label in labels]
    line, gap = round(1.6 * size), round(0.6 * size)
    widest = max((math.ceil(font.getlength(text)) for text in texts), default=0)
    column = size + gap + widest + 2 * gap
    columns = max(1, (w - gap) // column)
    rows = math.ceil(len(texts) / columns)
    width = max(w, gap + column)
    whole = Image.new("RGB", (width, h + rows * line + 2 * gap), PAPER)
    whole.paste(Image.fromarray(picture))
    draw = ImageDraw.Draw(whole)
    for k, (text, color) in enumerate(zip(texts, colors, strict=True)):
        # Down the columns, so that neighbours in the list stay neighbours.
        x = gap + k // rows * column
        y = h + gap + k % rows * line + (line - size) // 2
        box = (x, y, x + size - 1, y + size - 1)
        draw.rectangle(box, tuple(map(int, color)), INK)
        draw.text((x + size + gap, y + size // 2), text, INK, font, "lm")
    return whole


def printable(text: str, font) -> str:
    """The text in one line, without what the font cannot draw."""
    text = " ".join(text.split())
    if isinstance(font, ImageFont.FreeTypeFont):
        return text.encode(errors="replace").decode()
    return text.encode("latin-1", "replace").decode("latin-1")
