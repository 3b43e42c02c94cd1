"""What the tests of the command that labels pictures share."""

import csv
from pathlib import Path

from PIL import Image

from segformer_tutorial.data import Task
from segformer_tutorial.predict.__main__ import main
from segformer_tutorial.weights import save_weights

NAMES = ("sky", "tree", "straße", "木", "car")


def write_weights(model, path: Path, names=NAMES, **task) -> Path:
    """Write a model, and say where it is."""
    found = Task(classes=names, **task) if names else None
    save_weights(model, path, task=found)
    return path


def label(*arguments, weights: Path, out: Path) -> int:
    """Run the command in this process, and return its exit status."""
    flags = ["--weights", weights, "--out", out, "--device", "cpu"]
    try:
        return main([str(x) for x in (*flags, *arguments)])
    except SystemExit as end:
        return end.code


def results(out: Path) -> list[str]:
    """All files in a folder of results, hidden ones too."""
    files = (path for path in out.rglob("*") if not path.is_dir())
    return sorted(path.relative_to(out).as_posix() for path in files)


def shares(out: Path) -> list[dict[str, str]]:
    with open(out / "shares.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def check_whole(out: Path) -> None:
    """Every file that is not hidden can be read to its end."""
    for name in results(out):
        if name.rpartition("/")[2].startswith("."):
            continue
        if name.endswith(".csv"):
            content = (out / name).read_text(encoding="utf-8")
            assert content.endswith("\n") and shares(out)
        else:
            with Image.open(out / name) as image:
                image.load()
