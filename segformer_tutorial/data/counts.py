"""How often each class occurs in a split, and what that says of its labels."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from .dataset import LabelledImages
from .images import VOID


@dataclass(frozen=True)
class ClassCounts:
    """The pixels of each class in the label files of a split.

    classes: their names. pixels: how many each class has. void: how many do
    not count. files, total: `files` of the `total` label files were read.
    hint: how the files may be meant, where they look like another kind.
    """

    classes: tuple[str, ...]
    pixels: tuple[int, ...]
    void: int
    files: int
    total: int
    hint: str = ""

    @property
    def missing(self) -> tuple[str, ...]:
        """The names of the classes that do not occur."""
        pairs = zip(self.classes, self.pixels, strict=True)
        return tuple(name for name, count in pairs if not count)

    def report(self, split: str) -> str:
        """What is wrong with the classes of a split, in a line, or nothing."""
        files = f"{self.total} label files"
        if self.files < self.total:
            files = f"a sample of {self.files} of {files}"
        missing = ", ".join(self.missing[:10])
        if self.missing[10:]:
            missing += f" and {len(self.missing) - 10} more"
        if not self.missing:
            return ""
        if not any(self.pixels):
            text = f"every pixel in {files} is void"
        elif len(self.missing) == len(self.classes) - 1:
            (only,) = set(self.classes) - set(self.missing)
            text = f"{only} is the only class in {files}; never seen: {missing}"
        else:
            text = f"no pixel in {files} is {missing}"
        return f"{split}: {text}" + (f"; {self.hint}" if self.hint else "")


def class_counts(dataset: LabelledImages, *, at_most: int = 500) -> ClassCounts:
    """Count the pixels of each class in a split.

    Of more than `at_most` label files as many are read, evenly spread. Raises
    DataError for a file that cannot be read, and ValueError for an `at_most`
    below 1.
    """
    if at_most < 1:
        raise ValueError(f"at_most must be at least 1, got {at_most}")
    total = len(dataset)
    files = min(total, at_most)
    counts = torch.zeros(VOID + 1, dtype=torch.int64)
    for k in range(files):
        labels = dataset.labels_of(k * total // files)
        counts += torch.bincount(labels.flatten(), minlength=VOID + 1)
    pixels = tuple(counts[: len(dataset.classes)].tolist())
    void = int(counts[VOID])
    hint = ""
    if (
        len(pixels) == 2
        and void
        and not pixels[1]
        and dataset.reader.labels in ("", "index")
    ):
        hint = (
            "255 is read as void; if it marks the thing, the masks are binary "
            "(labels=binary)"
        )
    return ClassCounts(dataset.classes, pixels, void, files, total, hint)


def presence_report(splits: Mapping[str, ClassCounts]) -> str:
    """What a user must know about the classes of the splits, or nothing.

    A line for each split in which a class does not occur, in which only one
    class does, or which is void throughout.
    """
    lines = [counts.report(name) for name, counts in splits.items()]
    return "\n".join(filter(None, lines))
