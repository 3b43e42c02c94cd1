"""Known data sets, with small files in their layouts."""

import pytest

pytest.importorskip("numpy")
pytest.importorskip("PIL")
import numpy as np
from pictures import picture, save, save_palette
from PIL import Image

from segformer_tutorial.data import (
    VOID,
    DataError,
    read_ade20k,
    read_cityscapes,
    read_pet,
    read_voc,
)
from segformer_tutorial.data.known import ADE20K_PALETTE, voc_colour


@pytest.fixture
def ade20k(tmp_path):
    home = tmp_path / "ADEChallengeData2016"
    save(home / "images/validation/ADE_val_1.jpg", picture())
    save(
        home / "annotations/validation/ADE_val_1.png",
        np.array([[0, 1, 2, 150] * 2] * 6, "uint8"),
    )
    rows = [f"{k}\t0.1\t9\t9\tname{k}, other" for k in range(1, 151)]
    table = "\n".join(["Idx\tRatio\tTrain\tVal\tName", *rows])
    (home / "objectInfo150.txt").write_text(table, encoding="utf-8")
    return home


def test_ade20k_shifts_by_one(ade20k):
    for root in (ade20k.parent, ade20k):
        dataset = read_ade20k(root, "val")
        assert len(dataset.classes) == 150 and dataset.classes[0] == "name1"
        assert dataset[0][1][0, :4].tolist() == [255, 0, 1, 149]
        assert dataset.palette == ADE20K_PALETTE
    with pytest.raises(DataError, match="training: not there"):
        read_ade20k(ade20k, "train")


def test_ade20k_as_others_have_it(ade20k):
    """Labels that somebody has already shifted, or files that lack."""
    path = ade20k / "annotations/validation/ADE_val_1.png"
    save(path, np.array([[255, 0, 1, 149] * 2] * 6, "uint8"))
    dataset = read_ade20k(ade20k, "val", labels="index")
    assert dataset[0][1][0, :4].tolist() == [255, 0, 1, 149]
    path.unlink()
    with pytest.raises(DataError, match="ADE_val_1.png: there is no such file"):
        dataset[0]
    (ade20k / "images/validation/ADE_val_1.jpg").unlink()
    with pytest.raises(DataError, match="validation: no pictures"):
        read_ade20k(ade20k, "val")
    (ade20k / "objectInfo150.txt").write_text("Idx\n1\twall\n")
    with pytest.raises(DataError, match="objectInfo150.txt: 150 .* got 1$"):
        read_ade20k(ade20k, "val")


def test_ade20k_palette():
    assert len(ADE20K_PALETTE) == 150
    assert ADE20K_PALETTE[:2] == ((120, 120, 120), (180, 120, 120))
    assert ADE20K_PALETTE[-1] == (92, 0, 255)
    twice = {c for c in ADE20K_PALETTE if ADE20K_PALETTE.count(c) > 1}
    assert twice == {(140, 140, 140)}


def test_voc_colours():
    known = {
        0: (0, 0, 0),
        1: (128, 0, 0),
        4: (0, 0, 128),
        15: (192, 128, 128),
        20: (0, 64, 128),
        VOID: (224, 224, 192),
    }
    assert {k: voc_colour(k) for k in known} == known
    assert len({voc_colour(k) for k in range(256)}) == 256


def test_voc(tmp_path):
    pytest.importorskip("torchvision")
    home = tmp_path / "VOCdevkit/VOC2012"
    save(home / "JPEGImages/x.jpg", picture())
    numbers = np.full((6, 8), 20, "uint8")
    numbers[0, 0] = VOID
    colours = [voc_colour(k) for k in range(256)]
    path = save_palette(home / "SegmentationClass/x.png", numbers, colours)
    lists = home / "ImageSets/Segmentation"
    lists.mkdir(parents=True)
    (lists / "val.txt").write_text("x\n")
    dataset = read_voc(tmp_path, "val")
    assert dataset.classes[15] == "person" and len(dataset.classes) == 21
    assert dataset.palette[15] == voc_colour(15)
    assert dataset[0][1].unique().tolist() == [20, VOID]
    save(path, np.asarray(Image.open(path).convert("RGB")))
    assert dataset[0][1].unique().tolist() == [20, VOID]
    with pytest.raises(DataError, match="VOCSegmentation in"):
        read_voc(tmp_path / "nowhere", "val")


def test_pet(tmp_path):
    pytest.importorskip("torchvision")
    home = tmp_path / "oxford-iiit-pet"
    save(home / "images/x_1.jpg", picture())
    save(
        home / "annotations/trimaps/x_1.png",
        np.array([[1, 2, 3, 1] * 2] * 6, "uint8"),
    )
    (home / "annotations/trainval.txt").write_text("x_1 1 1 1\n")
    dataset = read_pet(tmp_path, "train")
    assert dataset[0][1][0, :4].tolist() == [1, 0, 255, 1]
    dataset = read_pet(tmp_path, "train", labels="1=0,2=1,3=0")
    assert dataset[0][1][0, :4].tolist() == [0, 1, 0, 0]


def test_cityscapes(tmp_path):
    pytest.importorskip("torchvision")
    for town in ("b", "a"):
        stem = f"{town}_000000_000019"
        save(
            tmp_path / f"leftImg8bit/val/{town}/{stem}_leftImg8bit.png",
            picture(),
        )
        save(
            tmp_path / f"gtFine/val/{town}/{stem}_gtFine_labelIds.png",
            np.array([[0, 7, 8, 33] * 2] * 6, "uint8"),
        )
    dataset = read_cityscapes(tmp_path, "val")
    assert len(dataset.classes) == 19
    assert dataset.classes[0] == "road" and dataset.classes[18] == "bicycle"
    assert dataset.palette[0] == (128, 64, 128)
    assert dataset.palette[18] == (119, 11, 32)
    assert len(set(dataset.palette)) == 19
    assert dataset[0][1][0, :4].tolist() == [255, 0, 1, 18]
    assert [image.parent.name for image, _ in dataset.pairs] == ["a", "b"]
