"""Numbers and colours in label files become classes, or a clear error."""

from pathlib import Path

import pytest
import torch

pytest.importorskip("numpy")
pytest.importorskip("PIL")
import numpy as np
from pictures import save, save_grey, save_palette

from segformer_tutorial.data import VOID, DataError
from segformer_tutorial.data.labels import LabelReader

CLASSES = ("road", "car", "sky")
PALETTE = ((128, 64, 128), (0, 0, 142), (70, 130, 180))
BLACK = (0, 0, 0)


def label(path: Path, numbers) -> Path:
    return save(path / "x.png", np.array([numbers], "uint8"))


def read(path: Path, labels: str = "", classes=CLASSES, **options) -> list:
    found = LabelReader(classes, labels=labels, **options)(path)
    assert found.dtype == torch.int64
    return found[0].tolist()


def in_colours(labels: str = "") -> LabelReader:
    return LabelReader(
        CLASSES, labels=labels, palette=PALETTE, void_colours=[BLACK]
    )


# Numbers --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("labels", "numbers", "expected"),
    [
        ("", [0, 1, 2, 255], [0, 1, 2, VOID]),
        ("index", [0, 1, 2, 255], [0, 1, 2, VOID]),
        ("from-one", [0, 1, 2, 3, 255], [VOID, 0, 1, 2, VOID]),
        ("0=255,7=0,8=1", [7, 0, 8], [0, VOID, 1]),
        (" 9 = 2 , 4=2", [9, 4], [2, 2]),
    ],
)
def test_numbers(tmp_path, labels, numbers, expected):
    assert read(label(tmp_path, numbers), labels) == expected


def test_values_are_a_table(tmp_path):
    path = label(tmp_path, [7, 0, 8])
    values = {0: VOID, 7: 0, np.int64(8): np.int64(1)}
    assert read(path, values=values) == [0, VOID, 1]
    with pytest.raises(DataError, match=r"x\.png: .*0, 7\.\.8.*got \[9\]"):
        read(label(tmp_path, [7, 9]), values=values)


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ("binray", "index, from-one, binary, colours or a table .*'binray'"),
        ("7", "a table such as 0=255,7=0,8=1, got '7'"),
        ("7=car", "a table such as"),
        ("7=-1", "a table such as"),
        ("7=0,", "a table such as"),
        ("7=0,7=1", "7 has two meanings"),
        ("7=3", r"a class in 0\.\.2 or 255 \(void\), got 7=3"),
        ("256=0", r"are 0\.\.255, got 256=0"),
        ("7=255", "must have a number for some class"),
        ("binary", "needs two classes"),
        ("colours", "a colour for each class, and no colour twice"),
    ],
)
def test_ways_that_do_not_fit(labels, words):
    with pytest.raises(DataError, match=words):
        LabelReader(CLASSES, labels=labels)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, "for some class"),
        ({-1: 0}, "got -1=0"),
        ({0: "road"}, "got 0='road'"),
        ({0: 3}, "got 0=3"),
    ],
)
def test_values_that_do_not_fit(values, words):
    with pytest.raises(DataError, match=words):
        LabelReader(CLASSES, values=values)


def test_values_and_another_way_exclude_each_other():
    with pytest.raises(DataError, match="got both"):
        LabelReader(CLASSES, labels="index", values={0: 0})


def test_wrong_numbers_are_named(tmp_path):
    path = label(tmp_path, [0, 3, 77])
    with pytest.raises(
        DataError,
        match=r"x\.png: .*0\.\.2, 255, for 3 .*got \[3, 77\]; a table",
    ):
        read(path)
    with pytest.raises(DataError, match=r"got \[3, 4, .*10\] and 22 more"):
        read(label(tmp_path, [*range(33)]))


@pytest.mark.parametrize(
    ("numbers", "hint"),
    [([1, 2, 3], True), ([1, 3, 255], True), ([0, 3], False), ([4], False)],
)
def test_labels_from_one_are_recognised(tmp_path, numbers, hint):
    with pytest.raises(DataError) as error:
        read(label(tmp_path, numbers))
    assert ("labels=from-one" in str(error.value)) == hint


# Masks ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ([0, 1, 1], [0, 1, 1]),
        ([0, 255], [0, 1]),
        ([255], [1]),
        ([0], [0]),
    ],
)
def test_masks(tmp_path, numbers, expected):
    path = label(tmp_path, numbers)
    assert read(path, "binary", CLASSES[:2]) == expected


def test_masks_in_other_modes(tmp_path):
    shown = np.array([[0, 255]], "uint8")
    for mode in ("1", "P", "RGB", "RGBA", "LA"):
        path = save(tmp_path / "x.png", shown, mode)
        assert read(path, "binary", CLASSES[:2]) == [0, 1]
    path = save_grey(tmp_path / "x.png", [[0, 1]], 1)
    assert read(path, "binary", CLASSES[:2]) == [0, 1]


def test_masks_that_a_palette_shows_the_other_way_round(tmp_path):
    """As Pillow's quantize makes them: number 0 is white."""
    black, white = (0, 0, 0), (255, 255, 255)
    path = save_palette(tmp_path / "x.png", [[0, 1]], [black, white])
    assert read(path, "binary", CLASSES[:2]) == [0, 1]
    save_palette(path, [[0, 1]], [white, black])
    with pytest.raises(
        DataError, match=r"number 0 .*255 255 255.*is that of c"
    ):
        read(path, "binary", CLASSES[:2])
    options = {"palette": [black, white]}
    assert read(path, "colours", CLASSES[:2], **options) == [1, 0]
    save_palette(path, [[0, 1]], [black, black])
    assert read(path, "binary", CLASSES[:2]) == [0, 1]


def test_masks_of_three_numbers_are_ambiguous(tmp_path):
    with pytest.raises(DataError, match=r"x\.png: .*got all three.*leave out"):
        read(label(tmp_path, [0, 1, 255]), "binary", CLASSES[:2])
    with pytest.raises(DataError, match=r"x\.png: a mask must.*\[2, 128\]"):
        read(label(tmp_path, [0, 2, 128]), "binary", CLASSES[:2])


# Colours --------------------------------------------------------------------

COLOURS = [[*PALETTE, BLACK]]


@pytest.mark.parametrize("labels", ["", "index", "colours"])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_colours(tmp_path, labels, mode):
    path = save(tmp_path / "x.png", np.array(COLOURS, "uint8"), mode)
    assert in_colours(labels)(path).tolist() == [[0, 1, 2, VOID]]


def test_numbers_stay_numbers_where_there_are_colours(tmp_path):
    path = label(tmp_path, [0, 1, 2, 255])
    assert in_colours()(path).tolist() == [[0, 1, 2, VOID]]
    with pytest.raises(DataError, match=r"colour 1 1 1 at row 0, column 1"):
        in_colours("colours")(path)


def test_colours_of_a_palette(tmp_path):
    """In any order of the palette, but only where that is asked for."""
    shown = [PALETTE[2], BLACK, PALETTE[0], PALETTE[1]]
    path = save_palette(tmp_path / "x.png", [[0, 1, 2]], shown)
    assert in_colours("colours")(path).tolist() == [[2, VOID, 0]]
    assert in_colours("index")(path).tolist() == [[0, 1, 2]]
    with pytest.raises(
        DataError, match=r"number 0 is .*colour 70 130 180.*sky.*not of road"
    ):
        in_colours()(path)


@pytest.mark.parametrize(
    "shown", [PALETTE, [(k, k, k) for k in range(256)], [*PALETTE[:1], BLACK]]
)
def test_palettes_that_do_not_contradict_the_numbers(tmp_path, shown):
    numbers = [[0, 1, 2]] if len(shown) > 2 else [[0, 0, 0]]
    path = save_palette(tmp_path / "x.png", numbers, shown)
    assert in_colours()(path).tolist() == numbers


def test_a_colour_of_no_class_is_named(tmp_path):
    colours = np.array(COLOURS * 4, "uint8")
    colours[2, 1] = 1, 2, 3
    path = save(tmp_path / "x.png", colours)
    with pytest.raises(
        DataError, match=r"x\.png: colour 1 2 3 at row 2, column 1 .* class$"
    ):
        in_colours()(path)
    colours[2:, :, 0] += np.arange(1, 9, dtype="uint8").reshape(2, 4)
    colours[3, 3] = 9, 9, 9
    save(path, colours)
    with pytest.raises(DataError, match="8 pixels of 8 such colours in all$"):
        in_colours()(path)
    colours[:] = np.random.default_rng(0).integers(1, 60, colours.shape)
    save(path, colours)
    with pytest.raises(DataError, match="16 pixels of 16 .*smoothed borders"):
        in_colours()(path)


def test_colours_without_a_table_say_where_it_is_given(tmp_path):
    path = save(tmp_path / "x.png", np.array(COLOURS, "uint8"))
    with pytest.raises(DataError, match=r"x\.png: .*classes\.txt.*name r g b"):
        LabelReader(CLASSES)(path)
    with pytest.raises(DataError, match="got colours"):
        in_colours("from-one")(path)


def test_a_colour_of_two_classes_is_not_read(tmp_path):
    twice = (PALETTE[0], PALETTE[1], PALETTE[0])
    with pytest.raises(DataError, match="no colour twice"):
        LabelReader(CLASSES, labels="colours", palette=twice)
    path = save(tmp_path / "x.png", np.array(COLOURS, "uint8"))
    with pytest.raises(DataError, match="got colours"):
        LabelReader(CLASSES, palette=twice)(path)
    with pytest.raises(DataError, match="each of 3 classes, got 2"):
        LabelReader(CLASSES, palette=twice[:2])
    for colour in ((1, 2), (1, 2, 256), (0.5, 0, 0)):
        with pytest.raises(DataError, match="three numbers in 0..255, got"):
            LabelReader(CLASSES, palette=(*PALETTE[:2], colour))
