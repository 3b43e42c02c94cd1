"""Pictures and labels: read from folders and known data sets, and checked."""

import os
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import Dataset

ROOT = Path(__file__).resolve().parents[2]

VOID = 255  # the label of a pixel that does not count
IMAGES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")


class DataError(ValueError):
    """A picture or a label file that cannot be used: says which and why."""


class LabelledImages(Dataset):
    """Pictures and a class for each of their pixels.

    `dataset[i]` is a picture, `3 h w` in 0..255 (uint8), and its labels, `h w`
    in 0..k-1, or 255 where a pixel is void (int64). `pairs` are the paths of
    the pictures and of their labels. `values` says what the numbers in the
    label files mean: the class, or 255, for each number; by itself 0..k-1 and
    255 stand for themselves. Reading raises DataError, which names the file.
    """

    def __init__(
        self,
        pairs: Sequence[tuple[str | os.PathLike, str | os.PathLike]],
        classes: Sequence[str],
        *,
        values: Mapping[int, int] | None = None,
    ):
        if not pairs:
            raise DataError("there must be at least one picture, got none")
        if not 1 <= len(classes) < VOID:
            raise DataError(
                f"there must be 1 to {VOID - 1} classes, got {len(classes)}"
            )
        if values is None:
            values = {k: k for k in (*range(len(classes)), VOID)}
        self.pairs = [(Path(image), Path(label)) for image, label in pairs]
        self.classes = tuple(classes)
        self.values = dict(values)
        self._table = torch.full((256,), -1)
        for value, label in self.values.items():
            self._table[value] = label

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        image_path, label_path = self.pairs[index]
        image, raw = read_image(image_path), read_labels(label_path)
        if image.shape[1:] != raw.shape:
            raise DataError(
                f"{label_path}: the labels must be as large as {image_path}, "
                f"{image.shape[1]} x {image.shape[2]} (h x w), "
                f"got {raw.shape[0]} x {raw.shape[1]}"
            )
        labels = self._table[raw.long()]
        if labels.min() < 0:
            wrong = raw[labels < 0].unique().tolist()
            allowed = ", ".join(map(str, _ranges(self.values)))
            raise DataError(
                f"{label_path}: labels must be {allowed}, for "
                f"{len(self.classes)} classes and void, got {wrong}"
            )
        return image, labels


def _ranges(values: Mapping[int, int]) -> list[str]:
    """The numbers as ranges, for an error message: 0..10, 255."""
    found: list[list[int]] = []
    for value in sorted(values):
        if found and value == found[-1][1] + 1:
            found[-1][1] = value
        else:
            found.append([value, value])
    return [f"{a}..{b}" if a < b else f"{a}" for a, b in found]


def read_image(path: str | os.PathLike, *, channels: int = 3) -> Tensor:
    """Read a picture as RGB: `3 h w` in 0..255, uint8.

    Grey and palette pictures become RGB, transparency is dropped, 16 bits
    become 8, and a photo is turned the way its camera noted. Raises DataError.
    """
    image = _open(path)
    if channels != 3:
        raise DataError(f"{path}: 3 channels expected, got {channels}")
    if image.mode.startswith("I"):  # Pillow would clip 16 bits, not scale them
        grey = torch.from_numpy(_numpy(image).astype("float64"))
        if grey.min() < 0 or grey.max() > 65535:
            raise DataError(
                f"{path}: grey values must be in 0..65535, "
                f"got {grey.min():g} to {grey.max():g}"
            )
        return (grey / 257).round().to(torch.uint8).expand(3, -1, -1).clone()
    if image.mode == "F":
        raise DataError(f"{path}: a picture of integers expected, got floats")
    return torch.from_numpy(_numpy(image.convert("RGB"))).permute(2, 0, 1)


def read_labels(path: str | os.PathLike) -> Tensor:
    """Read a label file, one number a pixel: `h w`, uint8. Raises DataError.

    A palette is a way to show the numbers in colour; the numbers are read.
    """
    image = _open(path)
    if image.mode not in ("L", "P"):
        raise DataError(
            f"{path}: labels must have one number of 8 bits a pixel (mode L "
            f"or P), got mode {image.mode}; a picture in the classes' colours "
            "has to be turned into class indices first"
        )
    return torch.from_numpy(_numpy(image))


def _open(path: str | os.PathLike):
    """Open and decode a picture with Pillow, or raise DataError."""
    try:
        from PIL import Image, ImageOps
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "reading pictures needs Pillow: pip install pillow"
        ) from error
    try:
        with Image.open(path) as image:
            return ImageOps.exif_transpose(image)  # this decodes it
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file") from None
    except (OSError, ValueError, SyntaxError) as error:
        raise DataError(f"{path}: cannot be read as a picture: {error}") from (
            error
        )


def _numpy(image):
    import numpy as np

    return np.array(image)  # a copy, which may be written to


def read_folder(root: str | os.PathLike, split: str) -> LabelledImages:
    """The book's layout: one folder of pictures and one of labels a split.

    root/images/<split>/NAME.jpg (or .png, ...), root/labels/<split>/NAME.png
    with a class index for each pixel and 255 for void, root/classes.txt with
    the name of class 0 in its first line, of class 1 in its second. Raises
    DataError that names what is missing.
    """
    root = Path(root)
    names = root / "classes.txt"
    if not names.is_file():
        raise DataError(
            f"{names}: there is no such file; it has one class name a line"
        )
    classes = names.read_text(encoding="utf-8-sig").split("\n")
    classes = [name.strip() for name in classes if name.strip()]
    folders = root / "images" / split, root / "labels" / split
    for folder in folders:
        if not folder.is_dir():
            raise DataError(f"{folder}: there is no such folder")
    images = _by_name(folders[0], IMAGES)
    labels = _by_name(folders[1], (".png",))
    for mine, others, missing in (
        (images, labels, folders[1]),
        (labels, images, folders[0]),
    ):
        alone = sorted(mine.keys() - others.keys())
        if alone:
            more = f" and {len(alone) - 1} more" if alone[1:] else ""
            raise DataError(
                f"{mine[alone[0]]}{more}: no file of this name in {missing}"
            )
    if not images:
        raise DataError(f"{folders[0]}: no pictures ({', '.join(IMAGES)})")
    pairs = [(images[name], labels[name]) for name in sorted(images)]
    return LabelledImages(pairs, classes)


def _by_name(folder: Path, endings: tuple[str, ...]) -> dict[str, Path]:
    """The files of a folder by name without ending, hidden ones left out."""
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in endings and not path.name.startswith("."):
            if path.stem in found:
                raise DataError(f"{path}: {found[path.stem]} has its name too")
            found[path.stem] = path
    return found


def read_voc(root: str | os.PathLike, split: str) -> LabelledImages:
    """Pascal VOC 2012 as torchvision unpacks it: train, val or trainval."""
    from torchvision.datasets import VOCSegmentation

    data = _torchvision(VOCSegmentation, root, image_set=split)
    pairs = list(zip(data.images, data.masks, strict=True))
    return LabelledImages(pairs, VOC_CLASSES)


def read_pet(root: str | os.PathLike, split: str) -> LabelledImages:
    """Oxford-IIIT Pet: the animal against what is behind it.

    `split` is train (the set's trainval), val or test (both its test). The
    files number animal 1, background 2 and the line between them 3: void.
    """
    from torchvision.datasets import OxfordIIITPet

    data = _torchvision(
        OxfordIIITPet,
        root,
        split="test" if split in ("val", "test") else "trainval",
        target_types="segmentation",
    )
    return LabelledImages(
        list(zip(data._images, data._segs, strict=True)),
        ("background", "animal"),
        values={1: 1, 2: 0, 3: VOID},
    )


def read_cityscapes(root: str | os.PathLike, split: str) -> LabelledImages:
    """Cityscapes, fine labels: 19 classes out of the 34 in the files."""
    from torchvision.datasets import Cityscapes

    data = _torchvision(Cityscapes, root, split=split, target_type="semantic")
    values, names = {}, {}
    for entry in Cityscapes.classes:
        if entry.id >= 0:  # -1 is the licence plate, which no file holds
            ignored = entry.ignore_in_eval
            values[entry.id] = VOID if ignored else entry.train_id
            if not ignored:
                names[entry.train_id] = entry.name
    labels = [path for (path,) in data.targets]
    pairs = sorted(zip(data.images, labels, strict=True))
    return LabelledImages(
        pairs, [names[k] for k in sorted(names)], values=values
    )


def read_ade20k(root: str | os.PathLike, split: str) -> LabelledImages:
    """ADE20K as in the scene parsing challenge: 150 classes.

    The files number the classes from 1, and 0 is void: all shift by one.
    """
    folder = Path(root)
    if not (folder / "annotations").is_dir():
        folder /= "ADEChallengeData2016"
    part = {"train": "training", "val": "validation"}.get(split, split)
    images = folder / "images" / part
    labels = folder / "annotations" / part
    table = folder / "objectInfo150.txt"
    for path in (images, labels, table):
        if not path.exists():
            raise DataError(f"{path}: not there; expected ADEChallengeData2016")
    lines = table.read_text(encoding="utf-8").splitlines()[1:]
    classes = [line.split("\t")[-1].split(",")[0].strip() for line in lines]
    pairs = [
        (path, labels / f"{path.stem}.png")
        for path in _by_name(images, IMAGES).values()
    ]
    values = {0: VOID} | {k + 1: k for k in range(len(classes))}
    return LabelledImages(pairs, classes, values=values)


def _torchvision(dataset: type, root: str | os.PathLike, **options):
    """Make a torchvision data set, or say where it was looked for."""
    try:
        return dataset(root, **options)
    except (RuntimeError, ValueError, OSError) as error:
        raise DataError(f"{dataset.__name__} in {root}: {error}") from error


READERS = {
    "folder": read_folder,
    "voc": read_voc,
    "pet": read_pet,
    "cityscapes": read_cityscapes,
    "ade20k": read_ade20k,
}


def read(
    dataset: str,
    root: str | os.PathLike,
    split: str,
    *,
    labels: str = "",
    channels: int = 3,
) -> LabelledImages:
    """Open a data set of any layout."""
    if labels or channels != 3:
        raise DataError(f"not yet: labels {labels!r}, {channels} channels")
    return READERS[dataset](root, split)


VOC_CLASSES = (
    "background",
    "aeroplane",
    "bicycle",
    "bird",
    "boat",
    "bottle",
    "bus",
    "car",
    "cat",
    "chair",
    "cow",
    "diningtable",
    "dog",
    "horse",
    "motorbike",
    "person",
    "pottedplant",
    "sheep",
    "sofa",
    "train",
    "tvmonitor",
)


def data_folder(path: str | os.PathLike | None = None) -> Path:
    """The folder `data` of the repository, or `path` where one is given.

    The data belongs to the repository and not to the installed package, so
    it is found from a clone (in Colab, the first cell of a chapter makes
    one). Raises FileNotFoundError that says where to get it.
    """
    if path is not None:
        folder = Path(path)
        if folder.is_dir():
            return folder
        raise FileNotFoundError(f"{folder} is not a folder")
    # Beside an installed package lies somebody else's `data`, if any.
    if (ROOT / "pyproject.toml").is_file() and (ROOT / "data").is_dir():
        return ROOT / "data"
    raise FileNotFoundError(
        "the data is not part of the installed package: get it with "
        f"`git clone --depth 1 {_repository()}`, and give its path, or "
        "install from there with `pip install -e .`"
    )


def _repository() -> str:
    """The address in the package's metadata."""
    try:
        urls = metadata("segformer-tutorial").get_all("Project-URL") or []
    except PackageNotFoundError:  # the files were copied
        urls = []
    named = dict(url.split(", ", 1) for url in urls)
    return named.get("Homepage", "the book's repository")
