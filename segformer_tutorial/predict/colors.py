"""Label maps in colour: one colour for each class, over a picture or alone.

A tensor image is `c h w`, a NumPy image `h w c`, as libraries for plots and
pictures take it.
"""

import colorsys
from collections.abc import Sequence

import numpy as np
from torch import Tensor

from ..data import VOID

# The seven colours of Okabe and Ito (2008), then five more, chosen as far as
# possible from all others as seen with normal and with colour-blind eyes.
PALETTE = np.array(
    [
        (230, 159, 0),  # orange
        (86, 180, 233),  # sky blue
        (0, 158, 115),  # green
        (240, 228, 66),  # yellow
        (0, 114, 178),  # blue
        (213, 94, 0),  # vermilion
        (204, 121, 167),  # pink
        (136, 0, 255),  # violet
        (102, 51, 17),  # brown
        (204, 255, 204),  # pale green
        (17, 34, 136),  # navy
        (85, 68, 85),  # plum
    ],
    dtype=np.uint8,
)
PALETTE.setflags(write=False)
VOID_COLOR = (0, 0, 0)

Palette = np.ndarray | Sequence[Sequence[int]]


def colorize(
    labels: Tensor | np.ndarray, palette: Palette = PALETTE
) -> np.ndarray:
    """Give each label its colour: `h w` -> `h w 3` uint8. 255, void, is black.

    palette: an RGB colour in 0..255 for each class. Raises ValueError for
    labels that are not integers `h w` and for a label without a colour, which
    it names.
    """
    return color_table(labels, palette)[as_array(labels)]


def color_table(
    labels: Tensor | np.ndarray, palette: Palette = PALETTE
) -> np.ndarray:
    """The colours of the labels 0..255: `256 3`, black where there is none.

    Raises ValueError as `colorize` does.
    """
    labels = as_array(labels)
    if labels.ndim != 2 or labels.dtype.kind not in "iu":
        raise ValueError(
            "labels must be integers of shape h w, got "
            f"{labels.dtype} of shape {labels.shape}"
        )
    palette = as_array(palette)
    if (
        palette.ndim != 2
        or palette.shape[1] != 3
        or palette.dtype.kind not in "iu"
        or not 1 <= len(palette) <= VOID
        or not 0 <= palette.min() <= palette.max() <= 255
    ):
        raise ValueError(
            "palette must be integers in 0..255 of shape classes 3, for 1 to "
            f"{VOID} classes, got {palette.dtype} of shape {palette.shape}"
        )
    bad = (labels != VOID) & ((labels < 0) | (labels >= len(palette)))
    if bad.any():
        y, x = np.argwhere(bad)[0]
        raise ValueError(
            f"labels must be 0..{len(palette) - 1} or {VOID} (void), "
            f"got {labels[y, x]} at row {y}, column {x}"
        )
    table = np.zeros((VOID + 1, 3), dtype=np.uint8)
    table[: len(palette)] = palette
    table[VOID] = VOID_COLOR
    return table


def overlay(
    image: Tensor | np.ndarray,
    labels: Tensor | np.ndarray,
    alpha: float = 0.5,
    palette: Palette = PALETTE,
) -> np.ndarray:
    """Lay the labels' colours over the image: -> `h w 3` uint8.

    image: a tensor `3 h w` or an array `h w 3`, floats in 0..1 or uint8.
    labels: `h w`, with colours as in `colorize`. alpha: 0 gives the image, 1
    the colours. Raises ValueError for another alpha and where image and
    labels differ in size.
    """
    if not 0 <= alpha <= 1:
        raise ValueError(f"alpha must lie in 0..1, got {alpha}")
    picture = as_picture(image)
    if picture.ndim != 3:
        raise ValueError(f"image must have 3 channels, got {picture.shape}")
    colors = colorize(labels, palette)
    if picture.shape != colors.shape:
        raise ValueError(
            "image and labels must have one size, got "
            f"{picture.shape[:2]} and {colors.shape[:2]}"
        )
    scale = 1 if picture.dtype == np.uint8 else 255
    for row, color in zip(picture, colors, strict=True):  # to save memory
        mixed = (1 - alpha) * (row * scale).astype(np.float64) + alpha * color
        color[:] = np.rint(mixed)
    return colors


def palette_for(classes: int) -> np.ndarray:
    """Colours for so many classes, at most 255: `classes 3`, all different.

    The first are those of PALETTE. The hues of the others are turned by the
    golden ratio, so that neighbours differ, in three degrees of lightness.
    """
    degrees = ((1, 1), (0.45, 0.9), (0.75, 0.6))  # saturation and value
    more = [
        colorsys.hsv_to_rgb(k * 0.618034 % 1, *degrees[k % 3])
        for k in range(classes - len(PALETTE))
    ]
    others = np.rint(np.array(more).reshape(-1, 3) * 255).astype(np.uint8)
    return np.concatenate([PALETTE[:classes], others])


def as_array(x: Tensor | Palette) -> np.ndarray:
    return x.detach().cpu().numpy() if isinstance(x, Tensor) else np.asarray(x)


def as_picture(image: Tensor | np.ndarray) -> np.ndarray:
    """An image as matplotlib draws it: `h w 3`, or `h w` of any numbers.

    image: as for `overlay`, or a tensor `1 h w` or `h w`. Raises ValueError
    for another shape and for colours out of range.
    """
    array = as_array(image)
    expected = "h w or h w 3"
    if isinstance(image, Tensor):
        expected = "h w, 1 h w or 3 h w"
        if array.ndim == 3:
            array = np.moveaxis(array, 0, -1)
            if array.shape[-1] == 1:
                array = array[..., 0]
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[-1] != 3):
        raise ValueError(
            f"image must have shape {expected}, got {tuple(image.shape)}"
        )
    if array.ndim == 3 and array.dtype != np.uint8:
        low, high = float(array.min()), float(array.max())
        if not (low >= -1e-3 and high <= 1 + 1e-3):
            raise ValueError(
                "image must be uint8 or float in 0..1, got values from "
                f"{low:.3g} to {high:.3g}; was it normalized?"
            )
        array = array.clip(0, 1)
    return array
