"""The book's layout is read, and what is missing in it is named."""

import shutil
import unicodedata
from pathlib import Path

import pytest
import torch

pytest.importorskip("numpy")
pytest.importorskip("PIL")
import numpy as np
from pictures import picture, save

from segformer_tutorial.data import DataError, read_classes, read_folder


@pytest.fixture
def root(tmp_path) -> Path:
    """Two pictures of 6 x 8 with three classes and void."""
    labels = np.array([[0, 1, 2, 255] * 2] * 6, "uint8")
    for k, name in enumerate(("b.tile", "a")):
        save(tmp_path / f"images/train/{name}.png", picture(k))
        save(tmp_path / f"labels/train/{name}.png", labels % 3)
    save(tmp_path / "labels/train/a.png", labels)
    (tmp_path / "images/train/.DS_Store").touch()
    (tmp_path / "images/train/notes.txt").touch()
    write(tmp_path, "road\ncar\nsky\n")
    return tmp_path


def write(root: Path, text: str, encoding: str = "utf-8") -> Path:
    path = root / "classes.txt"
    path.write_bytes(text.encode(encoding))
    return path


def test_folder(root):
    dataset = read_folder(root, "train")
    assert dataset.classes == ("road", "car", "sky")
    assert [image.name for image, _ in dataset.pairs] == ["a.png", "b.tile.png"]
    image, labels = dataset[0]
    assert torch.equal(image, torch.from_numpy(picture(1)).permute(2, 0, 1))
    assert labels[0].tolist() == [0, 1, 2, 255, 0, 1, 2, 255]


def test_options_reach_the_files(root):
    dataset = read_folder(root, "train", labels="from-one", channels=1)
    image, labels = dataset[1]
    assert image.shape == (1, 6, 8)
    assert labels[0].tolist() == [255, 0, 1, 255] * 2


# classes.txt ----------------------------------------------------------------


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_classes_of_any_editor(root, end, encoding):
    path = write(
        root, end.join(["Straße", "traffic light ", "sky", ""]), encoding
    )
    assert read_classes(path).classes == ("Straße", "traffic light", "sky")


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16-le", "utf-32"])
def test_other_encodings_say_what_to_do(root, encoding):
    path = write(root, "Straße\ncar\n", encoding)
    with pytest.raises(DataError, match=r"classes\.txt: .*save it as UTF-8"):
        read_classes(path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "line 1: a class name expected, got an empty line"),
        ("road\n\ncar\n", "line 2: a class name expected, got an empty line"),
        ("road\ncar\nroad\n", "line 3: road repeats line 1"),
        ("road 1 2 3\ncar 1 2 3\n", "line 2: car 1 2 3 repeats line 1"),
        ("road 1 2 3\ncar\n", "line 2: either all classes have a colour"),
        ("road\ncar #010203\n", "line 2: either all classes have a colour"),
        ("road 1 2 256\n", r"line 1: a colour is three numbers in 0\.\.255"),
        ("a 1 2 3\nvoid 0 0 0\nb 4 5 6", "line 3: void must stand after all"),
        ("a 1 2 3\nb 4 5 6\nvoid 1 2 3", "line 3: void 1 2 3 repeats line 1"),
        ("\n".join(f"class {k}" for k in range(255)), "1 to 254 .* got 255"),
        ("road\ncar\nvoid 0 0 0", "void has a colour, but the classes have"),
        ("void 0 0 0", "1 to 254 class names expected, got 0"),
        ("128 64 128 road\n0 0 142\tcar", "line 1: a colour stands after"),
        ("road\n0 0 142", "line 2: a colour stands after the name"),
        ("road 128,64,128", "line 1: a colour stands after the name"),
        ("road,128,64,128", "line 1: a colour stands after the name"),
        ("road #fff", "line 1: a colour stands after .* got road #fff"),
        ("#ffffff", "line 1: a colour stands after the name"),
    ],
)
def test_classes_that_cannot_be_meant(root, text, words):
    with pytest.raises(DataError, match=rf"classes\.txt.*{words}"):
        read_classes(write(root, text))


def test_classes_with_colours(root):
    text = "road 128 64 128\ntraffic light\t#00008E\nsky  70 130 180\n"
    found = read_classes(write(root, text + "void 0 0 0\nVoid #ffffff"))
    assert found.classes == ("road", "traffic light", "sky")
    assert found.palette == ((128, 64, 128), (0, 0, 142), (70, 130, 180))
    assert found.void_colours == ((0, 0, 0), (255, 255, 255))
    colours = np.array([[*found.palette, (0, 0, 0)] * 2] * 6, "uint8")
    save(root / "labels/train/a.png", colours)
    dataset = read_folder(root, "train")
    assert dataset.palette == found.palette
    assert dataset[0][1][0, :4].tolist() == [0, 1, 2, 255]
    assert dataset[1][1][0, :4].tolist() == [0, 1, 2, 0]


def test_names_with_numbers_and_commas(root):
    names = ("1,2,3-triazole", "7 up", "type 1", "C#", "tree, other")
    assert read_classes(write(root, "\n".join(names))).classes == names


def test_void_without_a_colour_is_a_class(root):
    found = read_classes(write(root, "road\nvoid\n"))
    assert found.classes == ("road", "void") and found.palette is None


def test_one_name_tells_about_masks(root):
    write(root, "cat\n")
    for labels in ("", "index", "from-one"):
        with pytest.raises(DataError, match=r"classes\.txt: .*labels=binary"):
            read_folder(root, "train", labels=labels)
    for path in root.glob("labels/train/*"):
        save(path, np.full((6, 8), 255, "uint8"))
    dataset = read_folder(root, "train", labels="binary")
    assert dataset.classes == ("background", "cat")
    assert dataset[0][1].unique().tolist() == [1]


# Files ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("gone", "words"),
    [
        ("classes.txt", r"classes\.txt: there is no such file; it has one"),
        ("images/train", "images.train: there is no such folder$"),
        ("labels/train", "labels.train: there is no such folder$"),
        ("labels/train/a.png", r"images.*a\.png: no .* in .*, where a\.png is"),
        ("images/train/a.png", r"labels.*a\.png: no .* in .*images"),
    ],
)
def test_folder_names_what_is_missing(root, gone, words):
    path = root / gone
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.raises(DataError, match=words):
        read_folder(root, "train")


def test_other_splits_are_named(root):
    with pytest.raises(DataError, match=r"images.*val: .*beside it are train$"):
        read_folder(root, "val")


def test_folder_without_pictures(root):
    for path in root.glob("*/train/*.png"):
        path.unlink()
    with pytest.raises(DataError, match=r"no pictures.*there are notes\.txt"):
        read_folder(root, "train")


def test_two_pictures_of_one_name(root):
    save(root / "images/train/a.jpg", picture())
    with pytest.raises(DataError, match=r"a\.png: .*a\.jpg has its name too"):
        read_folder(root, "train")


@pytest.mark.parametrize(
    "other", ["a_mask.png", "a_label.png", "mask-a.png", "A.png", "a.tif"]
)
def test_a_label_of_another_name_is_shown(root, other):
    label = root / "labels/train/a.png"
    label.rename(label.with_name(other))
    with pytest.raises(DataError) as error:
        read_folder(root, "train")
    text = str(error.value)
    assert text.endswith(f"where a.png is expected; there are {other}")


def test_names_that_only_contain_the_name_are_not_shown(root):
    (root / "labels/train/a.png").rename(root / "labels/train/ab.png")
    with pytest.raises(DataError, match=r"where a\.png is expected$"):
        read_folder(root, "train")


def test_labels_that_all_have_other_names_are_shown(root):
    for k, path in enumerate(sorted(root.glob("labels/train/*"))):
        path.rename(path.with_name(f"x{k}.png"))
    with pytest.raises(DataError) as error:
        read_folder(root, "train")
    assert str(error.value).endswith("there are x0.png, x1.png")
    assert "a.png and 1 more: no file of this name" in str(error.value)


def test_jpeg_labels_are_refused_with_the_reason(root):
    (root / "labels/train/a.png").unlink()
    save(root / "labels/train/a.jpg", np.zeros((6, 8), "uint8"))
    with pytest.raises(
        DataError, match=r"there are a\.jpg; JPEG changes the numbers of labels"
    ):
        read_folder(root, "train")


def test_names_in_another_unicode_form_match(root):
    for form, kind in (("NFC", "images"), ("NFD", "labels")):
        path = root / kind / "train" / "a.png"
        path.rename(path.with_name(unicodedata.normalize(form, "é.png")))
    dataset = read_folder(root, "train")
    assert len(dataset) == 2
    assert dataset[1][1][0, 3] == 255


def test_endings_in_capitals(root):
    for kind in ("images", "labels"):
        path = root / kind / "train" / "a.png"
        path.rename(path.with_name("a.PNG"))
    assert len(read_folder(root, "train")) == 2
