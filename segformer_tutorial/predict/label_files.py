"""Label maps as files that other programs can read."""

import io
import os

import numpy as np
from PIL import Image
from torch import Tensor

from ..data.atomic import write_whole
from .colors import PALETTE, Palette, as_array, color_table


def save_labels(
    labels: Tensor | np.ndarray,
    path: str | os.PathLike,
    palette: Palette = PALETTE,
) -> None:
    """Write labels `h w` as a PNG of class indices, 8 bits, with a palette.

    `read_labels` and every program that reads numbers gets the indices,
    a viewer shows the colours. An existing file is replaced only once the new
    one is complete. Raises ValueError for labels as `colorize` does, and
    OSError.
    """
    table = color_table(labels, palette)
    image = Image.fromarray(as_array(labels).astype(np.uint8))
    image.putpalette(table.tobytes())
    save_png(image, path)


def save_png(image: Image.Image, path: str | os.PathLike) -> None:
    """Write a picture as PNG, whole or not at all. Raises OSError."""
    file = io.BytesIO()
    image.save(file, "png")
    write_whole(path, file.getbuffer())
