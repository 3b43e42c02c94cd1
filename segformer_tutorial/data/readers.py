"""Open a data set by the name of its layout."""

import os

from .dataset import LabelledImages
from .folder import read_folder
from .images import DataError
from .known import read_ade20k, read_cityscapes, read_pet, read_voc

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
    """Read a split of a data set: `dataset` is one of READERS.

    `labels` says how label files are read, as in `LabelReader`: by default as
    in the layout itself. `channels` of the pictures are read. Raises
    DataError.
    """
    if dataset not in READERS:
        raise DataError(
            f"dataset must be one of {', '.join(READERS)}, got {dataset!r}"
        )
    return READERS[dataset](root, split, labels=labels, channels=channels)
