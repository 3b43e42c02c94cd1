"""Which pictures a command line means, and what their results are called."""

import glob
import os
import unicodedata
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from ..data import DataError


def find_pictures(arguments: Sequence[str]) -> tuple[list[Path], list[Path]]:
    """The pictures that files, folders and globs mean, each one once.

    A folder means the files in it, without its subfolders, whose extension
    Pillow knows, and .npy; hidden files are left out. A glob is expanded
    unless a file has that very name; `**` goes through subfolders. Also
    returns the files of the folders that were left out. Raises DataError for
    an argument that means nothing.
    """
    found: dict[str, Path] = {}
    others: list[Path] = []
    extensions = readable_extensions()
    for argument in arguments:
        paths = [Path(argument)]
        if not os.path.lexists(argument):
            if not glob.has_magic(argument):
                raise DataError(f"{argument}: there is no such file or folder")
            paths = sorted(map(Path, glob.glob(argument, recursive=True)))
            if not paths:
                raise DataError(f"{argument}: no file has such a name")
        files: list[Path] = []
        for path in paths:
            if not path.is_dir():
                files.append(path)
                continue
            for file in sorted(path.iterdir()):
                if not file.name.startswith(".") and not file.is_dir():
                    known = file.suffix.lower() in extensions
                    (files if known else others).append(file)
        if not files:
            raise DataError(
                f"{argument}: no file in it is a picture by its extension"
            )
        for file in files:
            found.setdefault(os.path.abspath(file), file)
    return list(found.values()), others


def readable_extensions() -> set[str]:
    """The extensions of the files that `read_image` can read."""
    known = Image.registered_extensions()
    return {".npy", *(x for x in known if known[x] in Image.OPEN)}


def name_results(pictures: Sequence[Path]) -> list[Path]:
    """A name without extension for the results of each picture.

    It is the name of the picture, as in `photo` for photo.jpg. If two were
    the same, also where upper and lower case are, all pictures keep the
    folders in which they differ, and if that is not enough, their
    extensions. Raises DataError where nothing helps.
    """
    absolute = [Path(os.path.abspath(path)) for path in pictures]
    try:
        common = os.path.commonpath([path.parent for path in absolute])
        inside = [path.relative_to(common) for path in absolute]
    except ValueError:  # several drives
        inside = [path.relative_to(path.anchor) for path in absolute]
    for names in (
        [Path(path.stem) for path in absolute],
        [path.with_suffix("") for path in inside],
        inside,
    ):
        keys = [
            unicodedata.normalize("NFC", str(name)).casefold() for name in names
        ]
        counts = Counter(keys)
        if len(counts) == len(keys):
            return names
    twice = next(k for k, key in enumerate(keys) if counts[key] > 1)
    raise DataError(
        f"{pictures[twice]}: another picture has this name, or differs from "
        "it in upper and lower case alone; give each its own --out"
    )
