"""Small picture files for the tests of what reads them."""

import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image


def picture(seed: int = 0, h: int = 6, w: int = 8, c: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (h, w, c), "uint8")


def save(path: Path, array, mode: str | None = None, **options) -> Path:
    """Save an array as a picture, turned into another of Pillow's modes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(np.asarray(array))
    (image if mode is None else image.convert(mode)).save(path, **options)
    return path


def save_palette(path: Path, numbers, colours) -> Path:
    """Save numbers with the colours in which they are shown."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(np.asarray(numbers, "uint8"))
    image.putpalette([level for colour in colours for level in colour])
    image.save(path)
    return path


def save_grey(path: Path, numbers, depth: int) -> Path:
    """Save numbers as a grey PNG of 1, 2, 4, 8 or 16 bits a pixel."""
    rows = b""
    for row in np.asarray(numbers):
        bits = "".join(format(number, f"0{depth}b") for number in row)
        bits += "0" * (-len(bits) % 8)
        rows += b"\0" + int(bits, 2).to_bytes(len(bits) // 8, "big")
    h, w = np.shape(numbers)
    header = struct.pack(">IIBBBBB", w, h, depth, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + b"".join(
            struct.pack(">I", len(data))
            + kind
            + data
            + struct.pack(">I", zlib.crc32(kind + data))
            for kind, data in chunks
        )
    )
    return path
