"""What label files mean: numbers or colours become classes."""

import os
from collections.abc import Mapping, Sequence
from numbers import Integral

import torch
from torch import Tensor

from .images import VOID, DataError, LabelFile

WAYS = ("index", "from-one", "binary", "colours")


class LabelReader:
    """`reader(path)`: the class of each pixel of a label file.

    The result is `h w` in 0..k-1, or 255 where a pixel is void (int64).
    `labels` says how the files are read:

    - "index": a number is a class, 255 is void. A file in colours is read by
      the `palette`, if there is one.
    - "": "index", but a file whose palette contradicts the `palette` of the
      classes is an error.
    - "from-one": 1..k are the classes, 0 and 255 are void.
    - "binary": 0 is the first of two classes, and 1 or 255 is the second.
    - "colours": every file is read by the colours in which it is shown:
      those of `palette`, and `void_colours`.
    - a table such as "0=255,7=0,8=1": the class (or 255) for each number.

    `values` is such a table as a mapping. Raises DataError for a table or a
    palette that does not fit the classes, and for files, which it names.
    """

    def __init__(
        self,
        classes: Sequence[str],
        *,
        labels: str = "",
        values: Mapping[int, int] | None = None,
        palette: Sequence[Sequence[int]] | None = None,
        void_colours: Sequence[Sequence[int]] = (),
    ):
        if labels and values is not None:
            raise DataError(f"labels {labels!r} or values expected, got both")
        self.classes = tuple(classes)
        self.labels = labels
        self.given = values is not None
        self.values = dict(values if self.given else _values(labels, classes))
        check_values(self.values, len(classes))
        self._class_of = torch.full((256,), -1)
        for number, label in self.values.items():
            self._class_of[number] = label
        self._colours = _by_colour(palette, void_colours, len(classes))
        if labels == "colours" and not self._colours:
            raise DataError(
                "labels in colours need a colour for each class, and no colour "
                "twice; classes.txt gives them: name r g b"
            )

    @property
    def from_one(self) -> bool:
        """Whether the classes count from one, and 0 is void."""
        found = {VOID: VOID} | self.values
        return found == _values("from-one", self.classes)

    def __call__(self, path: str | os.PathLike) -> Tensor:
        file = LabelFile(path)
        if self.labels == "colours" or (
            self.labels in ("", "index") and self._colours and file.in_colour
        ):
            return self._read_colours(file)
        numbers = file.numbers()
        used = numbers.flatten().bincount().nonzero()[:, 0].tolist()
        if not self.values.keys() >= {*used}:
            raise DataError(f"{path}: {self._wrong(used)}")
        if self.labels == "binary" and {1, 255} <= {*used}:
            raise DataError(
                f"{path}: a mask must hold 0 and 1 or 0 and 255, got all three "
                "numbers; if 255 is void, leave out labels=binary"
            )
        if not self.given and self.labels in ("", "binary"):
            self._check_palette(file, used)
        labels = self._class_of.index_select(0, numbers.flatten().int())
        return labels.view_as(numbers)

    def _read_colours(self, file: LabelFile) -> Tensor:
        r, g, b = file.colours().int().unbind(-1)
        codes = (r << 16) + (g << 8) + b
        runs, run = codes.unique_consecutive(return_inverse=True)
        classes = [self._colours.get(code, -1) for code in runs.tolist()]
        labels = torch.tensor(classes).index_select(0, run.flatten())
        wrong = labels.view_as(codes) < 0
        if not wrong.any():
            return labels.view_as(codes)
        row, column = (int(x) for x in wrong.nonzero()[0])
        pixels, kinds = int(wrong.sum()), len(codes[wrong].unique())
        text = (
            f"{file.path}: colour {_name(int(codes[row, column]))} at row "
            f"{row}, column {column} belongs to no class"
        )
        if pixels > 1:
            text += f"; {pixels} pixels of {kinds} such colours in all"
        if kinds > 8:
            text += "; smoothed borders and JPEG mix colours: export without"
        raise DataError(text)

    def _wrong(self, used: list[int]) -> str:
        """Why not all of these numbers are labels."""
        found = [n for n in used if n not in self.values]
        some = f"{found[:8]}"
        if found[8:]:
            some += f" and {len(found) - 8} more"
        if self.labels == "binary":
            return f"a mask must hold 0 and 1 or 0 and 255, got {some}"
        k = len(self.classes)
        text = (
            f"labels must be {', '.join(_ranges(self.values))}, for {k} "
            f"classes and void, got {some}"
        )
        if self.given or self.labels not in ("", "index"):
            return text
        if found == [k] and 0 not in used:
            return f"{text}; labels=from-one reads labels that count from one"
        return f"{text}; a table such as labels=0=0,127=1 reads other numbers"

    def _check_palette(self, file: LabelFile, used: list[int]) -> None:
        """Refuse a file whose colours all are classes, but other ones."""
        colours = {0: 0, 0xFFFFFF: 1} if self.labels else self._colours
        codes = [(r << 16) + (g << 8) + b for r, g, b in file.palette]
        used = [n for n in used if n < len(codes)]
        shown = {codes[n]: n for n in used}
        if not shown.keys() <= colours.keys() or len(shown) < len(used):
            return
        for code, number in shown.items():
            found, label = colours[code], self.values[number]
            if found != label:
                raise DataError(
                    f"{file.path}: number {number} is shown in the colour "
                    f"{_name(code)}, which is that of {self._called(found)} "
                    f"and not of {self._called(label)}: "
                    + (
                        "to read it so, give the two classes the colours "
                        "0 0 0 and 255 255 255 in classes.txt and say "
                        "labels=colours"
                        if self.labels
                        else "say labels=colours or labels=index"
                    )
                )

    def _called(self, label: int) -> str:
        return "void" if label == VOID else self.classes[label]


def check_values(values: Mapping[int, int], num_classes: int) -> None:
    """Raise DataError for a table that cannot be one of label files."""
    for number, label in values.items():
        if not isinstance(number, Integral) or not 0 <= number <= 255:
            raise DataError(
                f"numbers in label files are 0..255, got {number!r}={label!r}"
            )
        if label != VOID and not (
            isinstance(label, Integral) and 0 <= label < num_classes
        ):
            raise DataError(
                f"a number must mean a class in 0..{num_classes - 1} or "
                f"{VOID} (void), got {number}={label!r}"
            )
    if not set(values.values()) - {VOID}:
        raise DataError("a table of labels must have a number for some class")


def _values(labels: str, classes: Sequence[str]) -> dict[int, int]:
    """The class, or 255, for each number that label files may hold."""
    k = len(classes)
    if labels in ("", "index", "colours"):
        return {n: n for n in (*range(k), VOID)}
    if labels == "from-one":
        return {0: VOID, VOID: VOID} | {n + 1: n for n in range(k)}
    if labels == "binary":
        if k != 2:
            raise DataError(
                "labels=binary needs two classes, or the name of the second "
                f"alone, got {k}"
            )
        return {0: 0, 1: 1, 255: 1}
    values: dict[int, int] = {}
    for entry in labels.split(","):
        number, sign, label = (part.strip() for part in entry.partition("="))
        if not (sign and number.isdecimal() and label.isdecimal()):
            raise DataError(
                f"labels must be {', '.join(WAYS)} or a table such as "
                f"0=255,7=0,8=1, got {labels!r}"
            )
        if int(number) in values:
            raise DataError(f"labels: {number} has two meanings in {labels!r}")
        values[int(number)] = int(label)
    return values


def _by_colour(
    palette: Sequence[Sequence[int]] | None,
    void_colours: Sequence[Sequence[int]],
    num_classes: int,
) -> dict[int, int]:
    """The class, or 255, for each colour; empty where one is not unique."""
    if palette is None:
        return {}
    if len(palette) != num_classes:
        raise DataError(
            f"palette must hold an RGB colour for each of {num_classes} "
            f"classes, got {len(palette)}"
        )
    for colour in (*palette, *void_colours):
        if len(colour) != 3 or not all(x in range(256) for x in colour):
            raise DataError(
                f"a colour must be three numbers in 0..255, got {colour!r}"
            )
    pairs = [*enumerate(palette), *((VOID, c) for c in void_colours)]
    colours = {(r << 16) + (g << 8) + b: label for label, (r, g, b) in pairs}
    return colours if len(colours) == len(pairs) else {}


def _name(code: int) -> str:
    """A colour as in classes.txt: r g b."""
    return f"{code >> 16} {code >> 8 & 255} {code & 255}"


def _ranges(values: Mapping[int, int]) -> list[str]:
    """The numbers as ranges, for an error message: 0..10, 255."""
    found: list[list[int]] = []
    for value in sorted(values):
        if found and value == found[-1][1] + 1:
            found[-1][1] = value
        else:
            found.append([value, value])
    return [f"{a}..{b}" if a < b else f"{a}" for a, b in found]
