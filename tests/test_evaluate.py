"""Evaluation: windows, scales and flips against what they should equal."""

import pytest
import torch
from torch import nn

pytest.importorskip("torchvision")
import numpy as np
from PIL import Image

from segformer_tutorial import SegFormer
from segformer_tutorial.data import read_folder
from segformer_tutorial.data.transforms import eval_transform
from segformer_tutorial.evaluate import (
    evaluate,
    main,
    predict_labels,
    sliding_logits,
)
from segformer_tutorial.weights import save_weights


class Colour(nn.Module):
    """Scores are the three colours of a pixel, at a quarter of the size."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))
        self.sizes = []

    def forward(self, x):
        self.sizes.append(tuple(x.shape[2:]))
        return self.scale * nn.functional.avg_pool2d(x, 4)


@pytest.fixture
def image():
    return torch.randint(256, (3, 64, 96), dtype=torch.uint8)


@pytest.fixture
def root(tmp_path):
    """Five pictures whose colour is their class."""
    for k in range(5):
        labels = np.full((40, 56), k % 3, "uint8")
        labels[:16] = (k + 1) % 3
        labels[0, :9] = 255
        colours = np.eye(3, dtype="uint8")[labels % 3] * 200
        for kind, array in (("images", colours), ("labels", labels)):
            folder = tmp_path / kind / "val"
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(array).save(folder / f"{k}.png")
    (tmp_path / "classes.txt").write_text("red\ngreen\nblue\n")
    return tmp_path


def test_labels_are_the_model_s(tiny, randomize, image):
    model = randomize(SegFormer(tiny)).eval()
    expected = model.predict(eval_transform(image)[None])[0]
    assert torch.equal(predict_labels(model, image), expected)


def test_labels_have_the_size_asked_for(image):
    model = Colour()
    assert predict_labels(model, image[:, :50, :70]).shape == (50, 70)
    assert predict_labels(model, image, size=(33, 20)).shape == (33, 20)
    predict_labels(model, image, short_side=32)
    assert model.sizes == [(64, 96), (64, 96), (32, 64)]


def test_flip_and_scales_of_a_model_that_does_not_care(image):
    """Large areas of colour: any scale and either side give the same."""
    image = torch.zeros(3, 64, 96, dtype=torch.uint8)
    image[0, :, :32], image[1, :, 32:64], image[2, :, 64:] = 255, 255, 255
    expected = torch.arange(3).repeat_interleave(32).expand(64, 96)
    for options in (
        {},
        {"flip": True},
        {"scales": (0.5, 1.0, 2.0), "flip": True},
        {"window": 32, "stride": 20},
    ):
        assert torch.equal(predict_labels(Colour(), image, **options), expected)


def test_each_scale_and_side_is_looked_at(image):
    model = Colour()
    predict_labels(model, image, scales=(0.5, 1.0), flip=True)
    assert model.sizes == [(32, 64)] * 2 + [(64, 96)] * 2


def test_mirrored_scores_are_turned_back(image):
    """The mean over both sides of a model that prefers the left."""

    class Left(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.ones(()))

        def forward(self, x):
            left = torch.linspace(3, 0, x.shape[3]).expand_as(x[:, 0])
            return torch.stack([left, x[:, 0] * 0 + 1], 1) * self.weight

    alone = predict_labels(Left(), image)
    both = predict_labels(Left(), image, flip=True)
    assert not torch.equal(alone, alone.flip(1))
    assert torch.equal(both, both.flip(1))


@pytest.mark.parametrize(("window", "stride"), [(32, 32), (32, 20), (64, 40)])
def test_windows_cover_everything_once_averaged(window, stride):
    """A model that says the same of each window gives that everywhere."""
    images = torch.randn(2, 3, 75, 107)

    def model(x):
        assert max(x.shape[2:]) <= window
        return x.new_ones(len(x), 5, 8, 8) * torch.arange(5)[:, None, None]

    logits = sliding_logits(model, images, window, stride)
    expected = torch.arange(5.0)[:, None, None].expand(2, 5, 75, 107)
    torch.testing.assert_close(logits, expected)


def test_window_as_large_as_the_picture_is_the_picture(tiny, image):
    model = SegFormer(tiny).eval()
    x = eval_transform(image)[None]
    with torch.no_grad():
        expected = nn.functional.interpolate(
            model(x), x.shape[2:], mode="bilinear"
        )
        torch.testing.assert_close(sliding_logits(model, x, 96, 64), expected)


@pytest.mark.parametrize("stride", [0, 33])
def test_stride_that_leaves_gaps(stride):
    with pytest.raises(ValueError, match=rf"1\.\.window, got {stride}"):
        sliding_logits(Colour(), torch.zeros(1, 3, 64, 64), 32, stride)


def test_data_set(root):
    model = Colour().train()
    matrix = evaluate(model, read_folder(root, "val"))
    assert model.training
    assert matrix.counts.sum() == 5 * (40 * 56 - 9)
    assert matrix.mean_iou > 0.9
    parts = [
        evaluate(model, read_folder(root, "val"), indices=range(k, 5, 2))
        for k in range(2)
    ]
    assert torch.equal(parts[0].counts + parts[1].counts, matrix.counts)


def test_command(root, tiny, capsys, tmp_path):
    from dataclasses import replace

    path = tmp_path / "model.safetensors"
    save_weights(SegFormer(replace(tiny, num_classes=3)), path)
    command = [str(path), "--data", str(root), "--flip", "--device", "cpu"]
    assert main(command) == 0
    assert "pixel accuracy" in capsys.readouterr().out
    save_weights(SegFormer(tiny), path)
    assert main(command) == 1
    assert "knows 5 classes" in capsys.readouterr().err
    assert main([*command, "--split", "nowhere"]) == 1
    assert "no such folder" in capsys.readouterr().err
