"""The files of the results: planned, checked, written."""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from torch import Tensor

from ..data import DataError
from ..weights.files import some
from .colors import Palette, overlay
from .inputs import name_results
from .label_files import save_labels, save_png
from .legend import with_legend
from .shares import Share

PICTURES = ("labels", "overlays")  # for each picture, in a folder
LEFT = re.compile(r"\.[0-9a-f]{32}\.tmp")


class Job(NamedTuple):
    """A picture, and the files of its results."""

    picture: Path
    results: dict[str, Path]


def plan(
    pictures: Sequence[Path], out: Path, outputs: Sequence[str]
) -> list[Job]:
    """The results of each picture among `outputs`, in the folder `out`."""
    names = name_results(pictures)
    return [
        Job(
            picture,
            {
                kind: out / kind / f"{name}.png"
                for kind in PICTURES
                if kind in outputs
            },
        )
        for picture, name in zip(pictures, names, strict=True)
    ]


def check_results(
    jobs: list[Job], table: Path | None, *, overwrite: bool
) -> None:
    """Raise DataError before a file is replaced that should not be."""
    results = [path for job in jobs for path in job.results.values()]
    results += [table] if table else []
    there = [path for path in results if os.path.lexists(path)]
    given = {os.path.realpath(job.picture) for job in jobs}
    for path in there:
        if os.path.realpath(path) in given:
            raise DataError(
                f"{path}: is a picture that is to be labelled, and the results "
                "would replace it; choose another --out"
            )
    if there and not overwrite:
        raise DataError(
            f"{len(there)} results exist already: {some(map(str, there))}; "
            "--overwrite replaces them, another --out keeps them"
        )


def clear(out: Path, jobs: list[Job]) -> None:
    """Make the folders, and remove what a killed command left in them."""
    folders = {path.parent for job in jobs for path in job.results.values()}
    for folder in {out, *folders}:
        folder.mkdir(parents=True, exist_ok=True)
        for file in folder.iterdir():
            if LEFT.fullmatch(file.name):
                file.unlink(missing_ok=True)


def write(
    job: Job,
    image: Tensor,
    labels: Tensor,
    shares: list[Share],
    names: tuple[str, ...],
    palette: Palette,
) -> None:
    """Write the results of a picture."""
    if path := job.results.get("labels"):
        save_labels(labels, path, palette)
    if path := job.results.get("overlays"):
        # Of other channels than three the first is shown, or the first three.
        shown = image[:3] if len(image) >= 3 else image[:1].expand(3, -1, -1)
        picture = with_legend(
            overlay(shown, labels, palette=palette),
            [f"{names[x.label]} {x.share:.1%}" for x in shares],
            [palette[x.label] for x in shares],
        )
        save_png(picture, path)
