"""A file becomes a tensor: pictures, and label files as numbers or colours."""

import os
import threading
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

VOID = 255  # the label of a pixel that does not count
MAX_PIXELS = 2**28  # a larger picture is more likely a mistake, or an attack
Colour = tuple[int, int, int]  # red, green, blue
LOSSY = ("JPEG", "MPO", "JPEG2000", "WEBP")
OPEN = threading.Lock()


class DataError(ValueError):
    """A picture or a label file that cannot be used: says which and why."""


def read_image(path: str | os.PathLike, *, channels: int = 3) -> Tensor:
    """Read a picture: `channels h w` in 0..255, uint8.

    Three channels are RGB: grey and palette pictures become RGB, and
    transparency is dropped. One channel is grey. Any other number is that of
    the bands in the file, which are taken as they are (4: RGBA or CMYK). An
    array from a .npy file, `h w channels` of uint8 or uint16, is never
    converted. 16 bits become 8, and a photo is turned upright as its EXIF
    orientation says. Raises DataError.
    """
    if Path(path).suffix.lower() == ".npy":
        return _read_array(path, channels)
    image, _, _, bands = _decode(path)
    if image.mode.startswith("I") and channels in (1, 3):
        # Pillow would clip 16 bits, not scale them.
        grey = torch.from_numpy(_numpy(image).astype("float64"))
        if grey.min() < 0 or grey.max() > 65535:
            raise DataError(
                f"{path}: grey values must be in 0..65535, "
                f"got {grey.min():g} to {grey.max():g}"
            )
        grey = (grey / 257).round().to(torch.uint8)
        return grey.expand(channels, -1, -1).clone()
    if image.mode == "F":
        raise DataError(f"{path}: a picture of integers expected, got floats")
    image.info.pop("transparency", None)  # Pillow would warn of a palette's
    if channels == 3:
        image = image.convert("RGB")
    elif channels == 1:
        return torch.from_numpy(_numpy(image.convert("L")))[None]
    elif image.mode not in ("LA", "RGB", "RGBA", "CMYK") or not (
        channels == bands == len(image.getbands())
    ):
        raise DataError(
            f"{path}: {channels} channels of 8 bits expected, got {bands} "
            f"({image.mode}); bands that Pillow does not read can be given as "
            "an array h w c of uint8 or uint16 in a .npy file"
        )
    return torch.from_numpy(_numpy(image)).permute(2, 0, 1)


def read_labels(path: str | os.PathLike) -> Tensor:
    """Read a label file, one number a pixel: `h w`, uint8. Raises DataError.

    The numbers are those that the file stores: not the colours in which a
    palette shows them, nor the grey levels to which Pillow scales 1, 2 and 4
    bits. 16 and 32 bits are read up to 255, and the colours of a file that is
    grey throughout are its numbers.
    """
    return LabelFile(path).numbers()


class LabelFile:
    """A label file, decoded: what it stores, as numbers and as colours.

    Raises DataError for a file that is not a picture, and for formats that
    do not keep every pixel as it was.
    """

    def __init__(self, path: str | os.PathLike):
        self.path = path
        self.image, form, self.stored, _ = _decode(path)
        if form in LOSSY:
            raise DataError(
                f"{path}: labels must be PNG, got {form}, which may change "
                "numbers where two classes meet; export the labels again as "
                "PNG (renaming or converting this file does not undo it)"
            )
        self._check()

    @property
    def in_colour(self) -> bool:
        """Does the file store a colour for each pixel, and not a number?"""
        return self.image.mode in ("RGB", "RGBA")

    @property
    def palette(self) -> list[Colour]:
        """The colours in which a palette shows the numbers, or none."""
        if self.image.mode != "P":
            return []
        levels = self.image.getpalette() or []
        return list(zip(*(levels[k::3] for k in range(3)), strict=False))

    def numbers(self) -> Tensor:
        """One number a pixel: `h w`, uint8. Raises DataError."""
        pixels, mode = _numpy(self.image), self.image.mode
        if self.in_colour:
            r, g, b = (pixels[..., k] for k in range(3))
            if (r != g).any() or (g != b).any():
                raise DataError(
                    f"{self.path}: labels must have one number a pixel, got "
                    f"colours (mode {mode}); they can be read if classes.txt "
                    "gives each class its colour: name r g b"
                )
            pixels = r
        elif mode in ("LA", "PA"):
            pixels = pixels[..., 0]
        elif mode.startswith("I"):
            if pixels.min() < 0 or pixels.max() > 255:
                raise DataError(
                    f"{self.path}: labels must be in 0..255, got "
                    f"{pixels.min()} to {pixels.max()} (mode {mode})"
                )
        elif mode not in ("1", "L", "P"):
            raise DataError(
                f"{self.path}: labels must have one number of 8 bits a pixel, "
                f"got mode {mode}"
            )
        levels = {";2": 85, ";4": 17}.get(self.stored[1:3])
        if mode == "L" and levels:
            pixels = pixels // levels
        return torch.from_numpy(pixels.astype("uint8", copy=False))

    def colours(self) -> Tensor:
        """The colour in which each pixel is shown: `h w 3`, uint8."""
        if self.image.mode not in ("1", "L", "P", "LA", "PA", "RGB", "RGBA"):
            raise DataError(
                f"{self.path}: labels must be colours of 8 bits a channel, got "
                f"mode {self.image.mode}"
            )
        self.image.info.pop("transparency", None)
        return torch.from_numpy(_numpy(self.image.convert("RGB")))

    def _check(self) -> None:
        """Refuse what numbers and colours do not say.

        What a transparent pixel means is unknown, and of 16 bits of a colour
        Pillow reads 8.
        """
        mode = self.image.mode
        if ";16" in self.stored and not mode.startswith("I"):
            raise DataError(
                f"{self.path}: labels must have 8 bits a channel, got 16"
            )
        if mode not in ("LA", "PA", "RGBA"):
            return
        clear = _numpy(self.image.getchannel("A")) < 255
        if clear.any():
            row, column = divmod(int(clear.argmax()), clear.shape[1])
            raise DataError(
                f"{self.path}: labels must be opaque, got a transparent pixel "
                f"at row {row}, column {column} ({clear.sum()} in all); save "
                "the labels without an alpha channel"
            )


class _Decoded(NamedTuple):
    image: Any  # of Pillow, upright
    format: str
    stored: str  # how the file packs its pixels: Pillow's raw mode
    bands: int  # in the file, of which Pillow may read fewer


def _decode(path: str | os.PathLike) -> _Decoded:
    """Open and decode a picture with Pillow, or raise DataError."""
    try:
        from PIL import Image, ImageOps, UnidentifiedImageError
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "reading pictures needs Pillow: pip install pillow"
        ) from error
    try:
        with OPEN:  # Pillow's own limit is global, and lower
            limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
            try:
                image = Image.open(path)
            finally:
                Image.MAX_IMAGE_PIXELS = limit
        with image:
            if image.format == "EPS":  # whatever the file's name says
                raise DataError(
                    f"{path}: is EPS, a program that would have to be run; "
                    "convert it to PNG"
                )
            _check_size(path, image.height, image.width)
            tile = image.tile[0][3] if image.tile else image.mode
            stored = tile if isinstance(tile, str) else str(tile[0])
            tags = getattr(image, "tag_v2", {})
            bands = tags.get(277, len(image.getbands()))  # samples a pixel
            upright = ImageOps.exif_transpose(image)  # this decodes it
            return _Decoded(upright, image.format or "", stored, bands)
    except DataError:
        raise
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file") from None
    except UnidentifiedImageError:
        empty = os.path.getsize(path) == 0
        what = "is empty" if empty else "is no picture that Pillow knows"
        raise DataError(f"{path}: cannot be read: the file {what}") from None
    except Exception as error:  # decoders meet broken bytes in many ways
        reason = str(error) or type(error).__name__
        raise DataError(
            f"{path}: cannot be read as a picture: {reason}"
        ) from error


def _read_array(path: str | os.PathLike, channels: int) -> Tensor:
    """An array `h w c` (or `h w` for one channel) from a .npy file."""
    import numpy as np

    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file") from None
    except Exception as error:
        raise DataError(
            f"{path}: cannot be read as an array: {error}"
        ) from error
    if not isinstance(array, np.ndarray):
        raise DataError(f"{path}: one array expected, got an archive (.npz)")
    shape, kind = array.shape, array.dtype
    if array.ndim == 2 and channels == 1:
        array = array[..., None]
    if array.ndim != 3 or array.shape[2] != channels:
        first = array.ndim == 3 and array.shape[0] == channels
        raise DataError(
            f"{path}: an array h w c with c = {channels} expected, got shape "
            f"{shape}" + ("; its channels stand first" if first else "")
        )
    _check_size(path, *array.shape[:2])
    if (kind.kind, kind.itemsize) == ("u", 2):  # in either order of bytes
        array = (array / 257).round()
    elif kind != np.uint8:
        raise DataError(f"{path}: uint8 or uint16 expected, got {kind}")
    array = array.transpose(2, 0, 1).astype(np.uint8, order="C")
    return torch.from_numpy(array)


def _check_size(path: str | os.PathLike, height: int, width: int) -> None:
    if not 0 < height * width <= MAX_PIXELS:
        raise DataError(
            f"{path}: a picture of 1 to {MAX_PIXELS:,} pixels expected, got "
            f"{height} x {width} (h x w)"
        )


def _numpy(image):
    import numpy as np

    return np.array(image)  # a copy, which may be written to
