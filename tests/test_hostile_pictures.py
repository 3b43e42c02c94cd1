"""Pictures that are broken or mean harm: named, and the others are labelled."""

import io
import os
import pickle
import random
import re
import struct
import sys
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("torchvision")
pytest.importorskip("safetensors")
import numpy as np
from labelling import check_whole, label, results, shares, write_weights
from pictures import picture
from PIL import EpsImagePlugin, Image

from segformer_tutorial.predict.terminal import printable

FORMATS = {
    "png": "PNG",
    "jpg": "JPEG",
    "gif": "GIF",
    "bmp": "BMP",
    "tif": "TIFF",
    "webp": "WEBP",
    "ppm": "PPM",
    "tga": "TGA",
}
GOOD = {"good-first.png", "zz-good-last.jpg"}


@pytest.fixture
def weights(trained, tmp_path):
    return write_weights(trained, tmp_path / "model.safetensors")


@pytest.fixture
def folder(tmp_path):
    """A folder of pictures with two good ones, before and after all others."""
    path = tmp_path / "photos"
    path.mkdir()
    for name in GOOD:
        Image.fromarray(picture(1, 33, 40)).save(path / name)
    return path


@pytest.fixture
def outcome(folder, weights, tmp_path, capsys):
    """Run the command on the folder: what is labelled, what is skipped.

    Each picture is one or the other, and nothing is left half done.
    """

    def running(*flags) -> tuple[set[str], dict[str, str]]:
        out = tmp_path / "out"
        flags = (folder, "--overwrite", *flags)
        status = label(*flags, weights=weights, out=out)
        err = capsys.readouterr().err
        assert "Traceback" not in err
        given = {
            x.name
            for x in folder.iterdir()
            if not x.is_dir() and not x.name.startswith(".")
        }
        assert err.replace("\r", "\n").replace("\n", "").isprintable()
        shown = {printable(name): name for name in given}
        skipped = {
            shown[name.removeprefix(f"{folder}{os.sep}")]: reason
            for name, reason in re.findall(r"skipped: (.*?): (.*)", err)
        }
        labelled = {Path(x["picture"]).name for x in shares(out)}
        assert labelled | skipped.keys() == given
        assert not labelled & skipped.keys()
        assert labelled >= GOOD
        assert status == (1 if skipped else 0)
        assert len(results(out)) == 2 * len(labelled) + 1
        assert not any(".tmp" in name for name in results(out))
        check_whole(out)
        return labelled, skipped

    return running


def encoded(name: str, seed: int = 0, size=(40, 48)) -> bytes:
    file = io.BytesIO()
    image = Image.fromarray(picture(seed, *size))
    image.save(file, FORMATS[name])
    return file.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    check = struct.pack(">I", zlib.crc32(kind + data))
    return struct.pack(">I", len(data)) + kind + data + check


def png(width: int, height: int, *chunks: bytes) -> bytes:
    """A PNG whose header claims any size, and which may hold anything."""
    header = chunk(
        b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    )
    data = chunk(b"IDAT", zlib.compress(bytes(100)))
    end = chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join((header, *chunks, data, end))


def test_truncated(folder, outcome):
    """64 files that end too early."""
    must = set()
    for extension in FORMATS:
        whole = encoded(extension)
        for k in range(8):
            length = 1 + len(whole) * k // 8
            name = f"{k}.{extension}-{k}.{extension}"
            (folder / name).write_bytes(whole[:length])
            if extension in ("png", "jpg", "bmp", "webp", "ppm"):
                must.add(name)
    _, skipped = outcome()
    assert must <= skipped.keys()


def test_damaged(folder, outcome):
    """80 files with wrong bytes: some decoders notice, some do not."""
    noise = random.Random(0)
    for extension in FORMATS:
        for seed in range(10):
            data = bytearray(encoded(extension, seed))
            for _ in range(1 + seed * 3):
                # Half of the damage to the header.
                end = 64 if seed % 2 else len(data)
                data[noise.randrange(end)] = noise.randrange(256)
            (folder / f"{extension}-{seed}.{extension}").write_bytes(data)
    _, skipped = outcome("--short-side", "64")
    assert skipped


def zipped() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("photo.png", encoded("png"))
    return file.getvalue()


STRANGERS = {
    "empty": b"",
    "text": b"this is no picture\n",
    "zip": zipped(),
    "page": b"<!DOCTYPE html><script>alert(1)</script>",
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg"><script/></svg>',
    "program": b"\x7fELF\x02\x01\x01" + bytes(60),
    "script": b"#!/bin/sh\ntouch harm\n",
    "pickle": pickle.dumps({"a": 1}),
    "zeros": bytes(4096),
    "noise": random.Random(0).randbytes(4096),
    "signature": b"\x89PNG\r\n\x1a\n",
    "pdf": b"%PDF-1.4\n%%EOF\n",
}


def test_files_of_another_kind(folder, outcome):
    """48 of them under the names of pictures."""
    for kind, data in STRANGERS.items():
        for extension in ("png", "jpg", "gif", "tif"):
            (folder / f"{kind}.{extension}").write_bytes(data)
    labelled, skipped = outcome()
    assert labelled == GOOD
    assert "is empty" in skipped["empty.png"]
    assert "is no picture that Pillow knows" in skipped["zip.png"]


BOMBS = {
    "wide.png": png(2**31 - 1, 1),
    "square.png": png(65535, 65535),
    "almost.png": png(16385, 16384),
    "text.png": png(
        8, 8, chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(2**27), 1))
    ),
    "profile.png": png(
        8, 8, chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(2**27), 1))
    ),
    "large.gif": b"GIF89a" + struct.pack("<HHBBB", 65535, 65535, 0, 0, 0),
    "large.bmp": b"BM"
    + struct.pack("<IHHI", 54, 0, 0, 54)
    + struct.pack("<IiiHHIIiiII", 40, 99999, 99999, 1, 24, 0, 0, 0, 0, 0, 0),
    "large.ppm": b"P6 99999 99999 255\n" + bytes(99),
    "large.tga": bytes(2)
    + b"\x02"
    + bytes(9)
    + struct.pack("<HHBB", 65535, 65535, 24, 0),
    "nothing.png": png(0, 0),
    "line.png": png(0, 9),
}


def test_bombs(folder, outcome):
    """Small files that claim to be huge pictures are not unpacked."""
    for name, data in BOMBS.items():
        (folder / name).write_bytes(data)
    labelled, skipped = outcome()
    assert labelled == GOOD
    assert "268,435,456 pixels expected" in skipped["square.png"]
    assert "16384 x 16385" in skipped["almost.png"]


def test_picture_that_is_too_much_for_the_network(folder, outcome):
    """A file of 17 kB whose 17 million pixels are real."""
    Image.new("1", (4128, 4096)).save(folder / "large.png")
    _, skipped = outcome()
    assert "4096 x 4128 pixels (h x w) at once" in skipped["large.png"]


def test_mislabelled(folder, outcome):
    """What a file holds counts, not what it is called."""
    kinds = list(FORMATS)
    names = set()
    for kind, other in zip(kinds, kinds[1:] + kinds[:1], strict=True):
        if kind != "tga":  # it has no signature
            name = f"{kind}-as.{other}"
            (folder / name).write_bytes(encoded(kind))
            names.add(name)
    labelled, skipped = outcome()
    assert labelled == GOOD | names and not skipped


@pytest.mark.parametrize("extension", ["gif", "png", "webp", "tif"])
def test_first_picture_of_several(folder, outcome, tmp_path, extension):
    frames = [Image.new("RGB", (40, 40), c) for c in ("red", "lime", "blue")]
    more = {"save_all": True, "append_images": frames[1:]}
    frames[0].save(folder / f"moving.{extension}", lossless=True, **more)
    frames[0].save(folder / "still.png")
    labelled, _ = outcome()
    assert f"moving.{extension}" in labelled
    found = [
        np.array(Image.open(tmp_path / "out" / "labels" / f"{name}.png"))
        for name in ("moving", "still")
    ]
    assert (found[0] == found[1]).all()


@pytest.mark.parametrize("disguise", ["program.eps", "program.png"])
def test_programs_are_not_run(folder, outcome, monkeypatch, disguise):
    """Pillow would hand PostScript to Ghostscript."""

    def run(*arguments, **options):
        raise AssertionError("was run")

    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", run)
    file = io.BytesIO()
    Image.new("RGB", (40, 40)).save(file, "eps")
    (folder / disguise).write_bytes(file.getvalue())
    _, skipped = outcome()
    assert "is EPS, a program" in skipped[disguise]


class Harm:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_arrays(folder, outcome, tmp_path):
    """No pickle is opened, and no shape is guessed."""
    harm = tmp_path / "harm"
    np.save(folder / "object.npy", np.array([Harm(harm)], dtype=object))
    np.save(folder / "shape.npy", np.zeros((3, 40, 40), "uint8"))
    np.save(folder / "float.npy", np.full((40, 40, 3), np.nan))
    np.savez(folder / "archive", np.zeros((40, 40, 3), "uint8"))
    (folder / "archive.npz").rename(folder / "archive.npy")
    (folder / "pickle.npy").write_bytes(pickle.dumps(Harm(harm)))
    header = "{'descr': '|u1', 'fortran_order': False, 'shape': (9**9, 9, 3)}"
    (folder / "code.npy").write_bytes(
        b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode()
    )
    labelled, skipped = outcome()
    assert labelled == GOOD and len(skipped) == 6
    assert not harm.exists()


@pytest.mark.parametrize(
    "size", [(1, 1), (1, 5000), (5000, 1), (2, 3), (31, 33), (1, 33)]
)
def test_sizes(folder, outcome, tmp_path, size):
    """h x w; the labels have the size of the picture, however thin."""
    Image.fromarray(picture(0, *size)).save(folder / "thin.png")
    labelled, _ = outcome("--outputs", "labels", "overlays", "shares")
    assert "thin.png" in labelled
    with Image.open(tmp_path / "out" / "labels" / "thin.png") as image:
        assert image.size == size[::-1]


MODES: dict[str, Callable] = {
    "1": lambda x: x.convert("1"),
    "L": lambda x: x.convert("L"),
    "LA": lambda x: x.convert("LA"),
    "P": lambda x: x.quantize(16),
    "RGBA": lambda x: x.convert("RGBA"),
    "CMYK": lambda x: x.convert("CMYK"),
    "YCbCr": lambda x: x.convert("YCbCr"),
    "RGBX": lambda x: x.convert("RGBX"),
    "I;16": lambda x: Image.fromarray(
        np.array(x.convert("L")).astype("uint16") * 257
    ),
    "I": lambda x: Image.fromarray(
        np.array(x.convert("L")).astype("int32") * 257
    ),
}


def test_modes(folder, outcome):
    """Grey, palette, transparent, 16 bits, print colours."""
    image = Image.fromarray(picture(0, 40, 40))
    for mode, change in MODES.items():
        changed = change(image)
        name = mode.replace(";", "-")
        # Pillow 11 writes such a TIFF, but does not read it again.
        ending = "jpg" if mode == "YCbCr" else "tif"
        changed.save(folder / f"{name}.{ending}")
        if mode in ("P", "L"):
            changed.save(folder / f"{name}-clear.png", transparency=0)
    labelled, skipped = outcome()
    assert not skipped and len(labelled) == 2 + len(MODES) + 2


NAMES = [
    "with space.png",
    "木.png",
    "e\u0301.png",
    "-rf.png",
    "%s%n{0}.png",
    "[x].png",
    "=1+1.png",
    "a,b;c.png",
    "$(touch harm).png",
    "&.png",
    "x" * 200 + ".png",
    "no.more.dots..png",
]
NOT_ON_WINDOWS = [
    'quote".png',
    "new\nline.png",
    "back\\slash.png",
    "tab\t.png",
    "star*?.png",
    "\x1b[31mred.png",
]


@pytest.mark.parametrize("broken", [False, True])
def test_names(folder, outcome, tmp_path, broken, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = NAMES + (NOT_ON_WINDOWS if os.name != "nt" else [])
    for name in names:
        if not broken:
            Image.fromarray(picture(0, 33, 33)).save(folder / name, "png")
        else:
            (folder / name).write_text("no picture")
    labelled, skipped = outcome()
    assert len(skipped if broken else labelled - GOOD) == len(names)
    assert not (tmp_path / "harm").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="names are text elsewhere")
def test_names_that_are_no_text(folder, weights, tmp_path, capsys):
    name = os.fsencode(folder) + b"/\xff\xfe.png"
    with open(name, "wb") as file:
        file.write(encoded("png"))
    with open(os.fsencode(folder) + b"/\xfd.png", "wb") as file:
        file.write(b"no picture")
    out = tmp_path / "out"
    assert label(folder, weights=weights, out=out) == 1
    assert r"\udcfd.png: cannot be read" in capsys.readouterr().err
    assert os.path.exists(os.fsencode(out) + b"/labels/\xff\xfe.png")
    assert not os.path.exists(os.fsencode(out) + b"/labels/\xfd.png")
    assert r"\udcff\udcfe.png" in (out / "shares.csv").read_text()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such files")
def test_things_that_are_no_regular_files(folder, outcome, tmp_path):
    (folder / "folder.png").mkdir()
    os.mkfifo(folder / "pipe.png")  # to read it would wait for ever
    (folder / "loop.png").symlink_to("loop.png")
    (folder / "broken.png").symlink_to("nowhere.png")
    (folder / "device.png").symlink_to("/dev/zero")
    (folder / "link.png").symlink_to("good-first.png")
    labelled, skipped = outcome()
    assert labelled == GOOD | {"link.png"}
    assert "not a regular file" in skipped["pipe.png"]
    assert "not a regular file" in skipped["device.png"]
    assert "no such file" in skipped["broken.png"]


@pytest.mark.skipif(
    os.name == "nt" or os.geteuid() == 0, reason="may read everything"
)
def test_picture_that_may_not_be_read(folder, outcome):
    (folder / "secret.png").write_bytes(encoded("png"))
    (folder / "secret.png").chmod(0)
    assert "Permission denied" in outcome()[1]["secret.png"]
