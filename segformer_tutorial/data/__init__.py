"""Pictures and their labels: read, checked, augmented, drawn in batches."""

from .dataset import (
    READERS,
    VOID,
    DataError,
    LabelledImages,
    data_folder,
    read,
    read_ade20k,
    read_cityscapes,
    read_folder,
    read_image,
    read_labels,
    read_pet,
    read_voc,
)
from .normalize import MEAN, STD, normalize
from .task import Task, task_of

__all__ = [
    "MEAN",
    "READERS",
    "STD",
    "VOID",
    "DataError",
    "LabelledImages",
    "Task",
    "data_folder",
    "normalize",
    "read",
    "read_ade20k",
    "read_cityscapes",
    "read_folder",
    "read_image",
    "read_labels",
    "read_pet",
    "read_voc",
    "task_of",
]
