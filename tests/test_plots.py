"""Pictures that say what they were given, in one style."""

import io
from itertools import combinations

import numpy as np
import pytest
import torch

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402
from eyes import EYES, cielab  # noqa: E402
from matplotlib.colors import to_rgb  # noqa: E402

from segformer_tutorial.classroom import plots as plot  # noqa: E402
from segformer_tutorial.classroom.photo import sample_photo  # noqa: E402
from segformer_tutorial.predict.colors import PALETTE, colorize  # noqa: E402


@pytest.fixture(autouse=True)
def fresh():
    with matplotlib.rc_context():
        yield
    plt.close("all")


def test_show_images_draws_what_it_is_given():
    photo = sample_photo(8)
    labels = torch.zeros(8, 8, dtype=torch.long)
    grey = torch.linspace(-3, 3, 64).view(8, 8)
    images = [photo, colorize(labels), grey, photo[:1], photo]
    figure = plot.show_images(images, list("abcde"), columns=3, vmin=-3)
    assert len(figure.axes) == 6
    drawn = [axis for axis in figure.axes if axis.images]
    assert [axis.get_title() for axis in drawn] == list("abcde")
    assert not any(axis.axison for axis in figure.axes)
    np.testing.assert_allclose(
        drawn[0].images[0].get_array(), photo.permute(1, 2, 0)
    )
    assert (drawn[1].images[0].get_array() == PALETTE[0]).all()
    assert drawn[2].images[0].get_clim() == (-3, 3)
    assert drawn[3].images[0].get_array().shape == (8, 8)


@pytest.mark.parametrize(
    ("images", "titles", "message"),
    [
        ([], None, "at least one image"),
        ([torch.zeros(3, 4, 4)], ["a", "b"], "expected 1 titles.*got 2"),
        ([torch.zeros(4, 4, 3)], None, r"3 h w, got \(4, 4, 3\)"),
        ([np.zeros((3, 4, 4))], None, r"h w 3, got \(3, 4, 4\)"),
        ([torch.zeros(1, 3, 4, 4)], None, r"got \(1, 3, 4, 4\)"),
        ([torch.full((3, 4, 4), 2.5)], None, r"0\.\.1, got values.* 2\.5"),
        ([torch.full((3, 4, 4), torch.nan)], None, r"0\.\.1, got values"),
    ],
)
def test_show_images_says_what_does_not_fit(images, titles, message):
    with pytest.raises(ValueError, match=message):
        plot.show_images(images, titles)


def test_show_images_names_rows_and_columns():
    images = [torch.zeros(3, 8, 8)] * 5
    columns, rows = ["a", "b", "c"], ["above", "below"]
    figure = plot.show_images(images, columns, rows=rows, columns=3)
    axes = np.array(figure.axes).reshape(2, 3)
    assert [axis.get_title() for axis in axes[0]] == columns
    assert not any(axis.get_title() for axis in axes[1])
    named = [axis for axis in axes[:, 0] if axis.axison]
    assert [axis.get_ylabel() for axis in named] == rows
    assert not any(axis.axison for axis in axes[:, 1:].flat)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ({"titles": ["a"] * 4, "rows": ["x"] * 2}, "2 titles.*column, got 4"),
        ({"rows": ["x"]}, "expected 2 rows, one for each row, got 1"),
    ],
)
def test_show_images_wants_all_names(names, message):
    images = [torch.zeros(3, 4, 4)] * 4
    with pytest.raises(ValueError, match=message):
        plot.show_images(images, columns=2, **names)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_style_gives_small_and_stable_pictures(number):
    plot.use_book_style()
    photo = sample_photo()
    files = []
    for _ in range(2):
        figure = plot.show_images([photo] * number, ["photo"] * number)
        file = io.BytesIO()
        figure.savefig(file, metadata={"Software": None}, dpi=90)
        files.append(file.getvalue())
    assert files[0] == files[1]
    assert b"matplotlib" not in files[0]
    # Before a notebook stores it with a palette; matplotlib 3.10 takes 157 kB.
    assert len(files[0]) < 170_000


def test_style_has_two_pixels_for_one():
    plot.use_book_style()
    assert plt.rcParams["savefig.dpi"] == 2 * plt.rcParams["figure.dpi"]


def test_style_is_white_and_readable_on_a_phone():
    plot.use_book_style()
    style = plt.rcParams
    white = (1, 1, 1)
    assert to_rgb(style["figure.facecolor"]) == white
    assert to_rgb(style["savefig.facecolor"]) == white
    # a figure of 6.5 inches is shown 358 px wide
    points = min(style[key] for key in ("font.size", "xtick.labelsize"))
    assert points / 72 / 6.5 * 358 > 9


def test_lines_stand_out_from_white():
    plot.use_book_style()
    cycle = plt.rcParams["axes.prop_cycle"].by_key()["color"]
    assert len(set(cycle)) == len(cycle) >= 6
    colors = [to_rgb(c) for c in cycle]
    white = cielab([(255, 255, 255)], "normal")
    for lab in cielab(np.array(colors) * 255, "normal"):
        assert np.linalg.norm(lab - white) > 35


def test_legend_shows_each_class_in_its_colour():
    figure = plot.show_images([torch.zeros(3, 8, 8)])
    height = figure.get_figheight()
    plot.legend(figure, {2: "tree", 255: "void", 0: "road"}, columns=2)
    (drawn,) = figure.legends
    assert [x.get_text() for x in drawn.get_texts()] == ["tree", "void", "road"]
    shown = [to_rgb(patch.get_facecolor()) for patch in drawn.get_patches()]
    np.testing.assert_allclose(
        shown, np.array([PALETTE[2], (0, 0, 0), PALETTE[0]]) / 255
    )
    assert figure.get_figheight() == pytest.approx(height + 2 * 0.3)


def test_legend_stands_below_the_images():
    figure = plot.show_images([torch.zeros(3, 8, 8)], ["photo"])
    plot.legend(figure, ["road", "sky"], [(1, 2, 3), (4, 5, 6)])
    figure.canvas.draw()
    (drawn,) = figure.legends
    image = figure.axes[0].get_window_extent()
    assert drawn.get_window_extent().y1 <= image.y0
    assert drawn.get_window_extent().y0 >= 0


def test_legend_of_one_axis():
    axis = plt.figure().add_subplot()
    plot.legend(axis, ["road", "sky"])
    texts = axis.get_legend().get_texts()
    assert [text.get_text() for text in texts] == ["road", "sky"]


def test_legend_names_a_class_without_a_colour():
    with pytest.raises(ValueError, match=r"0\.\.11 or 255.*got 12"):
        plot.legend(plt.figure(), {12: "boat"})


def test_stages_differ_for_all_eyes_and_grow_darker():
    colors = [np.array(to_rgb(c)) * 255 for c in plot.STAGES]
    for eyes in EYES:
        seen = cielab(np.array(colors), eyes)
        for a, b in combinations(seen, 2):
            assert np.linalg.norm(a - b) > 15, eyes
        assert (np.diff(seen[:, 0]) < 0).all(), eyes
    for paper in ((255, 255, 255), (18, 18, 18)):  # light and dark mode
        ground = cielab([paper], "normal")
        for lab in cielab(np.array(colors), "normal"):
            assert np.linalg.norm(lab - ground) > 35
