"""Pictures and a class for each of their pixels, read and checked."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from torch import Tensor
from torch.utils.data import Dataset

from .images import VOID, DataError, read_image
from .labels import LabelReader
from .normalize import default_statistics
from .task import Task


class LabelledImages(Dataset):
    """Pictures and a class for each of their pixels.

    `dataset[i]` is a picture, `channels h w` in 0..255 (uint8), and its
    labels, `h w` in 0..k-1, or 255 where a pixel is void (int64). `pairs` are
    the paths of the pictures and of their labels. `labels`, `values` and
    `void_colours` say what label files mean, as in `LabelReader`; by default
    0..k-1 and 255 stand for themselves. With labels="binary" one name is
    enough: the class before it is "background". `palette` has an RGB colour
    for each class, or is None. Reading raises DataError, which names the file.
    """

    def __init__(
        self,
        pairs: Sequence[tuple[str | os.PathLike, str | os.PathLike]],
        classes: Sequence[str],
        *,
        labels: str = "",
        values: Mapping[int, int] | None = None,
        palette: Sequence[Sequence[int]] | None = None,
        void_colours: Sequence[Sequence[int]] = (),
        channels: int = 3,
    ):
        if not pairs:
            raise DataError("there must be at least one picture, got none")
        if not isinstance(channels, int) or channels < 1:
            raise DataError(f"channels must be at least 1, got {channels!r}")
        if labels == "binary" and len(classes) == 1:
            classes = ("background", *classes)
            palette = palette and ((0, 0, 0), *palette)
        if not 2 <= len(classes) < VOID:
            raise DataError(
                f"there must be 2 to {VOID - 1} classes, got {len(classes)}"
            )
        self.pairs = [(Path(image), Path(label)) for image, label in pairs]
        self.classes = tuple(classes)
        self.palette = palette and tuple(tuple(colour) for colour in palette)
        self.channels = channels
        self.reader = LabelReader(
            self.classes,
            labels=labels,
            values=values,
            palette=self.palette,
            void_colours=void_colours,
        )

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        image_path, label_path = self.pairs[index]
        image = read_image(image_path, channels=self.channels)
        labels = self.labels_of(index)
        size = tuple(labels.shape)
        if image.shape[1:] != size:
            text = (
                f"{label_path}: the labels must be as large as {image_path}, "
                f"{image.shape[1]} x {image.shape[2]} (h x w), "
                f"got {size[0]} x {size[1]}"
            )
            if image.shape[1:] == size[::-1]:
                text += "; is the photo turned by its EXIF orientation?"
            raise DataError(text)
        return image, labels

    def labels_of(self, index: int) -> Tensor:
        """The labels of a sample, without its picture: `h w`."""
        return self.reader(self.pairs[index][1])

    def task(
        self,
        *,
        short_side: int | None = None,
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
    ) -> Task:
        """What a model that learns from these pictures is trained for.

        `mean` and `std` are by default those of `default_statistics`.
        """
        means, stds = default_statistics(self.channels)
        return Task(
            classes=self.classes,
            palette=self.palette,
            short_side=short_side,
            mean=means if mean is None else mean,
            std=stds if std is None else std,
            labels_from_one=self.reader.from_one,
        )
