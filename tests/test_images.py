"""A picture file becomes the right tensor, or an error that names it."""

import warnings

import pytest
import torch

pytest.importorskip("numpy")
pytest.importorskip("PIL")
import numpy as np
from pictures import picture, save, save_grey, save_palette
from PIL import Image

from segformer_tutorial.data import DataError, images, read_image, read_labels


def same(image: torch.Tensor, array) -> bool:
    """Is `c h w` the array `h w c`?"""
    return torch.equal(image.permute(1, 2, 0), torch.from_numpy(array.copy()))


@pytest.mark.parametrize("mode", ["RGBA", "L", "P", "LA", "CMYK", "1"])
def test_any_mode_becomes_rgb(tmp_path, mode):
    ending = "tif" if mode == "CMYK" else "png"
    path = save(tmp_path / f"x.{ending}", picture(), mode)
    expected = np.array(Image.fromarray(picture()).convert(mode).convert("RGB"))
    image = read_image(path)
    assert image.shape == (3, 6, 8) and image.dtype == torch.uint8
    assert same(image, expected)


def test_transparency_is_dropped(tmp_path):
    colour = picture()
    alpha = np.arange(48, dtype="uint8").reshape(6, 8, 1)
    path = save(tmp_path / "x.png", np.concatenate([colour, alpha], 2))
    assert same(read_image(path), colour)


def test_transparent_palette(tmp_path):
    """Pillow would warn, and warnings are errors here."""
    image = Image.fromarray(np.array([[0, 1]], "uint8"))
    image.putpalette([9, 8, 7, 6, 5, 4])
    image.save(tmp_path / "x.png", transparency=b"\x00\x7f")
    expected = np.array([[[9, 8, 7], [6, 5, 4]]], "uint8")
    assert same(read_image(tmp_path / "x.png"), expected)


def test_16_bits_are_scaled_not_clipped(tmp_path):
    grey = np.array([[0, 257, 30_000, 65_535]], "uint16")
    path = save(tmp_path / "x.png", grey)
    assert read_image(path)[:, 0].tolist() == [[0, 1, 117, 255]] * 3
    assert read_image(path, channels=1)[:, 0].tolist() == [[0, 1, 117, 255]]


def test_photo_is_turned_as_the_camera_noted(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by a quarter, clockwise
    path = save(tmp_path / "x.png", picture(), exif=exif)
    assert same(read_image(path), np.rot90(picture(), -1))


# Other numbers of channels --------------------------------------------------


def test_grey(tmp_path):
    path = save(tmp_path / "x.png", picture())
    expected = np.array(Image.fromarray(picture()).convert("L"))[..., None]
    assert same(read_image(path, channels=1), expected)


@pytest.mark.parametrize(
    ("name", "mode", "channels"),
    [("x.png", "RGBA", 4), ("x.tif", "CMYK", 4), ("x.png", "LA", 2)],
)
def test_bands_as_they_are(tmp_path, name, mode, channels):
    image = Image.fromarray(picture(c=4)).convert(mode)
    image.save(tmp_path / name)
    read = read_image(tmp_path / name, channels=channels)
    assert same(read, np.array(image))


@pytest.mark.parametrize(
    ("mode", "channels", "words"),
    [
        ("RGB", 4, r"x\.png: 4 channels .*expected, got 3 \(RGB\).*\.npy"),
        ("RGBA", 5, r"5 channels .*expected, got 4 \(RGBA\)"),
        ("P", 2, r"2 channels .*expected, got 1 \(P\)"),
    ],
)
def test_other_bands_are_refused(tmp_path, mode, channels, words):
    path = save(tmp_path / "x.png", picture(), mode)
    with pytest.raises(DataError, match=words):
        read_image(path, channels=channels)


def test_bands_that_pillow_drops_are_noticed(tmp_path):
    """Four bands of which the last is no alpha: Pillow gives three."""
    image = Image.frombytes("RGBX", (8, 6), picture(c=4).tobytes())
    image.save(tmp_path / "x.tif")
    assert same(read_image(tmp_path / "x.tif"), picture(c=4)[..., :3])
    with pytest.raises(DataError, match=r"4 channels .* got 4 \(RGB"):
        read_image(tmp_path / "x.tif", channels=4)


def test_arrays(tmp_path):
    path = tmp_path / "x.npy"
    for channels in (1, 3, 7):
        np.save(path, picture(c=channels))
        assert same(read_image(path, channels=channels), picture(c=channels))
    np.save(path, picture(c=1)[..., 0])
    assert same(read_image(path, channels=1), picture(c=1))
    for order in "<>":
        numbers = np.array([[[0, 257], [30_000, 65_535]]], f"{order}u2")
        np.save(path, numbers)
        assert read_image(path, channels=2).tolist() == [[[0, 117]], [[1, 255]]]


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (picture(c=4), r"h w c with c = 5 expected, got shape \(6, 8, 4\)$"),
        (picture(h=5, c=4), r"got shape \(5, 8, 4\); its channels stand first"),
        (picture()[..., 0], r"got shape \(6, 8\)"),
        (picture(c=5) / 255, "uint8 or uint16 expected, got float64"),
        (picture(c=5).astype(bool), "uint8 or uint16 expected, got bool"),
        (np.zeros((0, 8, 5), "uint8"), "x.npy: "),
        (np.array([None]), "cannot be read as an array"),
    ],
)
def test_other_arrays_are_refused(tmp_path, array, words):
    np.save(tmp_path / "x.npy", array)
    with pytest.raises(DataError, match=words):
        read_image(tmp_path / "x.npy", channels=5)


def test_broken_arrays_are_named(tmp_path):
    path = tmp_path / "x.npy"
    np.save(path, picture())
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(DataError, match="x.npy: cannot be read as an array"):
        read_image(path)
    np.savez(tmp_path / "x.npz", picture())
    (tmp_path / "x.npz").rename(path)
    with pytest.raises(DataError, match="x.npy: one array expected"):
        read_image(path)
    with pytest.raises(DataError, match="no such file"):
        read_image(tmp_path / "nowhere.npy")


# Broken and large files -----------------------------------------------------


@pytest.mark.parametrize("read", [read_image, read_labels])
def test_broken_files_are_named(tmp_path, read):
    path = save(tmp_path / "x.png", picture()[..., 0])
    whole = path.read_bytes()
    for content in (whole[:50], whole[:80], b"a text", b"\x89PNG\r\n\x1a\n"):
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"x\.png: cannot be read"):
            read(path)
    path.write_bytes(b"")
    with pytest.raises(DataError, match=r"x\.png: .*the file is empty"):
        read(path)
    with pytest.raises(DataError, match=r"nowhere\.png: there is no such"):
        read(tmp_path / "nowhere.png")
    with pytest.raises(DataError, match="cannot be read"):
        read(tmp_path)


@pytest.mark.parametrize("ending", ["png", "jpg", "tif", "webp", "bmp"])
def test_damaged_bytes_never_escape_as_other_errors(tmp_path, ending):
    path = save(tmp_path / f"x.{ending}", picture(h=32, w=32))
    whole, draw = path.read_bytes(), np.random.default_rng(0)
    for _ in range(200):
        content = bytearray(whole)
        for _ in range(draw.integers(1, 8)):
            content[draw.integers(len(content))] = draw.integers(256)
        path.write_bytes(content[: draw.integers(1, len(content) + 1)])
        for read in (read_image, read_labels):
            try:
                read(path)
            except DataError as error:
                assert str(path) in str(error)


def test_limit_of_pixels_is_ours(tmp_path, monkeypatch):
    """Pillow warns above its own limit, and stops at twice that."""
    path = save(tmp_path / "x.png", picture(h=10, w=30))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_image(path).shape == (3, 10, 30)
    assert Image.MAX_IMAGE_PIXELS == 100
    monkeypatch.setattr(images, "MAX_PIXELS", 299)
    np.save(tmp_path / "x.npy", picture(h=10, w=30))
    for name in ("x.png", "x.npy"):
        with pytest.raises(
            DataError, match=rf"{name}: .*299 pixels expected, got 10 x 30"
        ):
            read_image(tmp_path / name)


# Label files as numbers -----------------------------------------------------


def test_palette_labels_are_numbers(tmp_path):
    colours = [(k, 255 - k, 7) for k in range(256)]
    path = save_palette(tmp_path / "x.png", [[0, 1, 20, 255]], colours)
    with Image.open(path) as image:
        assert image.mode == "P"
    assert read_labels(path).tolist() == [[0, 1, 20, 255]]


@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
def test_few_bits_are_the_numbers_that_are_stored(tmp_path, depth):
    numbers = [[*range(min(2**depth, 200))]]
    path = save_grey(tmp_path / "x.png", numbers, depth)
    labels = read_labels(path)
    assert labels.tolist() == numbers and labels.dtype == torch.uint8


@pytest.mark.parametrize("ending", ["png", "tif", "bmp"])
def test_one_bit_is_a_number(tmp_path, ending):
    bits = np.array([[True, False, True]])
    path = save(tmp_path / f"x.{ending}", bits)
    assert read_labels(path).tolist() == [[1, 0, 1]]


def test_16_and_32_bits_up_to_255(tmp_path):
    for kind, ending in (("uint16", "png"), ("int32", "tif")):
        path = save(tmp_path / f"x.{ending}", np.array([[0, 7, 255]], kind))
        assert read_labels(path).tolist() == [[0, 7, 255]]
        save(path, np.array([[3, 7, 256]], kind))
        with pytest.raises(DataError, match=r"0\.\.255, got 3 to 256"):
            read_labels(path)


def test_grey_throughout_is_a_number(tmp_path):
    numbers = np.array([[0, 1, 255]], "uint8")
    for mode in ("RGB", "RGBA", "LA"):
        path = save(tmp_path / "x.png", numbers, mode)
        assert read_labels(path).tolist() == numbers.tolist()


def test_transparent_labels_are_refused(tmp_path):
    numbers = np.full((2, 3, 2), 255, "uint8")
    numbers[1, 2, 1] = 254
    path = save(tmp_path / "x.png", numbers)
    with pytest.raises(DataError, match=r"x\.png.*row 1, column 2 \(1 in all"):
        read_labels(path)


def test_labels_in_colour_say_how_they_are_read(tmp_path):
    path = save(tmp_path / "x.png", picture())
    with pytest.raises(DataError, match=r"colours \(mode RGB\).*name r g b"):
        read_labels(path)


def test_labels_in_floats_are_refused(tmp_path):
    path = save(tmp_path / "x.tif", np.zeros((2, 2), "float32"))
    with pytest.raises(DataError, match="one number of 8 bits.*mode F"):
        read_labels(path)


@pytest.mark.parametrize("form", ["JPEG", "WEBP"])
def test_lossy_formats_are_refused_by_what_they_are(tmp_path, form):
    path = save(tmp_path / "x.png", picture()[..., 0], format=form)
    with pytest.raises(DataError, match=f"must be PNG, got {form}, which may"):
        read_labels(path)
