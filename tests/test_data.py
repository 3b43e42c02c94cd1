"""Pictures and labels are read right, or refused with the file's name."""

import shutil
from pathlib import Path

import pytest
import torch

from segformer_tutorial.data import (
    MEAN,
    READERS,
    STD,
    DataError,
    LabelledImages,
    data_folder,
    normalize,
    read_ade20k,
    read_folder,
    read_image,
    read_labels,
)
from segformer_tutorial.data import dataset as data

np = pytest.importorskip("numpy")
Image = pytest.importorskip("PIL.Image")


def installed(monkeypatch, folder: Path) -> None:
    """As if the package lay in `folder`."""
    monkeypatch.setattr(data, "ROOT", folder)


def test_found_in_a_checkout():
    folder = data_folder()
    assert folder == Path(__file__).resolve().parents[1] / "data"
    assert (folder / "README.md").is_file()


def test_explicit_path(tmp_path):
    assert data_folder(tmp_path) == tmp_path
    with pytest.raises(FileNotFoundError, match="nowhere is not a folder"):
        data_folder(tmp_path / "nowhere")


@pytest.mark.parametrize("other", [False, True])
def test_installed_package_says_where_the_data_is(monkeypatch, tmp_path, other):
    """A `data` that belongs to another package is not taken for ours."""
    if other:
        (tmp_path / "data").mkdir()
    installed(monkeypatch, tmp_path)
    with pytest.raises(FileNotFoundError, match="git clone --depth 1 http"):
        data_folder()


def test_a_clone_without_the_folder_says_so_too(monkeypatch, tmp_path):
    root = Path(__file__).resolve().parents[1]
    shutil.copy(root / "pyproject.toml", tmp_path)
    installed(monkeypatch, tmp_path)
    with pytest.raises(FileNotFoundError, match="not part of the installed"):
        data_folder()


def test_copied_files_do_not_need_the_metadata(monkeypatch, tmp_path):
    def missing(name):
        raise data.PackageNotFoundError(name)

    monkeypatch.setattr(data, "metadata", missing)
    installed(monkeypatch, tmp_path)
    with pytest.raises(FileNotFoundError, match="the book's repository"):
        data_folder()


def test_normalize_centres_imagenet_s_mean():
    mean = torch.tensor(MEAN).view(3, 1, 1) / 255
    std = torch.tensor(STD).view(3, 1, 1) / 255
    image = torch.cat([mean, mean + std, mean - 2 * std], dim=2)
    expected = torch.tensor([0.0, 1.0, -2.0]).expand(3, 1, 3)
    torch.testing.assert_close(normalize(image), expected, atol=1e-5, rtol=0)
    batch = normalize(image[None].double())
    assert batch.shape == (1, 3, 1, 3) and batch.dtype == torch.float64
    with pytest.raises(ValueError, match=r"\.\.\. 3 h w, got \(1, 3\)"):
        normalize(image[0])
    with pytest.raises(ValueError, match=r"float in 0\.\.1, got torch.uint8"):
        normalize(image.byte())


# Folders of pictures --------------------------------------------------------


def save(path: Path, array, mode: str | None = None, **options) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(np.asarray(array))
    (image if mode is None else image.convert(mode)).save(path, **options)
    return path


def picture(seed: int = 0, h: int = 6, w: int = 8):
    return np.random.default_rng(seed).integers(0, 256, (h, w, 3), "uint8")


@pytest.fixture
def root(tmp_path) -> Path:
    """Two pictures of 6 x 8 with three classes and void."""
    labels = np.array([[0, 1, 2, 255] * 2] * 6, "uint8")
    for k, name in enumerate(("b.tile", "a")):
        save(tmp_path / f"images/train/{name}.png", picture(k))
        save(tmp_path / f"labels/train/{name}.png", labels % 3)
    save(tmp_path / "labels/train/a.png", labels)
    (tmp_path / "images/train/.DS_Store").touch()
    (tmp_path / "images/train/notes.txt").touch()
    (tmp_path / "classes.txt").write_text("road\ncar\nsky\n", encoding="utf-8")
    return tmp_path


def test_folder(root):
    dataset = read_folder(root, "train")
    assert dataset.classes == ("road", "car", "sky")
    assert [image.name for image, _ in dataset.pairs] == ["a.png", "b.tile.png"]
    image, labels = dataset[0]
    assert image.dtype == torch.uint8 and labels.dtype == torch.int64
    assert torch.equal(image, torch.from_numpy(picture(1)).permute(2, 0, 1))
    assert labels[0].tolist() == [0, 1, 2, 255, 0, 1, 2, 255]
    assert len(dataset) == len(list(torch.utils.data.DataLoader(dataset))) == 2


def test_classes_written_on_windows(root):
    text = "road\r\ncar\r\nsky\r\n"
    (root / "classes.txt").write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert read_folder(root, "train").classes == ("road", "car", "sky")


@pytest.mark.parametrize(
    ("gone", "words"),
    [
        ("classes.txt", "classes.txt: there is no such file"),
        ("images/train", "train: there is no such folder"),
        ("labels/train", "train: there is no such folder"),
        ("labels/train/a.png", "a.png: no file of this name in .*labels"),
        ("images/train/a.png", "a.png: no file of this name in .*images"),
    ],
)
def test_folder_names_what_is_missing(root, gone, words):
    path = root / gone
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.raises(DataError, match=words):
        read_folder(root, "train")


def test_folder_without_pictures(root):
    for path in root.glob("*/train/*"):
        path.unlink()
    with pytest.raises(DataError, match="no pictures"):
        read_folder(root, "train")


def test_two_pictures_of_one_name(root):
    save(root / "images/train/a.jpg", picture())
    with pytest.raises(DataError, match=r"a\.png: .*a\.jpg has its name too"):
        read_folder(root, "train")


def test_label_outside_the_classes_names_file_and_value(root):
    labels = np.zeros((6, 8), "uint8")
    labels[2, 3], labels[4, 4] = 3, 77
    save(root / "labels/train/a.png", labels)
    with pytest.raises(
        DataError, match=r"a\.png: .*0\.\.2, 255.*got \[3, 77\]"
    ):
        read_folder(root, "train")[0]


def test_sizes_that_differ(root):
    save(root / "labels/train/a.png", np.zeros((8, 6), "uint8"))
    with pytest.raises(DataError, match=r"a\.png.*6 x 8 \(h x w\), got 8 x 6"):
        read_folder(root, "train")[0]


def test_corrupt_files_are_named(root):
    path = root / "images/train/a.png"
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(DataError, match=r"images.*a\.png: cannot be read"):
        read_folder(root, "train")[0]
    path.write_text("not a picture")
    with pytest.raises(DataError, match=r"images.*a\.png: cannot be read"):
        read_folder(root, "train")[0]
    with pytest.raises(DataError, match="no such file"):
        read_image(root / "nowhere.png")


def test_labels_in_colour_are_refused(root):
    save(root / "labels/train/a.png", picture())
    with pytest.raises(DataError, match="mode RGB; a picture in the classes'"):
        read_folder(root, "train")[0]


@pytest.mark.parametrize("count", [0, 255])
def test_number_of_classes(count):
    with pytest.raises(DataError, match="1 to 254 classes"):
        LabelledImages([("a", "b")], ["x"] * count)


def test_no_pairs():
    with pytest.raises(DataError, match="at least one picture"):
        LabelledImages([], ["x"])


# Pictures -------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["RGBA", "L", "P", "LA", "CMYK", "1"])
def test_any_mode_becomes_rgb(tmp_path, mode):
    ending = "tif" if mode == "CMYK" else "png"
    path = save(tmp_path / f"x.{ending}", picture(), mode)
    expected = np.array(Image.fromarray(picture()).convert(mode).convert("RGB"))
    image = read_image(path)
    assert image.shape == (3, 6, 8) and image.dtype == torch.uint8
    assert torch.equal(image.permute(1, 2, 0), torch.from_numpy(expected))


def test_transparency_is_dropped(tmp_path):
    colour = picture()
    alpha = np.arange(48, dtype="uint8").reshape(6, 8, 1)
    path = save(tmp_path / "x.png", np.concatenate([colour, alpha], 2))
    assert torch.equal(
        read_image(path).permute(1, 2, 0), torch.from_numpy(colour)
    )


def test_16_bits_are_scaled_not_clipped(tmp_path):
    grey = np.array([[0, 257, 30_000, 65_535]], "uint16")
    image = read_image(save(tmp_path / "x.png", grey))
    assert image[:, 0].tolist() == [[0, 1, 117, 255]] * 3


def test_photo_is_turned_as_the_camera_noted(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by a quarter, clockwise
    path = save(tmp_path / "x.png", picture(), exif=exif)
    turned = np.rot90(picture(), -1).copy()
    assert torch.equal(
        read_image(path).permute(1, 2, 0), torch.from_numpy(turned)
    )


def test_palette_labels_are_numbers(tmp_path):
    image = Image.fromarray(np.array([[0, 1, 20, 255]], "uint8"))
    image.putpalette([value for k in range(256) for value in (k, 255 - k, 7)])
    image.save(tmp_path / "x.png")
    with Image.open(tmp_path / "x.png") as image:
        assert image.mode == "P"
    assert read_labels(tmp_path / "x.png").tolist() == [[0, 1, 20, 255]]


# Known data sets, with small files in their layouts -------------------------


def test_ade20k_shifts_by_one(tmp_path):
    home = tmp_path / "ADEChallengeData2016"
    save(home / "images/validation/ADE_val_1.jpg", picture())
    save(
        home / "annotations/validation/ADE_val_1.png",
        np.array([[0, 1, 2, 150] * 2] * 6, "uint8"),
    )
    rows = [f"{k}\t0.1\t9\t9\tname{k}, other" for k in range(1, 151)]
    table = "\n".join(["Idx\tRatio\tTrain\tVal\tName", *rows])
    (home / "objectInfo150.txt").write_text(table, encoding="utf-8")
    for root in (tmp_path, home):
        dataset = read_ade20k(root, "val")
        assert len(dataset.classes) == 150 and dataset.classes[0] == "name1"
        assert dataset[0][1][0, :4].tolist() == [255, 0, 1, 149]
    with pytest.raises(DataError, match="training: not there"):
        read_ade20k(tmp_path, "train")


def test_voc(tmp_path):
    pytest.importorskip("torchvision")
    home = tmp_path / "VOCdevkit/VOC2012"
    save(home / "JPEGImages/x.jpg", picture())
    save(home / "SegmentationClass/x.png", np.full((6, 8), 20, "uint8"), "P")
    lists = home / "ImageSets/Segmentation"
    lists.mkdir(parents=True)
    (lists / "val.txt").write_text("x\n")
    image = Image.fromarray(np.full((6, 8), 20, "uint8"))
    image.putpalette(list(range(256)) * 3)
    image.save(home / "SegmentationClass/x.png")
    dataset = READERS["voc"](tmp_path, "val")
    assert dataset.classes[15] == "person" and len(dataset.classes) == 21
    assert dataset[0][1].unique().tolist() == [20]
    with pytest.raises(DataError, match="VOCSegmentation in"):
        READERS["voc"](tmp_path / "nowhere", "val")


def test_pet(tmp_path):
    pytest.importorskip("torchvision")
    home = tmp_path / "oxford-iiit-pet"
    save(home / "images/x_1.jpg", picture())
    save(
        home / "annotations/trimaps/x_1.png",
        np.array([[1, 2, 3, 1] * 2] * 6, "uint8"),
    )
    (home / "annotations/trainval.txt").write_text("x_1 1 1 1\n")
    dataset = READERS["pet"](tmp_path, "train")
    assert dataset[0][1][0, :4].tolist() == [1, 0, 255, 1]


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
    dataset = READERS["cityscapes"](tmp_path, "val")
    assert len(dataset.classes) == 19
    assert dataset.classes[0] == "road" and dataset.classes[18] == "bicycle"
    assert dataset[0][1][0, :4].tolist() == [255, 0, 1, 18]
    assert [image.parent.name for image, _ in dataset.pairs] == ["a", "b"]
