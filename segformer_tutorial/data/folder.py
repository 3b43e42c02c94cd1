"""The book's layout of pictures, labels and class names, and your own."""

import os
import re
import unicodedata
from pathlib import Path
from typing import NamedTuple

from .dataset import LabelledImages
from .images import VOID, Colour, DataError

PICTURES = (
    ".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".npy"
)  # fmt: skip
COLOUR = re.compile(r"(.*\S)\s+(?:(\d+)\s+(\d+)\s+(\d+)|#([0-9a-fA-F]{6}))")
# A colour before the name or without one, with commas, or of other digits.
MISTAKEN = re.compile(
    r"\d+[\s,;]+\d+[\s,;]+\d+(?:[\s,;].*)?"
    r"|.*[\s,;]\d+\s*[,;]\s*\d+\s*[,;]\s*\d+"
    r"|(?:.*\s)?#[0-9a-fA-F]+"
)


def read_folder(
    root: str | os.PathLike,
    split: str,
    *,
    labels: str = "",
    channels: int = 3,
) -> LabelledImages:
    """The book's layout: one folder of pictures and one of labels a split.

    - `root/images/<split>/NAME.jpg` (or .png, .tif, .npy, ...): the pictures
    - `root/labels/<split>/NAME.png`: a class index for each pixel, 255 for void
    - `root/classes.txt`: the names of the classes, as in `read_classes`

    `labels` names another way to read label files, as in `LabelReader`.
    Raises DataError that names what is missing.
    """
    root = Path(root)
    path = root / "classes.txt"
    names = read_classes(path)
    if len(names.classes) == 1 and labels != "binary":
        raise DataError(
            f"{path}: at least two classes expected, got {names.classes[0]} "
            "alone; masks of 0 for the background and 1 or 255 for the thing "
            "are read by labels=binary, other labels need a line for the "
            "background"
        )
    return LabelledImages(
        _pairs(root / "images" / split, root / "labels" / split),
        names.classes,
        labels=labels,
        palette=names.palette,
        void_colours=names.void_colours,
        channels=channels,
    )


class ClassNames(NamedTuple):
    """What classes.txt says.

    classes: their names. palette: red, green and blue of each in label files,
    or None. void_colours: those of pixels that do not count.
    """

    classes: tuple[str, ...]
    palette: tuple[Colour, ...] | None
    void_colours: tuple[Colour, ...]


def read_classes(path: str | os.PathLike) -> ClassNames:
    """Read classes.txt: the name of class 0 in its first line, and so on.

    A line may end in the class's colour in label files, as `car 0 0 142` or
    `car #00008e`; then all lines do, and lines `void r g b` after the last
    class give the colours that do not count. The text is UTF-8, or UTF-16
    with a byte order mark. Raises DataError, with the number of the line.
    """
    lines = re.split(r"\r\n|\r|\n", _text(Path(path)).rstrip())
    classes: list[str] = []
    palette: list[Colour] = []
    void: list[Colour] = []
    seen: dict[str | Colour, int] = {}
    for number, line in enumerate(map(str.strip, lines), 1):
        where = f"{path}, line {number}"
        if not line:
            raise DataError(
                f"{where}: a class name expected, got an empty line; the "
                "number of the line is that of the class"
            )
        name, colour = _name_and_colour(line, where)
        is_void = colour is not None and name.casefold() == "void"
        if void and not is_void:
            raise DataError(f"{where}: void must stand after all classes")
        keys: set[str | Colour | None] = {colour} if is_void else {name, colour}
        for key in keys - {None}:
            if key in seen:
                raise DataError(
                    f"{where}: {line} repeats line {seen[key]}; names and "
                    "colours must differ"
                )
            seen[key] = number
        if is_void:
            void.append(colour)
            continue
        if classes and (colour is None) == bool(palette):
            raise DataError(
                f"{where}: either all classes have a colour or none, got {line}"
            )
        classes.append(name)
        if colour is not None:
            palette.append(colour)
    if void and classes and not palette:
        raise DataError(f"{path}: void has a colour, but the classes have none")
    if not 1 <= len(classes) < VOID:
        raise DataError(
            f"{path}: 1 to {VOID - 1} class names expected, got {len(classes)}"
        )
    return ClassNames(tuple(classes), tuple(palette) or None, tuple(void))


def _name_and_colour(line: str, where: str) -> tuple[str, Colour | None]:
    match = COLOUR.fullmatch(line)
    if MISTAKEN.fullmatch(line) and (match is None or line[0].isdigit()):
        raise DataError(
            f"{where}: a colour stands after the name, as r g b or #rrggbb, "
            f"got {line}"
        )
    if match is None:
        return line, None
    name, *levels, code = match.groups()
    r, g, b = bytes.fromhex(code) if code else map(int, levels)
    colour = r, g, b
    if max(colour) > 255:
        raise DataError(f"{where}: a colour is three numbers in 0..255: {line}")
    return name, colour


def _text(path: Path) -> str:
    """The text of a file, whatever editor wrote it."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise DataError(
            f"{path}: there is no such file; it has one class name a line"
        ) from None
    wide = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        text = data.decode("utf-16" if wide else "utf-8-sig")
        if "\0" in text:
            raise ValueError("it has zero bytes")
    except ValueError as error:
        raise DataError(
            f"{path}: is not text in UTF-8 ({error}); save it as UTF-8"
        ) from error
    return text


def _pairs(images: Path, labels: Path) -> list[tuple[Path, Path]]:
    """Each picture with its label file, in the order of their names."""
    for folder in (images, labels):
        if not folder.is_dir():
            raise DataError(
                f"{folder}: there is no such folder"
                + _names(_visible(folder.parent), "; beside it are")
            )
    pictures = files_by_name(images, PICTURES)
    numbers = files_by_name(labels, (".png",))
    if not pictures:
        raise DataError(
            f"{images}: no pictures ({', '.join(PICTURES)})"
            + _names(_visible(images), "; there are")
        )
    alone = sorted(pictures.keys() - numbers.keys())
    if alone:
        text = f"{pictures[alone[0]]}{_more(alone)}: no file of this name in "
        text += f"{labels}, where {alone[0]}.png is expected"
        found = _alike(alone[0], labels)
        if found or not numbers.keys() & pictures.keys():
            text += _names(found or _visible(labels), "; there are")
        if any(path.suffix.lower() in (".jpg", ".jpeg") for path in found):
            text += "; JPEG changes the numbers of labels, so they are PNG"
        raise DataError(text)
    alone = sorted(numbers.keys() - pictures.keys())
    if alone:
        text = f"{numbers[alone[0]]}{_more(alone)}: no file of this name in "
        text += f"{images}, where its picture is expected"
        raise DataError(text + _names(_alike(alone[0], images), "; there are"))
    return [(pictures[name], numbers[name]) for name in sorted(pictures)]


def files_by_name(folder: Path, endings: tuple[str, ...]) -> dict[str, Path]:
    """The files of a folder by name without ending, hidden ones left out.

    Names are in Unicode's composed form: file systems differ in theirs.
    Raises DataError for two files of one name.
    """
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in endings and not path.name.startswith("."):
            name = unicodedata.normalize("NFC", path.stem)
            if name in found:
                raise DataError(f"{path}: {found[name]} has its name too")
            found[name] = path
    return found


def _more(names: list[str]) -> str:
    return f" and {len(names) - 1} more" if names[1:] else ""


def _alike(name: str, folder: Path) -> list[Path]:
    """The files whose name holds this one as a word, as in NAME_mask.png."""
    word = re.compile(rf"(?<![^\W_]){re.escape(name.casefold())}(?![^\W_])")
    return [
        path
        for path in _visible(folder)
        if word.search(unicodedata.normalize("NFC", path.name).casefold())
    ]


def _visible(folder: Path) -> list[Path]:
    """What a folder holds, hidden files left out."""
    if not folder.is_dir():
        return []
    return sorted(p for p in folder.iterdir() if not p.name.startswith("."))


def _names(paths: list[Path], words: str) -> str:
    """A few names for the end of a message, or nothing."""
    text = ", ".join(path.name for path in paths[:3])
    return f"{words} {text}{', ...' if paths[3:] else ''}" if paths else ""
