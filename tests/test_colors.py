"""Colours that can be told apart, laid over a picture or alone."""

from itertools import combinations

import numpy as np
import pytest
import torch
from eyes import EYES, cielab

from segformer_tutorial.data import Task
from segformer_tutorial.predict import colors


@pytest.mark.parametrize("eyes", EYES)
def test_colors_differ_to_all_eyes(eyes):
    given = np.vstack([colors.PALETTE, colors.VOID_COLOR])
    assert given.shape == (13, 3)
    distance = min(
        np.linalg.norm(a - b) for a, b in combinations(cielab(given, eyes), 2)
    )
    assert distance > 15  # about six times the least that one can see


def test_the_measure_of_colors_sees_what_is_known():
    """White has L = 100, and red and green meet in red-blind eyes."""
    np.testing.assert_allclose(
        cielab([(255, 255, 255)], "normal"), [[100, 0, 0]], atol=0.02
    )
    red, green = (163, 68, 56), (103, 100, 50)
    far = np.linalg.norm(np.diff(cielab([red, green], "normal"), axis=0))
    near = np.linalg.norm(np.diff(cielab([red, green], "deuteranopia"), axis=0))
    assert near < far / 3


def test_palette_cannot_be_changed_by_accident():
    with pytest.raises(ValueError, match="read-only"):
        colors.PALETTE[0] = 0


def test_colorize_can_be_undone():
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(12, (17, 23), generator=generator)
    labels[3:5] = 255
    drawn = colors.colorize(labels)
    assert drawn.shape == (17, 23, 3) and drawn.dtype == np.uint8
    label_of = {tuple(c): i for i, c in enumerate(colors.PALETTE.tolist())}
    label_of[colors.VOID_COLOR] = 255
    back = [[label_of[tuple(c)] for c in row] for row in drawn.tolist()]
    assert back == labels.tolist()
    assert (colors.colorize(labels.numpy().astype(np.uint8)) == drawn).all()


@pytest.mark.parametrize("label", [12, 254, 256, -1])
def test_colorize_names_the_label_without_a_color(label):
    labels = torch.zeros(4, 5, dtype=torch.long)
    labels[2, 3] = label
    with pytest.raises(ValueError, match=rf"got {label} at row 2, column 3"):
        colors.colorize(labels)


def test_colorize_takes_a_palette_of_its_own():
    palette = np.array([[1, 2, 3], [4, 5, 6]], dtype=np.uint8)
    labels = torch.tensor([[0, 1], [255, 0]])
    assert colors.colorize(labels, palette).tolist() == [
        [[1, 2, 3], [4, 5, 6]],
        [[0, 0, 0], [1, 2, 3]],
    ]
    with pytest.raises(ValueError, match=r"0\.\.1 or 255.*got 2 at"):
        colors.colorize(labels * 0 + 2, palette)
    with pytest.raises(ValueError, match="palette must be integers"):
        colors.colorize(labels, palette / 255)
    with pytest.raises(ValueError, match=r"in 0\.\.255"):
        colors.colorize(labels, palette.astype(int) * 100)


def test_colorize_takes_the_palette_of_a_task():
    task = Task(classes=("road", "sky"), palette=((1, 2, 3), (4, 5, 255)))
    drawn = colors.colorize(torch.tensor([[1, 0]]), task.palette)
    assert drawn.tolist() == [[[4, 5, 255], [1, 2, 3]]]


@pytest.mark.parametrize(
    "labels", [torch.zeros(2, 3), torch.zeros(1, 2, 3, dtype=torch.long)]
)
def test_colorize_wants_integers_h_w(labels):
    with pytest.raises(ValueError, match="integers of shape h w, got"):
        colors.colorize(labels)


def test_overlay_goes_from_the_image_to_the_colors():
    photo = torch.rand(3, 16, 16)
    labels = torch.arange(256).view(16, 16) % 12
    image = (photo * 255).round().byte().permute(1, 2, 0).numpy()
    drawn = colors.colorize(labels)
    assert (colors.overlay(photo, labels, alpha=0) == image).all()
    assert (colors.overlay(photo, labels, alpha=1) == drawn).all()
    half = colors.overlay(photo, labels, alpha=0.5)
    middle = (image.astype(float) + drawn) / 2
    assert half.dtype == np.uint8 and abs(half - middle).max() <= 1
    of_bytes = colors.overlay(image, labels, alpha=0.5).astype(float)
    assert abs(of_bytes - half).max() <= 1


def test_overlay_says_what_does_not_fit():
    photo, labels = torch.zeros(3, 8, 8), torch.zeros(4, 8, dtype=torch.long)
    with pytest.raises(
        ValueError, match=r"one size, got \(8, 8\) and \(4, 8\)"
    ):
        colors.overlay(photo, labels)
    with pytest.raises(ValueError, match=r"alpha must lie in 0\.\.1, got 2"):
        colors.overlay(photo, labels, alpha=2)
    with pytest.raises(ValueError, match="3 channels"):
        colors.overlay(photo[0], labels)


def test_palette_for_any_number_of_classes():
    """All colours differ from each other and from that of void."""
    for classes in (1, 2, 12, 13, 150, 255):
        palette = colors.palette_for(classes)
        assert palette.shape == (classes, 3) and palette.dtype == np.uint8
        different = {*map(tuple, palette.tolist()), colors.VOID_COLOR}
        assert len(different) == classes + 1
        first = colors.PALETTE[:classes]
        assert (palette[: len(first)] == first).all()
