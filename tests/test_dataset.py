"""Pairs of files become pictures and labels of one size."""

import pickle

import pytest
import torch

pytest.importorskip("numpy")
pytest.importorskip("PIL")
import numpy as np
from pictures import picture, save
from PIL import Image

from segformer_tutorial.data import MEAN, STD, DataError, LabelledImages, Task

CLASSES = ("road", "car", "sky")


@pytest.fixture
def pairs(tmp_path):
    """Two pictures of 6 x 8 with three classes and void."""
    labels = np.array([[0, 1, 2, 255] * 2] * 6, "uint8")
    return [
        (
            str(save(tmp_path / f"{name}.png", picture(k))),
            save(tmp_path / f"{name}_label.png", np.roll(labels, k, 1)),
        )
        for k, name in enumerate("ab")
    ]


def test_samples(pairs):
    dataset = LabelledImages(pairs, CLASSES)
    image, labels = dataset[1]
    assert image.dtype == torch.uint8 and labels.dtype == torch.int64
    assert torch.equal(image, torch.from_numpy(picture(1)).permute(2, 0, 1))
    assert labels[0].tolist() == [255, 0, 1, 2, 255, 0, 1, 2]
    assert torch.equal(dataset.labels_of(1), labels)
    assert len(dataset) == len(list(torch.utils.data.DataLoader(dataset))) == 2
    assert dataset.classes == CLASSES and dataset.channels == 3
    assert dataset.palette is None


def test_travels_to_another_process(pairs):
    dataset = LabelledImages(pairs, CLASSES, labels="0=2,1=1,2=0,255=255")
    again = pickle.loads(pickle.dumps(dataset))
    for mine, other in zip(dataset[0], again[0], strict=True):
        assert torch.equal(mine, other)
    assert again[0][1][0, :4].tolist() == [2, 1, 0, 255]


def test_sizes_that_differ(pairs):
    save(pairs[0][1], np.zeros((8, 6), "uint8"))
    with pytest.raises(
        DataError,
        match=r"a_label\.png.*a\.png, 6 x 8 \(h x w\), got 8 x 6.*EXIF",
    ):
        LabelledImages(pairs, CLASSES)[0]
    save(pairs[0][1], np.zeros((3, 4), "uint8"))
    with pytest.raises(DataError, match="got 3 x 4$"):
        LabelledImages(pairs, CLASSES)[0]


def test_a_photo_and_its_labels_may_both_be_turned(pairs):
    exif = Image.Exif()
    exif[0x0112] = 6
    save(pairs[0][1], np.zeros((6, 8), "uint8"), exif=exif)
    image, label = pairs[0]
    with Image.open(image) as file:
        file.save(image, exif=exif)
    turned, labels = LabelledImages([(image, label)], CLASSES)[0]
    assert turned.shape == (3, 8, 6) and labels.shape == (8, 6)


@pytest.mark.parametrize("count", [0, 1, 255])
def test_number_of_classes(count):
    with pytest.raises(DataError, match=f"2 to 254 classes, got {count}"):
        LabelledImages([("a", "b")], ["x"] * count)


def test_no_pairs():
    with pytest.raises(DataError, match="at least one picture"):
        LabelledImages([], CLASSES)


@pytest.mark.parametrize("channels", [0, -1, 1.5, None])
def test_channels_that_no_picture_has(pairs, channels):
    with pytest.raises(DataError, match="channels must be at least 1"):
        LabelledImages(pairs, CLASSES, channels=channels)


def test_other_channels(pairs, tmp_path):
    assert LabelledImages(pairs, CLASSES, channels=1)[0][0].shape == (1, 6, 8)
    np.save(tmp_path / "a.npy", picture(c=6))
    pairs = [(tmp_path / "a.npy", pairs[0][1])]
    assert LabelledImages(pairs, CLASSES, channels=6)[0][0].shape == (6, 6, 8)
    with pytest.raises(DataError, match=r"a\.npy: .*c = 3 expected"):
        LabelledImages(pairs, CLASSES)[0]


def test_masks_need_one_name(tmp_path):
    mask = save(tmp_path / "m.png", np.array([[0, 255]], "uint8"))
    photo = save(tmp_path / "x.png", picture(h=1, w=2))
    options = {"labels": "binary", "palette": [(255, 0, 0)]}
    dataset = LabelledImages([(photo, mask)], ["cat"], **options)
    assert dataset.classes == ("background", "cat")
    assert dataset.palette == ((0, 0, 0), (255, 0, 0))
    assert dataset[0][1].tolist() == [[0, 1]]


def test_task(pairs):
    palette = [(1, 2, 3), (4, 5, 6), (7, 8, 9)]
    task = LabelledImages(pairs, CLASSES, palette=palette).task(short_side=64)
    assert task == Task(
        classes=CLASSES, palette=palette, short_side=64, mean=MEAN, std=STD
    )
    dataset = LabelledImages(pairs, CLASSES, channels=2)
    assert len(dataset.task().mean) == len(dataset.task().std) == 2
    assert dataset.task(mean=[1, 2], std=[3, 4]).mean == (1, 2)


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ("", False),
        ("index", False),
        ("from-one", True),
        ("0=255,1=0,2=1,3=2", True),
        ("0=0,1=0,2=1,3=2", False),
        ("0=255,1=0,2=1,3=2,4=2", False),
    ],
)
def test_a_task_knows_how_labels_count(pairs, labels, expected):
    dataset = LabelledImages(pairs, CLASSES, labels=labels)
    assert dataset.task().labels_from_one is expected
