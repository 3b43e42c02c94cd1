"""The drawn scenes: what lies in the folder, and that it can be drawn again."""

import re
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from PIL import __version__ as pillow

from segformer_tutorial.data import data_folder, read_folder
from segformer_tutorial.evaluate.metrics import ConfusionMatrix
from segformer_tutorial.predict.colors import PALETTE

sys.path.insert(0, str(data_folder()))
import draw_scenes
from scenery import raycast
from scenery.paints import glowing, plain
from scenery.things import CLASSES, VOID

SCENES = data_folder() / "scenes"
LOCK = Path(__file__).resolve().parents[1] / "requirements.txt"
LOCKED = re.search(r"^pillow==(\S+)", LOCK.read_text(), re.MULTILINE)[1]
PICTURE_CRC, LABELS_CRC = 0x5465004E, 0xE91C1513  # of train 1, 64 x 96
SPLITS = list(draw_scenes.COUNTS)


def read(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.array(image)


def load(split: str, kind: str) -> np.ndarray:
    return np.stack(
        [read(p) for p in sorted((SCENES / kind / split).iterdir())]
    )


@pytest.fixture(scope="module")
def labels() -> dict[str, np.ndarray]:
    return {split: load(split, "labels") for split in SPLITS}


def test_layout():
    found = {p.relative_to(SCENES).as_posix() for p in SCENES.rglob("*.*")}
    expected = {"classes.txt"}
    for split, count in draw_scenes.COUNTS.items():
        for number in range(count):
            expected.add(f"images/{split}/{number:04}.jpg")
            expected.add(f"labels/{split}/{number:04}.png")
    assert found == expected


def test_the_classes_have_names_and_colors():
    names = (SCENES / "classes.txt").read_text().splitlines()
    assert tuple(names) == CLASSES
    assert len(set(names)) == len(names) == len(PALETTE)


def test_small_enough_for_a_repository():
    assert sum(p.stat().st_size for p in SCENES.rglob("*.*")) < 6_000_000


def test_pictures_are_small_and_in_color():
    for path in (SCENES / "images").rglob("*.jpg"):
        with Image.open(path) as image:
            assert image.mode == "RGB"
            assert image.size == draw_scenes.SIZE[::-1]


def test_the_package_reads_them():
    for split, count in draw_scenes.COUNTS.items():
        scenes = read_folder(SCENES, split)
        assert len(scenes) == count and scenes.classes == CLASSES
    image, labels = scenes[0]
    assert image.shape == (3, *labels.shape) == (3, *draw_scenes.SIZE)


def test_labels_are_classes_or_void(labels):
    for split, maps in labels.items():
        shape = (draw_scenes.COUNTS[split], *draw_scenes.SIZE)
        assert maps.shape == shape and maps.dtype == np.uint8
        assert set(np.unique(maps)) == {*range(len(CLASSES)), VOID}
        assert 0.02 < (maps == VOID).mean() < 0.1


def test_every_class_is_in_many_pictures_of_every_split(labels):
    for maps in labels.values():
        for label, name in enumerate(CLASSES):
            share = (maps == label).mean()
            pictures = (maps == label).any(axis=(1, 2)).mean()
            assert share > 0.005, name
            assert pictures > 0.4, name


def test_the_table_of_shares_is_true(labels):
    lines = (data_folder() / "README.md").read_text().splitlines()
    shares = [f"{(maps == VOID).mean():.1%}" for maps in labels.values()]
    expected = [["void", *shares]]
    for label, name in enumerate(CLASSES):
        shares = []
        for maps in labels.values():
            here = maps == label
            part = here.sum() / (maps != VOID).sum()
            seen = here.any(axis=(1, 2)).mean()
            shares.append(f"{part:.1%} ({seen:.0%})")
        expected.append([f"{label} {name}", *shares])
    for row in expected:
        assert f"| {' | '.join(row)} |" in lines


def test_no_scene_is_there_twice():
    files = [p.read_bytes() for p in (SCENES / "images").rglob("*.jpg")]
    assert len(set(files)) == len(files)


@pytest.mark.parametrize(("rows", "percent"), [(1, 25), (16, 33)])
def test_a_rule_of_colors_fails(labels, rows, percent):
    """A pixel's class is the commonest of its colour, and row, in train.

    Colours in 16 steps a channel; the numbers are in data/README.md.
    """
    height, count = draw_scenes.SIZE[0], len(CLASSES)

    def bins(split):
        steps = load(split, "images").astype(np.int64) // 16
        key = (np.arange(height) * rows // height)[:, None]
        for channel in range(3):
            key = key * 16 + steps[..., channel]
        return key

    known = labels["train"] != VOID
    pairs = bins("train")[known] * count + labels["train"][known]
    votes = np.bincount(pairs, minlength=rows * 16**3 * count)
    predicted = votes.reshape(-1, count).argmax(axis=1)[bins("val")]
    matrix = ConfusionMatrix(count)
    matrix.update(torch.from_numpy(predicted), torch.from_numpy(labels["val"]))
    assert matrix.mean_iou * 100 == pytest.approx(percent, abs=0.5)


@pytest.mark.parametrize(
    ("split", "number"), [("train", 0), ("val", 7), ("test", 39)]
)
def test_drawn_again_it_is_the_same(split, number, tmp_path):
    drawn = draw_scenes.draw(0, SPLITS.index(split), number)
    draw_scenes.save(tmp_path, split, number, *drawn)
    image = f"images/{split}/{number:04}.jpg"
    label = f"labels/{split}/{number:04}.png"
    np.testing.assert_array_equal(drawn[1], read(SCENES / label))
    np.testing.assert_array_equal(drawn[1], read(tmp_path / label))
    # Another Pillow may write, or read, a JPEG a little differently.
    again, stored = read(tmp_path / image), read(SCENES / image)
    assert abs(again.astype(float) - stored).mean() < 2
    if pillow == LOCKED:
        assert (tmp_path / image).read_bytes() == (SCENES / image).read_bytes()


def test_the_same_pixels_on_every_machine():
    """Before any file format: numbers from one machine, on all others."""
    picture, labels = draw_scenes.draw(0, 0, 1, (64, 96))
    assert zlib.crc32(picture.tobytes()) == PICTURE_CRC
    assert zlib.crc32(labels.tobytes()) == LABELS_CRC


def test_another_size_shows_the_same_scene():
    small = draw_scenes.draw(0, 0, 1, (64, 96))[1]
    assert small.shape == (64, 96)
    large = read(SCENES / "labels" / "train" / "0001.png")[2::4, 2::4]
    counted = (small != VOID) & (large != VOID)
    assert (small == large)[counted].mean() > 0.95


def draw(out, counts=(1, 0, 1), **more):
    draw_scenes.draw_all(
        out, dict(zip(SPLITS, counts, strict=True)), size=(32, 48), **more
    )


def everything(folder: Path) -> dict[str, bytes]:
    return {
        p.relative_to(folder).as_posix(): p.read_bytes()
        for p in folder.rglob("*.*")
    }


def test_a_folder_of_one_s_own(tmp_path):
    """More scenes, and more jobs, leave the first ones as they are."""
    draw(tmp_path / "one")
    draw(tmp_path / "two", (2, 1, 1), jobs=2)
    one, two = everything(tmp_path / "one"), everything(tmp_path / "two")
    assert sorted(one) == [
        "classes.txt",
        "images/test/0000.jpg",
        "images/train/0000.jpg",
        "labels/test/0000.png",
        "labels/train/0000.png",
    ]
    assert one.items() <= two.items() and len(two) == 9
    draw(tmp_path / "one", seed=1, replace=True)
    other = everything(tmp_path / "one")
    assert other.keys() == one.keys() and other != one
    assert sorted(p.name for p in tmp_path.iterdir()) == ["one", "two"]


def test_no_folder_is_left_half_way(tmp_path, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    old = tmp_path / "scenes"
    old.mkdir()
    (old / "mine.txt").write_text("kept")
    with pytest.raises(FileExistsError, match="exists: name another"):
        draw(old)
    monkeypatch.setattr(draw_scenes, "draw", stop)
    with pytest.raises(KeyboardInterrupt):
        draw(old, replace=True)
    with pytest.raises(KeyboardInterrupt):
        draw(tmp_path / "new")
    assert [p.name for p in tmp_path.rglob("*")] == ["scenes", "mine.txt"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--train", "-1"], r"train must be 0..10000 scenes, got -1"),
        (["--size", "16", "96"], r"at least 32, got \(16, 96\)"),
        (["--seed", "-3"], "seed must be at least 0, got -3"),
        (["--jobs", "0"], "jobs must be at least 1, got 0"),
        (["--size", "96"], "expected 2 arguments"),
        (["--out", str(data_folder())], "exists: name another, or use"),
    ],
)
def test_arguments_are_checked(arguments, message, capsys, tmp_path):
    out = ["--out", str(tmp_path / "out")]
    with pytest.raises(SystemExit):
        draw_scenes.main(out + arguments)
    assert re.search(message, capsys.readouterr().err)
    assert not list(tmp_path.iterdir())


def world(*things, turn=0.0):
    """Things in a white light that falls steeply, under a black sky."""
    mood = raycast.Mood(
        sun=(0.0, 1.0, 0.0),
        lamp=(1.0, 1.0, 1.0),
        ambient=(0.0, 0.0, 0.0),
        horizon=(0.0, 0.0, 0.0),
        zenith=(0.0, 0.0, 0.0),
        cloud=(0.0, 0.0, 0.0),
        cover=0.0,
        sight=1e9,
        seed=0,
    )
    place, focal, horizon = (0.0, 2.0, 0.0), 0.5, 0.5
    return raycast.Scene(list(things), mood, place, turn, focal, horizon, sky=1)


def test_a_panel_is_seen_where_it_projects_to():
    """4 x 2 m at 8 m, with a focal length of 32 pixels: 16 x 8 pixels."""
    wall = raycast.Panel(
        (-2, 1, 8), (4, 0, 0), (0, 2, 0), 0, glowing((1.0, 0.16, 0.0))
    )
    picture, labels = raycast.render(world(wall), 32, 64)
    expected = np.ones((32, 64), dtype=np.uint8)
    expected[12:20, 24:40] = 0
    np.testing.assert_array_equal(labels, expected)
    assert picture[16, 32].tolist() == [255, 102, 0]
    assert picture[0, 0].tolist() == [0, 0, 0]
    behind = raycast.render(world(wall, turn=1.0), 32, 64)[1]
    assert (behind == 1).all()


def test_distances_are_those_of_geometry():
    ray = (0.0, 0.0, 0.0), tuple(np.array([x]) for x in (0.0, 0.0, 2.0))
    paint = plain((1.0, 1.0, 1.0))
    ball = raycast.Blob((0, 0, 10), (3, 3, 4), 0, paint)
    pole = raycast.Rod((0, -5, 10), (0, 5, 10), 1.0, 0, paint)
    end = raycast.Rod((0, 0, 10), (0, 1, 20), 1.0, 0, paint)
    aside = raycast.Blob((4, 0, 10), (3, 3, 3), 0, paint)
    with np.errstate(invalid="ignore"):  # the root, where a ray misses
        for thing, distance in (ball, 6), (pole, 9), (end, 9), (aside, np.inf):
            assert thing.hit(*ray)[0] * 2 == pytest.approx(distance)


def test_shadows_fall_along_the_light():
    white = plain((1.0, 1.0, 1.0))
    ground = raycast.Panel((-50, 0, -9), (99, 0, 0), (0, 0, 99), 0, white)
    roof = raycast.Panel((-2, 5, 6), (4, 0, 0), (0, 0, 6), 2, white)
    lit, _ = raycast.render(world(ground), 64, 64)
    dark, _ = raycast.render(world(ground, roof), 64, 64)
    # The ground at 8 m is 2 x 32 / 8 pixels under the horizon.
    assert lit[40, 32].min() == 255 and dark[40, 32].max() == 0
    assert dark[40, 4].min() == dark[60, 32].min() == 255


def test_water_shows_the_world_upside_down():
    red, dark = glowing((1.0, 0.0, 0.0)), plain((0.0, 0.0, 0.0))
    wall = raycast.Panel((-50, 0, 20), (99, 0, 0), (0, 9, 0), 0, red)
    water = raycast.Panel(
        (-50, 0, -9), (99, 0, 0), (0, 0, 29), 4, dark, mirror=True
    )
    picture, labels = raycast.render(world(wall, water), 64, 64)
    assert labels[38, 32] == 4 and picture[38, 32, 0] > 128
    assert labels[60, 32] == 4 and picture[60, 32, 0] == 0


def test_a_fence_is_one_thing_whatever_is_behind():
    paint = plain((1.0, 1.0, 1.0))
    for veil, label in (False, 1), (True, 8):
        fence = raycast.Panel(
            (-50, 0, 5), (99, 0, 0), (0, 9, 0), 8, paint,
            lambda u, v: u < 0, veil,
        )  # fmt: skip
        assert (raycast.render(world(fence), 32, 32)[1][:16] == label).all()


def test_a_mixed_pixel_is_void():
    """Its right half is one class, its left half the other."""
    paint = plain((1.0, 1.0, 1.0))
    wall = raycast.Panel((0.125, -50, 8), (50, 0, 0), (0, 99, 0), 0, paint)
    _, labels = raycast.render(world(wall), 32, 64)
    assert (labels[:, :32] == 1).all() and (labels[:, 33:] == 0).all()
    assert (labels[:, 32] == VOID).all()


def test_what_haze_hides_is_void():
    wall = raycast.Panel(
        (-50, -50, 8), (99, 0, 0), (0, 99, 0), 0, plain((1,) * 3)
    )
    hazy = world(wall)
    hazy.mood.sight = 2.0
    assert (raycast.render(hazy, 32, 32)[1] == VOID).all()
