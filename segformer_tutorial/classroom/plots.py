"""Pictures for the book: one style, one set of colours, a few functions.

Two conventions meet here, as they do everywhere else: a tensor image is
`c h w` in 0..1, a NumPy image is `h w c`, as matplotlib draws it.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

if TYPE_CHECKING:
    from matplotlib.figure import Figure

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
# Lines need more contrast on white than areas do: yellow is left out.
LINES = PALETTE[[4, 5, 2, 0, 6, 1]]
VOID = 255  # the label of a pixel that does not count
VOID_COLOR = (0, 0, 0)


def use_book_style() -> None:
    """Set matplotlib's defaults to the book's.

    Sizes are for figures up to 6.5 inches wide, which a phone shows at half
    of that. In a notebook the stored PNG carries no version of matplotlib,
    so that it changes only when the picture does.
    """
    plt = _pyplot()
    plt.rcParams.update(
        {
            "figure.figsize": (6.5, 3.6),
            "figure.dpi": 90,
            "savefig.dpi": 90,
            "figure.facecolor": "white",
            "savefig.facecolor": "white",
            "figure.constrained_layout.use": True,
            "font.family": "DejaVu Sans",  # comes with matplotlib
            "font.size": 13,
            "axes.titlesize": 13,
            "axes.labelsize": 13,
            "xtick.labelsize": 12,
            "ytick.labelsize": 12,
            "legend.fontsize": 12,
            "legend.edgecolor": "none",
            "legend.framealpha": 0.9,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "grid.color": "#e3e6e8",
            "axes.axisbelow": True,
            "lines.linewidth": 2,
            "image.interpolation": "nearest",
            "axes.prop_cycle": plt.cycler(
                color=["#" + color.tobytes().hex() for color in LINES]
            ),
        }
    )
    try:
        from IPython import get_ipython
        from matplotlib_inline.backend_inline import set_matplotlib_formats
    except ImportError:  # not in a notebook
        return
    if get_ipython() is not None:
        set_matplotlib_formats("png", metadata={"Software": None})


def show_images(
    images: Sequence[Tensor | np.ndarray],
    titles: Sequence[str] | None = None,
    *,
    columns: int | None = None,
    width: float | None = None,
    cmap: str = "viridis",
    vmin: float | None = None,
    vmax: float | None = None,
) -> "Figure":
    """Draw images in rows, without axes, and return the figure.

    images: tensors `3 h w` or `1 h w` or arrays `h w 3`, floats in 0..1 or
    uint8; or `h w` of any numbers, drawn in the colours of `cmap` from `vmin`
    to `vmax` (each image's own range where they are None).
    width: of the figure in inches; without it 2.6 for each column, at most
    6.5. In a notebook, `plt.show()` shows the figure.
    Raises ValueError for another shape, values out of range, or another
    number of titles than of images.
    """
    pictures = [_picture(image) for image in images]
    if not pictures:
        raise ValueError("images must hold at least one image, got none")
    if titles is not None and len(titles) != len(pictures):
        raise ValueError(
            f"expected {len(pictures)} titles, one for each image, "
            f"got {len(titles)}"
        )
    if columns is None:
        columns = min(len(pictures), 4)
    if columns < 1:
        raise ValueError(f"columns must be at least 1, got {columns}")
    if width is None:
        width = min(6.5, 2.6 * columns)
    rows = -(-len(pictures) // columns)
    tallest = max(p.shape[0] / p.shape[1] for p in pictures)
    line = 0 if titles is None else 0.3
    figure, axes = _pyplot().subplots(
        rows,
        columns,
        figsize=(width, rows * (width / columns * tallest + line)),
        squeeze=False,
        layout="constrained",
    )
    room = width / columns * figure.dpi  # pixels for one image
    for axis in axes.flat:
        axis.axis("off")
    for i, (axis, picture) in enumerate(zip(axes.flat, pictures, strict=False)):
        smaller = picture.shape[1] > room
        axis.imshow(
            picture,
            cmap=cmap,
            vmin=vmin,
            vmax=vmax,
            interpolation="antialiased" if smaller else "nearest",
        )
        if titles is not None:
            axis.set_title(titles[i])
    return figure


def colorize(
    labels: Tensor | np.ndarray, palette: np.ndarray = PALETTE
) -> np.ndarray:
    """Give each label its colour: `h w` -> `h w 3` uint8. 255, void, is black.

    palette: `classes 3` uint8. Raises ValueError for labels that are not
    integers `h w` and for a label without a colour, which it names.
    """
    labels = _array(labels)
    if labels.ndim != 2 or labels.dtype.kind not in "iu":
        raise ValueError(
            "labels must be integers of shape h w, got "
            f"{labels.dtype} of shape {labels.shape}"
        )
    palette = _array(palette)
    if (
        palette.ndim != 2
        or palette.shape[1] != 3
        or palette.dtype != np.uint8
        or not 1 <= len(palette) <= VOID
    ):
        raise ValueError(
            f"palette must be uint8 of shape classes 3, 1 to {VOID} classes, "
            f"got {palette.dtype} of shape {palette.shape}"
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
    return table[labels]


def overlay(
    image: Tensor | np.ndarray,
    labels: Tensor | np.ndarray,
    alpha: float = 0.5,
    palette: np.ndarray = PALETTE,
) -> np.ndarray:
    """Lay the labels' colours over the image: -> `h w 3` uint8.

    image: as for `show_images`, but in colour; labels: `h w`.
    alpha: 0 gives the image, 1 the colours. Raises ValueError for another
    alpha and where image and labels differ in size.
    """
    if not 0 <= alpha <= 1:
        raise ValueError(f"alpha must lie in 0..1, got {alpha}")
    picture = _picture(image)
    if picture.ndim != 3:
        raise ValueError(f"image must have 3 channels, got {picture.shape}")
    colors = colorize(labels, palette)
    if picture.shape != colors.shape:
        raise ValueError(
            "image and labels must have one size, got "
            f"{picture.shape[:2]} and {colors.shape[:2]}"
        )
    if picture.dtype != np.uint8:
        picture = picture * 255
    mixed = (1 - alpha) * picture.astype(np.float64) + alpha * colors
    return np.rint(mixed).astype(np.uint8)


def sample_photo(size: int | None = None) -> Tensor:
    """The book's photo, cut to a square: float `3 size size` in 0..1.

    Without a size it is 512. The photo is the portrait of Grace Hopper that
    matplotlib ships: US Navy, in the public domain.
    """
    if size is not None and size < 1:
        raise ValueError(f"size must be at least 1, got {size}")
    _pyplot()
    from matplotlib.cbook import get_sample_data
    from PIL import Image

    with get_sample_data("grace_hopper.jpg") as file:
        photo = torch.from_numpy(np.array(Image.open(file).convert("RGB")))
    photo = photo.permute(2, 0, 1).float() / 255
    side = min(photo.shape[1:])
    photo = photo[:, :side, :side]  # the top: the face is there
    if size is not None and size != side:
        photo = F.interpolate(
            photo[None],
            (size, size),
            mode="bilinear",
            align_corners=False,
            antialias=True,
        )[0]
    return photo.clamp(0, 1).contiguous()


def _pyplot():
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            "plots need matplotlib: pip install matplotlib"
        ) from error
    return plt


def _array(x: Tensor | np.ndarray) -> np.ndarray:
    return x.detach().cpu().numpy() if isinstance(x, Tensor) else np.asarray(x)


def _picture(image: Tensor | np.ndarray) -> np.ndarray:
    """An image as matplotlib draws it: `h w 3` or `h w`."""
    array = _array(image)
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
