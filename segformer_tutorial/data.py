"""Pictures as the networks take them, and where the book's data is."""

import os
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

from torch import Tensor

ROOT = Path(__file__).resolve().parents[1]

# ImageNet's statistics, on the scale 0..255, as in the official configs.
MEAN = (123.675, 116.28, 103.53)
STD = (58.395, 57.12, 57.375)


def normalize(image: Tensor) -> Tensor:
    """From 0..1 to what the networks were trained on: `... 3 h w`, same shape.

    Subtracts ImageNet's mean and divides by its standard deviation, channel
    by channel. Raises ValueError for another shape and for integers.
    """
    if image.ndim < 3 or image.shape[-3] != 3:
        raise ValueError(
            f"image must have shape ... 3 h w, got {tuple(image.shape)}"
        )
    if not image.is_floating_point():
        raise ValueError(f"image must be float in 0..1, got {image.dtype}")
    mean = image.new_tensor(MEAN)[:, None, None]
    std = image.new_tensor(STD)[:, None, None]
    return (image * 255 - mean) / std


def data_folder(path: str | os.PathLike | None = None) -> Path:
    """The folder `data` of the repository, or `path` where one is given.

    The data belongs to the repository and not to the installed package, so
    it is found from a clone (in Colab, the first cell of a chapter makes
    one). Raises FileNotFoundError that says where to get it.
    """
    if path is not None:
        folder = Path(path)
        if folder.is_dir():
            return folder
        raise FileNotFoundError(f"{folder} is not a folder")
    # Beside an installed package lies somebody else's `data`, if any.
    if (ROOT / "pyproject.toml").is_file() and (ROOT / "data").is_dir():
        return ROOT / "data"
    raise FileNotFoundError(
        "the data is not part of the installed package: get it with "
        f"`git clone --depth 1 {_repository()}`, and give its path, or "
        "install from there with `pip install -e .`"
    )


def _repository() -> str:
    """The address in the package's metadata."""
    try:
        urls = metadata("segformer-tutorial").get_all("Project-URL") or []
    except PackageNotFoundError:  # the files were copied
        urls = []
    named = dict(url.split(", ", 1) for url in urls)
    return named.get("Homepage", "the book's repository")
