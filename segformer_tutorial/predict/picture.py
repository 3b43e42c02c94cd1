"""A picture in the forms that people have it in becomes a tensor."""

import os
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from ..data import read_image

TOLERANCE = 1e-3  # around 0..1, because resizing rounds


def picture_tensor(picture: Any, *, channels: int = 3) -> Tensor:
    """Return a picture as `c h w`, or several as `b c h w`, on the CPU.

    picture: the path of a file, a PIL picture, a NumPy array `h w c` or, for
    a grey one, `h w`, or a tensor `c h w` or `b c h w`. Its values are uint8,
    or floats in 0..1, which become float32. Grey files, PIL pictures and
    arrays are repeated where 3 channels are expected. Raises TypeError for
    anything else, ValueError for other values and shapes, and DataError for a
    file that cannot be read.
    """
    if isinstance(picture, str | os.PathLike):
        return read_image(picture, channels=channels)
    if isinstance(picture, Image.Image):
        images = from_pil(picture, channels)
    elif isinstance(picture, np.ndarray):
        images = from_array(picture, channels)
    elif isinstance(picture, Tensor):
        images = picture.detach().as_subclass(Tensor).cpu()
    else:
        raise TypeError(
            "picture must be a path, a PIL picture, an array or a tensor, "
            f"got {type(picture).__name__}"
        )
    if images.is_floating_point():
        images = images.float()
    check_picture(images, channels)
    return images


def from_pil(image: Image.Image, channels: int) -> Tensor:
    """A PIL picture as `c h w`, turned as its EXIF orientation says."""
    image = ImageOps.exif_transpose(image)
    if image.mode[0] in "IF":  # as RGB, Pillow would clip and not scale them
        raise ValueError(
            f"a PIL picture must have 8 bits a channel, got mode {image.mode}; "
            "a file with 16 bits can be given as its path"
        )
    image.info.pop("transparency", None)  # dropped, as in read_image
    if channels in (1, 3):
        image = image.convert("L" if channels == 1 else "RGB")
    return from_array(np.array(image), channels)


def from_array(array: np.ndarray, channels: int) -> Tensor:
    """An array `h w c` or `h w` as `c h w`."""
    if array.ndim == 2 and channels in (1, 3):
        array = np.repeat(array[..., None], channels, axis=2)
    if array.ndim != 3 or array.shape[2] != channels:
        grey = " or h w" if channels in (1, 3) else ""
        raise ValueError(
            f"an array must be h w c{grey} with c = {channels}, "
            f"got shape {array.shape}"
        )
    if np.issubdtype(array.dtype, np.floating):
        array = array.astype(np.float32)
    elif array.dtype != np.uint8:
        raise ValueError(expected(array.dtype))
    return torch.from_numpy(array.transpose(2, 0, 1).copy())


def check_picture(images: Tensor, channels: int) -> None:
    """Raise ValueError for a shape or for values that no picture has."""
    if images.ndim not in (3, 4) or images.shape[-3] != channels:
        raise ValueError(
            f"a tensor must be c h w or b c h w with c = {channels}, "
            f"got shape {tuple(images.shape)}"
        )
    if not images.numel():
        raise ValueError(f"picture is empty: shape {tuple(images.shape)}")
    if images.dtype == torch.uint8:
        return
    if not images.is_floating_point():
        raise ValueError(expected(images.dtype))
    low, high = (value.item() for value in images.aminmax())
    if not (low >= -TOLERANCE and high <= 1 + TOLERANCE):  # nan is neither
        raise ValueError(
            expected(f"{images.dtype} with values in {low:g}..{high:g}")
        )


def expected(found: Any) -> str:
    return (
        "picture must be uint8, or floats in 0..1 that are not normalised "
        f"yet, got {found}"
    )
