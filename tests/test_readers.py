"""One door to every layout."""

import pytest

pytest.importorskip("numpy")
pytest.importorskip("PIL")
import numpy as np
from pictures import picture, save

from segformer_tutorial.data import READERS, DataError, read


def test_read(tmp_path):
    save(tmp_path / "images/train/a.png", picture())
    save(tmp_path / "labels/train/a.png", np.ones((6, 8), "uint8"))
    (tmp_path / "classes.txt").write_text("road\ncar\n")
    dataset = read("folder", tmp_path, "train", labels="from-one", channels=1)
    image, labels = dataset[0]
    assert image.shape == (1, 6, 8) and labels.unique().tolist() == [0]


@pytest.mark.parametrize("dataset", READERS)
def test_every_layout_takes_the_same_arguments(tmp_path, dataset):
    if dataset in ("voc", "pet", "cityscapes"):
        pytest.importorskip("torchvision")
    with pytest.raises(DataError):
        read(dataset, tmp_path, "val", labels="index", channels=4)


def test_unknown_layout(tmp_path):
    with pytest.raises(DataError, match="one of folder, voc, .* got 'coco'"):
        read("coco", tmp_path, "val")
