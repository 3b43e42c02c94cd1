"""Pictures for the book: one style, images in rows, a legend of classes."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from torch import Tensor

from ..predict.colors import PALETTE, Palette, as_picture, colorize

# Lines need more contrast on white than areas do: yellow is left out.
LINES = PALETTE[[4, 5, 2, 0, 6, 1]]
# The four stages have one colour each in the whole book, darker with depth.
STAGES = ("#f0962e", "#e0605e", "#c0399f", "#6a3fc9")
ROW_NAME = 0.3  # inches that a name takes at the left of a row


def use_book_style() -> None:
    """Set matplotlib's defaults to the book's.

    Sizes are for figures up to 6.5 inches wide, which a phone shows at half
    of that. Pictures have 180 pixels to the inch, and in a notebook they are
    shown at half of their pixels. There the stored PNG carries no version of
    matplotlib, so that it changes only when the picture does.
    """
    plt.rcParams.update(
        {
            "figure.figsize": (6.5, 3.6),
            "figure.dpi": 90,
            "savefig.dpi": 180,
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
        set_matplotlib_formats("retina", metadata={"Software": None})


def show_images(
    images: Sequence[Tensor | np.ndarray],
    titles: Sequence[str] | None = None,
    *,
    rows: Sequence[str] | None = None,
    columns: int | None = None,
    width: float | None = None,
    cmap: str = "viridis",
    vmin: float | None = None,
    vmax: float | None = None,
) -> Figure:
    """Draw images in rows, without axes, and return the figure.

    images: tensors `3 h w` or `1 h w` or arrays `h w 3`, floats in 0..1 or
    uint8; or `h w` of any numbers, drawn in the colours of `cmap` from `vmin`
    to `vmax` (each image's own range where they are None).
    titles: one for each image. columns: at most 4 by default.
    rows: a name for each row, at its left; the titles are then one for each
    column.
    width: of the figure in inches; without it 2.6 for each column, at most
    6.5.

    In a notebook, `plt.show()` shows the figure. Raises ValueError for another
    shape, values out of range, or another number of names than of what they
    name.
    """
    pictures = [as_picture(image) for image in images]
    if not pictures:
        raise ValueError("images must hold at least one image, got none")
    if columns is None:
        columns = min(len(pictures), 4)
    if columns < 1:
        raise ValueError(f"columns must be at least 1, got {columns}")
    if width is None:
        width = min(6.5, 2.6 * columns)
    lines = -(-len(pictures) // columns)
    titled = ("image", len(pictures)) if rows is None else ("column", columns)
    _check_names("titles", titles, *titled)
    _check_names("rows", rows, "row", lines)
    tallest = max(p.shape[0] / p.shape[1] for p in pictures)
    titles_high = 0 if titles is None else 0.3 * (lines if rows is None else 1)
    room = width - (0 if rows is None else ROW_NAME)
    figure, axes = plt.subplots(
        lines,
        columns,
        figsize=(width, lines * room / columns * tallest + titles_high),
        squeeze=False,
        layout="constrained",
    )
    pixels = room / columns * 2 * figure.dpi  # for one image
    for axis in axes.flat:
        axis.axis("off")
    for i, (axis, picture) in enumerate(zip(axes.flat, pictures, strict=False)):
        smaller = picture.shape[1] > pixels
        axis.imshow(
            picture,
            cmap=cmap,
            vmin=vmin,
            vmax=vmax,
            interpolation="antialiased" if smaller else "nearest",
        )
        if titles is not None and i < len(titles):
            axis.set_title(titles[i])
    for axis, name in zip(axes[:, 0], rows or [], strict=False):
        axis.set_axis_on()
        axis.set(xticks=[], yticks=[], ylabel=name)
        axis.spines[:].set_visible(False)
    return figure


def _check_names(
    kind: str, names: Sequence[str] | None, of: str, number: int
) -> None:
    """Raise ValueError unless each thing has its name, or none has one."""
    if names is not None and len(names) != number:
        raise ValueError(
            f"expected {number} {kind}, one for each {of}, got {len(names)}"
        )


def legend(
    where: Figure | Axes,
    classes: Sequence[str] | Mapping[int, str],
    palette: Palette = PALETTE,
    *,
    columns: int = 4,
) -> None:
    """Say which colour is which class, below a figure or inside its axis.

    classes: the names of classes 0, 1, ...; or a name for some numbers alone,
    among which 255 is void. palette: `k 3`, a colour in 0..255 for each class.

    A figure becomes higher, so that its images keep their size. Raises
    ValueError for a class without a colour.
    """
    names = dict(
        classes if isinstance(classes, Mapping) else enumerate(classes)
    )
    colors = colorize(np.array([list(names)]), palette)[0] / 255
    handles = [
        Patch(facecolor=color, label=name)
        for color, name in zip(colors, names.values(), strict=True)
    ]
    columns = min(columns, len(handles))
    if isinstance(where, Figure):
        rows = -(-len(handles) // columns)
        where.set_figheight(where.get_figheight() + 0.3 * rows)
    where.legend(
        handles=handles,
        ncols=columns,
        loc="outside lower center" if isinstance(where, Figure) else "best",
        handlelength=1,
        handleheight=1,
        columnspacing=1,
    )
