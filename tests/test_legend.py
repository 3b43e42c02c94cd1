"""A legend below a picture."""

import numpy as np
import pytest

pytest.importorskip("PIL")
from PIL import ImageFont

from segformer_tutorial.predict.legend import with_legend

COLOURS = ((255, 0, 0), (0, 128, 0), (0, 0, 255))


@pytest.fixture
def picture():
    return np.random.default_rng(0).integers(0, 256, (60, 240, 3), "uint8")


def test_picture_stays_and_each_colour_is_below(picture):
    found = np.array(with_legend(picture, ("red", "green", "blue"), COLOURS))
    assert found.shape[1] == 240
    assert (found[:60] == picture).all()
    below = {tuple(color) for row in found[60:].tolist() for color in row}
    assert {*COLOURS, (255, 255, 255)} <= below


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 1), (3, 40)])
def test_pictures_of_any_shape(size):
    """A long name needs more room than a picture of one pixel has."""
    picture = np.zeros((*size, 3), "uint8")
    found = with_legend(picture, ("a rather long name 100.0%",), COLOURS[:1])
    assert found.width >= max(size[1], 150) and found.height > size[0]
    below = np.array(found)[size[0] :]
    assert (below == 32).all(2).any()  # ink of the text or the frame


def test_many_classes_stand_in_columns(picture):
    names = [f"class {k}" for k in range(40)]
    low = with_legend(picture, names[:1], [(9, 9, 9)]).height
    high = with_legend(picture, names, [(9, 9, 9)] * 40).height
    assert 60 < low < high < 60 + 40 * (low - 60)


@pytest.mark.parametrize("name", ["木 100%", "a\nb\tc", "\udcff", "", "é" * 99])
def test_names_that_cannot_be_drawn(picture, name, monkeypatch):
    with_legend(picture, (name,), COLOURS[:1])
    bitmap = getattr(ImageFont, "load_default_imagefont", None)
    if bitmap is not None:  # what Pillow has without FreeType
        monkeypatch.setattr(ImageFont, "load_default", lambda size: bitmap())
        with_legend(picture, (name,), COLOURS[:1])


def test_no_class_at_all(picture):
    assert with_legend(picture, (), ()).width == 240
