"""Pictures and their labels: read, checked, augmented, drawn in batches."""

from .dataset import (
    MEAN,
    READERS,
    STD,
    VOID,
    DataError,
    LabelledImages,
    data_folder,
    normalize,
    read_ade20k,
    read_cityscapes,
    read_folder,
    read_image,
    read_labels,
    read_pet,
    read_voc,
)

__all__ = [
    "MEAN",
    "READERS",
    "STD",
    "VOID",
    "DataError",
    "LabelledImages",
    "data_folder",
    "normalize",
    "read_ade20k",
    "read_cityscapes",
    "read_folder",
    "read_image",
    "read_labels",
    "read_pet",
    "read_voc",
]
