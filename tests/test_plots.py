"""Colours that can be told apart, pictures that say what they were given."""

import io
from itertools import combinations

import numpy as np
import pytest
import torch

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

from segformer_tutorial.classroom import plots as plot  # noqa: E402

# Machado, Oliveira and Fernandes (2009), severity 1, on linear RGB.
EYES = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "tritanopia": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}
TO_XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)


@pytest.fixture(autouse=True)
def fresh():
    with matplotlib.rc_context():
        yield
    plt.close("all")


def cielab(colors: np.ndarray, eyes: str) -> np.ndarray:
    """sRGB 0..255 -> CIELAB, as the eyes see it."""
    c = np.asarray(colors) / 255
    linear = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
    linear = np.clip(linear @ EYES[eyes].T, 0, 1)
    xyz = linear @ TO_XYZ.T / (0.95047, 1, 1.08883)
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    x, y, z = f.T
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], 1)


@pytest.mark.parametrize("eyes", EYES)
def test_colors_differ_to_all_eyes(eyes):
    colors = np.vstack([plot.PALETTE, plot.VOID_COLOR])
    assert colors.shape == (13, 3)
    distance = min(
        np.linalg.norm(a - b) for a, b in combinations(cielab(colors, eyes), 2)
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
        plot.PALETTE[0] = 0


def test_colorize_can_be_undone():
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(12, (17, 23), generator=generator)
    labels[3:5] = 255
    colors = plot.colorize(labels)
    assert colors.shape == (17, 23, 3) and colors.dtype == np.uint8
    label_of = {tuple(c): i for i, c in enumerate(plot.PALETTE.tolist())}
    label_of[plot.VOID_COLOR] = 255
    back = [[label_of[tuple(c)] for c in row] for row in colors.tolist()]
    assert back == labels.tolist()
    assert (plot.colorize(labels.numpy().astype(np.uint8)) == colors).all()


@pytest.mark.parametrize("label", [12, 254, 256, -1])
def test_colorize_names_the_label_without_a_color(label):
    labels = torch.zeros(4, 5, dtype=torch.long)
    labels[2, 3] = label
    with pytest.raises(ValueError, match=rf"got {label} at row 2, column 3"):
        plot.colorize(labels)


def test_colorize_takes_a_palette_of_its_own():
    palette = np.array([[1, 2, 3], [4, 5, 6]], dtype=np.uint8)
    labels = torch.tensor([[0, 1], [255, 0]])
    assert plot.colorize(labels, palette).tolist() == [
        [[1, 2, 3], [4, 5, 6]],
        [[0, 0, 0], [1, 2, 3]],
    ]
    with pytest.raises(ValueError, match=r"0\.\.1 or 255.*got 2 at"):
        plot.colorize(labels * 0 + 2, palette)
    with pytest.raises(ValueError, match="palette must be uint8"):
        plot.colorize(labels, palette / 255)


@pytest.mark.parametrize(
    "labels", [torch.zeros(2, 3), torch.zeros(1, 2, 3, dtype=torch.long)]
)
def test_colorize_wants_integers_h_w(labels):
    with pytest.raises(ValueError, match="integers of shape h w, got"):
        plot.colorize(labels)


def test_overlay_goes_from_the_image_to_the_colors():
    photo = plot.sample_photo(16)
    labels = torch.arange(256).view(16, 16) % 12
    image = (photo * 255).round().byte().permute(1, 2, 0).numpy()
    colors = plot.colorize(labels)
    assert (plot.overlay(photo, labels, alpha=0) == image).all()
    assert (plot.overlay(photo, labels, alpha=1) == colors).all()
    half = plot.overlay(photo, labels, alpha=0.5)
    middle = (image.astype(float) + colors) / 2
    assert half.dtype == np.uint8 and abs(half - middle).max() <= 1
    of_bytes = plot.overlay(image, labels, alpha=0.5).astype(float)
    assert abs(of_bytes - half).max() <= 1


def test_overlay_says_what_does_not_fit():
    photo, labels = torch.zeros(3, 8, 8), torch.zeros(4, 8, dtype=torch.long)
    with pytest.raises(
        ValueError, match=r"one size, got \(8, 8\) and \(4, 8\)"
    ):
        plot.overlay(photo, labels)
    with pytest.raises(ValueError, match=r"alpha must lie in 0\.\.1, got 2"):
        plot.overlay(photo, labels, alpha=2)
    with pytest.raises(ValueError, match="3 channels"):
        plot.overlay(photo[0], labels)


def test_photo_is_a_square_in_range():
    whole = plot.sample_photo()
    assert whole.shape == (3, 512, 512) and whole.dtype == torch.float32
    assert whole.min() >= 0 and whole.max() <= 1
    assert whole.std() > 0.1
    small = plot.sample_photo(64)
    assert small.shape == (3, 64, 64)
    assert small.min() >= 0 and small.max() <= 1
    # resizing keeps each region's brightness: nothing moved or flipped
    regions = torch.nn.functional.adaptive_avg_pool2d
    torch.testing.assert_close(
        regions(small, 4), regions(whole, 4), atol=0.02, rtol=0
    )
    with pytest.raises(ValueError, match="at least 1, got 0"):
        plot.sample_photo(0)


def test_show_images_draws_what_it_is_given():
    photo = plot.sample_photo(8)
    labels = torch.zeros(8, 8, dtype=torch.long)
    grey = torch.linspace(-3, 3, 64).view(8, 8)
    images = [photo, plot.colorize(labels), grey, photo[:1], photo]
    figure = plot.show_images(images, list("abcde"), columns=3, vmin=-3)
    assert len(figure.axes) == 6
    drawn = [axis for axis in figure.axes if axis.images]
    assert [axis.get_title() for axis in drawn] == list("abcde")
    assert not any(axis.axison for axis in figure.axes)
    np.testing.assert_allclose(
        drawn[0].images[0].get_array(), photo.permute(1, 2, 0)
    )
    assert (drawn[1].images[0].get_array() == plot.PALETTE[0]).all()
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


@pytest.mark.parametrize("number", [1, 2, 3])
def test_style_gives_small_and_stable_pictures(number):
    plot.use_book_style()
    photo = plot.sample_photo()
    files = []
    for _ in range(2):
        figure = plot.show_images([photo] * number, ["photo"] * number)
        file = io.BytesIO()
        figure.savefig(file, metadata={"Software": None})
        files.append(file.getvalue())
    assert files[0] == files[1]
    assert b"matplotlib" not in files[0]
    assert len(files[0]) < 150_000


def test_style_is_white_and_readable_on_a_phone():
    plot.use_book_style()
    style = plt.rcParams
    white = (1, 1, 1)
    assert matplotlib.colors.to_rgb(style["figure.facecolor"]) == white
    assert matplotlib.colors.to_rgb(style["savefig.facecolor"]) == white
    # a figure of 6.5 inches is shown 358 px wide
    points = min(style[key] for key in ("font.size", "xtick.labelsize"))
    assert points / 72 / 6.5 * 358 > 9


def test_lines_stand_out_from_white():
    plot.use_book_style()
    cycle = plt.rcParams["axes.prop_cycle"].by_key()["color"]
    assert len(set(cycle)) == len(cycle) >= 6
    colors = [matplotlib.colors.to_rgb(c) for c in cycle]
    white = cielab([(255, 255, 255)], "normal")
    for lab in cielab(np.array(colors) * 255, "normal"):
        assert np.linalg.norm(lab - white) > 35


def test_the_missing_extra_is_named(monkeypatch):
    import builtins

    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    for call in (plot.use_book_style, plot.sample_photo):
        with pytest.raises(ImportError, match="pip install matplotlib"):
            call()
