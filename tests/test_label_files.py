"""Label files hold class indices, whoever reads them."""

import numpy as np
import pytest
import torch

pytest.importorskip("torchvision")
from PIL import Image

from segformer_tutorial.data import read_labels
from segformer_tutorial.predict import save_labels
from segformer_tutorial.predict.colors import PALETTE, colorize, palette_for


@pytest.mark.parametrize("classes", [1, 2, 4, 12, 150, 255])
def test_indices_and_colours(classes, tmp_path):
    labels = torch.randint(classes, (17, 23))
    labels[0, :3] = 255
    palette, path = palette_for(classes), tmp_path / "a.png"
    save_labels(labels, path, palette)
    assert torch.equal(read_labels(path).long(), labels)
    with Image.open(path) as image:
        assert image.mode == "P" and image.size == (23, 17)
        assert (np.array(image) == labels.numpy()).all()
        shown = np.array(image.convert("RGB"))
    assert (shown == colorize(labels, palette)).all()


def test_the_same_labels_give_the_same_bytes(tmp_path):
    labels = np.arange(12, dtype=np.int32).reshape(3, 4)
    for name in "ab":
        save_labels(labels, tmp_path / f"{name}.png")
    first, second = sorted(tmp_path.iterdir())
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (
            np.full((2, 2), 12),
            r"labels must be 0\.\.11 or 255 \(void\), got 12",
        ),
        (np.full((2, 2), -1), "got -1 at row 0"),
        (np.full((2, 2), 256), "got 256"),
        (np.zeros((2, 2)), "integers of shape h w, got float64"),
        (np.zeros((1, 2, 2), int), r"got int64 of shape \(1, 2, 2\)"),
    ],
)
def test_labels_that_no_file_holds(labels, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        save_labels(labels, tmp_path / "a.png", PALETTE)
    assert not list(tmp_path.iterdir())


def test_folder_that_is_not_there(tmp_path):
    with pytest.raises(OSError):
        save_labels(np.zeros((2, 2), int), tmp_path / "b" / "a.png")
