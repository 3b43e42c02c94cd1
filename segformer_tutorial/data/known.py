"""Known data sets in their own layouts, with their classes and palettes."""

import os
from pathlib import Path

from .dataset import LabelledImages
from .folder import PICTURES, files_by_name
from .images import VOID, Colour, DataError


def read_voc(
    root: str | os.PathLike, split: str, *, labels: str = "", channels: int = 3
) -> LabelledImages:
    """Pascal VOC 2012 as torchvision unpacks it: train, val or trainval.

    `labels` names another way to read label files, as in `LabelReader`; by
    default they are read as this data set has them. `channels` of the
    pictures are read. Raises DataError.
    """
    from torchvision.datasets import VOCSegmentation

    data = _torchvision(VOCSegmentation, root, image_set=split)
    return LabelledImages(
        list(zip(data.images, data.masks, strict=True)),
        VOC_CLASSES,
        labels=labels,
        palette=[voc_colour(k) for k in range(len(VOC_CLASSES))],
        void_colours=[voc_colour(VOID)],
        channels=channels,
    )


def voc_colour(index: int) -> Colour:
    """The colour of a number in Pascal VOC's palette.

    Bit by bit: the lowest three of the index are the highest of red, green
    and blue, the next three the second highest, and so on.
    """
    levels = [0, 0, 0]
    for k in range(8):
        levels[k % 3] |= (index >> k & 1) << 7 - k // 3
    r, g, b = levels
    return r, g, b


def read_pet(
    root: str | os.PathLike, split: str, *, labels: str = "", channels: int = 3
) -> LabelledImages:
    """Oxford-IIIT Pet: the animal against what is behind it.

    `split` is train (the set's trainval), val or test (both its test). The
    files number animal 1, background 2 and the line between them 3: void.
    `labels` and `channels` are as in `read_voc`. Raises DataError.
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
        labels=labels,
        values=None if labels else {1: 1, 2: 0, 3: VOID},
        channels=channels,
    )


def read_cityscapes(
    root: str | os.PathLike, split: str, *, labels: str = "", channels: int = 3
) -> LabelledImages:
    """Cityscapes, fine labels: 19 classes out of the 34 in the files.

    `split` is train, val or test. `labels` and `channels` are as in
    `read_voc`. Raises DataError.
    """
    from torchvision.datasets import Cityscapes

    data = _torchvision(Cityscapes, root, split=split, target_type="semantic")
    values, known = {}, {}
    for entry in Cityscapes.classes:
        if entry.id >= 0:  # -1 is the licence plate, which no file holds
            ignored = entry.ignore_in_eval
            values[entry.id] = VOID if ignored else entry.train_id
            if not ignored:
                known[entry.train_id] = entry
    paths = [path for (path,) in data.targets]
    entries = [known[k] for k in sorted(known)]
    return LabelledImages(
        sorted(zip(data.images, paths, strict=True)),
        [entry.name for entry in entries],
        labels=labels,
        values=None if labels else values,
        palette=[entry.color for entry in entries],
        void_colours=[(0, 0, 0)],
        channels=channels,
    )


def read_ade20k(
    root: str | os.PathLike, split: str, *, labels: str = "", channels: int = 3
) -> LabelledImages:
    """ADE20K as in the scene parsing challenge: 150 classes.

    The files number the classes from 1, and 0 is void: all shift by one.
    `split` is train or val. `labels` and `channels` are as in `read_voc`.
    Raises DataError.
    """
    folder = Path(root)
    if not (folder / "annotations").is_dir():
        folder /= "ADEChallengeData2016"
    part = {"train": "training", "val": "validation"}.get(split, split)
    images = folder / "images" / part
    numbers = folder / "annotations" / part
    table = folder / "objectInfo150.txt"
    for path in (images, numbers, table):
        if not path.exists():
            raise DataError(f"{path}: not there; expected ADEChallengeData2016")
    lines = table.read_text(encoding="utf-8").splitlines()[1:]
    classes = [line.split("\t")[-1].split(",")[0].strip() for line in lines]
    if len(classes) != len(ADE20K_PALETTE):
        raise DataError(
            f"{table}: {len(ADE20K_PALETTE)} classes expected, "
            f"got {len(classes)}"
        )
    found = files_by_name(images, PICTURES)
    if not found:
        raise DataError(f"{images}: no pictures ({', '.join(PICTURES)})")
    return LabelledImages(
        [(path, numbers / f"{path.stem}.png") for path in found.values()],
        classes,
        labels=labels or "from-one",
        palette=ADE20K_PALETTE,
        channels=channels,
    )


def _torchvision(dataset: type, root: str | os.PathLike, **options):
    """Make a torchvision data set, or say where it was looked for."""
    try:
        return dataset(root, **options)
    except (RuntimeError, ValueError, OSError) as error:
        raise DataError(f"{dataset.__name__} in {root}: {error}") from error


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

# The challenge's own colours; road and skyscraper share one.
_LEVELS = bytes.fromhex(
    """
    787878 b47878 06e6e6 503232 04c803 787850 8c8c8c cc05ff e6e6e6 04fa07
    e005ff ebff07 96053d 787846 08ff33 ff0652 8fff8c ccff04 ff3307 cc4603
    0066c8 3de6fa ff0633 0b66ff ff0747 ff09e0 0907e6 dcdcdc ff095c 7009ff
    08ffd6 07ffe0 ffb806 0aff47 ff290a 07ffff e0ff08 6608ff ff3d06 ffc207
    ff7a08 00ff14 ff0829 ff0599 0633ff eb0cff a09614 00a3ff 8c8c8c fa0a0f
    14ff00 1fff00 ff1f00 ffe000 99ff00 0000ff ff4700 00ebff 00adff 1f00ff
    0bc8c8 ff5200 00fff5 003dff 00ff70 00ff85 ff0000 ffa300 ff6600 c2ff00
    008fff 33ff00 0052ff 00ff29 00ffad 0a00ff adff00 00ff99 ff5c00 ff00ff
    ff00f5 ff0066 ffad00 ff0014 ffb8b8 001fff 00ff3d 0047ff ff00cc 00ffc2
    00ff52 000aff 0070ff 3300ff 00c2ff 007aff 00ffa3 ff9900 00ff0a ff7000
    8fff00 5200ff a3ff00 ffeb00 08b8aa 8500ff 00ff5c b800ff ff001f 00b8ff
    00d6ff ff0070 5cff00 00e0ff 70e0ff 46b8a0 a300ff 9900ff 47ff00 ff00a3
    ffcc00 ff008f 00ffeb 85ff00 ff00eb f500ff ff007a fff500 0abed4 d6ff00
    00ccff 1400ff ffff00 0099ff 0029ff 00ffcc 2900ff 29ff00 ad00ff 00f5ff
    4700ff 7a00ff 00ffb8 005cff b8ff00 0085ff ffd600 19c2c2 66ff00 5c00ff
    """
)
ADE20K_PALETTE = tuple(
    zip(_LEVELS[::3], _LEVELS[1::3], _LEVELS[2::3], strict=True)
)
