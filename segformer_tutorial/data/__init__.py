"""Pictures and their labels: read, checked, augmented, drawn in batches."""

from .counts import ClassCounts, class_counts, presence_report
from .dataset import LabelledImages
from .folder import read_classes, read_folder
from .images import VOID, DataError, read_image, read_labels
from .known import read_ade20k, read_cityscapes, read_pet, read_voc
from .normalize import MEAN, STD, default_statistics, normalize
from .readers import READERS, read
from .scenes import data_folder
from .task import Task, task_of

__all__ = [
    "MEAN",
    "READERS",
    "STD",
    "VOID",
    "ClassCounts",
    "DataError",
    "LabelledImages",
    "Task",
    "class_counts",
    "data_folder",
    "default_statistics",
    "normalize",
    "presence_report",
    "read",
    "read_ade20k",
    "read_cityscapes",
    "read_classes",
    "read_folder",
    "read_image",
    "read_labels",
    "read_pet",
    "read_voc",
    "task_of",
]
