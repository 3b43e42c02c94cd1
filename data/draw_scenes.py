"""Draw the street scenes that the book trains on, or others like them.

    python data/draw_scenes.py --replace            the 240 of the book again
    python data/draw_scenes.py --out more --train 2000 --seed 1 --jobs 8

A scene follows from its key alone: the seed, the split (0, 1, 2 for train,
val, test) and its number. So no split shares a scene with another, more
scenes leave the first ones as they are, and another size shows the same ones.
"""

import argparse
import tempfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from PIL import Image
from scenery.raycast import render
from scenery.street import scene
from scenery.things import CLASSES, VOID

HERE = Path(__file__).resolve().parent
COUNTS = {"train": 160, "val": 40, "test": 40}
SIZE = 256, 384  # height, width
SMALLEST = 32
MOST = 10_000  # in a split: a name has four digits


def draw(seed: int, split: int, number: int, size: tuple[int, int] = SIZE):
    """One scene: its picture `h w 3` and its labels `h w`, both uint8."""
    return render(scene(seed, split, number), *size, void=VOID)


def save(folder: Path, split: str, number: int, picture, labels) -> None:
    """Write one scene where it belongs in a folder."""
    image = folder / "images" / split / f"{number:04}.jpg"
    label = folder / "labels" / split / f"{number:04}.png"
    for path in (image, label):
        path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(
        image, quality=80, subsampling="4:4:4", optimize=True
    )
    Image.fromarray(labels).save(label, optimize=True)


def draw_all(
    out: Path,
    counts: dict[str, int] = COUNTS,
    *,
    size: tuple[int, int] = SIZE,
    seed: int = 0,
    jobs: int = 1,
    replace: bool = False,
) -> None:
    """Draw the scenes of all splits into a new folder.

    counts: how many scenes each split gets; size: height and width in pixels;
    jobs: how many are drawn at a time. All is drawn beside `out` first and
    takes its place at the end, so that `out` is never half of one set and
    half of another. Raises ValueError for numbers out of range, and
    FileExistsError where `out` exists and is not to be replaced.
    """
    out = Path(out)
    if set(counts) != set(COUNTS):
        raise ValueError(
            f"counts must name {', '.join(COUNTS)}, got {', '.join(counts)}"
        )
    for split, number in counts.items():
        if not 0 <= number <= MOST:
            raise ValueError(f"{split} must be 0..{MOST} scenes, got {number}")
    if len(size) != 2 or min(size) < SMALLEST:
        raise ValueError(
            f"size must be a height and a width of at least {SMALLEST}, "
            f"got {size}"
        )
    if seed < 0:
        raise ValueError(f"seed must be at least 0, got {seed}")
    if jobs < 1:
        raise ValueError(f"jobs must be at least 1, got {jobs}")
    if out.exists() and not replace:
        raise FileExistsError(f"{out} exists: name another, or use --replace")

    tasks = [
        (split, number) for split in COUNTS for number in range(counts[split])
    ]
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(
        prefix=f".{out.name}-", dir=out.parent
    ) as folder:
        new, old = Path(folder, "new"), Path(folder, "old")
        new.mkdir()
        (new / "classes.txt").write_text(
            "".join(f"{name}\n" for name in CLASSES), newline="\n"
        )
        work = [(new, *task, size, seed) for task in tasks]
        for done, (split, number) in enumerate(_each(work, jobs), 1):
            print(f"\r{split} {number:04}, {done} of {len(work)}", end="")
        print()
        if out.exists():
            out.rename(old)
        new.rename(out)


def _each(work, jobs):
    if jobs == 1:
        yield from map(_draw_and_save, work)
        return
    # A fork of a process with threads, such as PyTorch's, may hang.
    with ProcessPoolExecutor(jobs, get_context("spawn")) as pool:
        yield from pool.map(_draw_and_save, work)


def _draw_and_save(task):
    folder, split, number, size, seed = task
    picture, labels = draw(seed, list(COUNTS).index(split), number, size)
    save(folder, split, number, picture, labels)
    return split, number


def main(arguments=None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--out", type=Path, default=HERE / "scenes")
    for split, count in COUNTS.items():
        parser.add_argument(f"--{split}", type=int, default=count, metavar="N")
    parser.add_argument(
        "--size", type=int, nargs=2, default=SIZE, metavar=("HEIGHT", "WIDTH")
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    parser.add_argument("--jobs", type=int, default=1, metavar="N")
    parser.add_argument("--replace", action="store_true", help="an old folder")
    given = parser.parse_args(arguments)
    try:
        draw_all(
            given.out,
            {split: getattr(given, split) for split in COUNTS},
            size=tuple(given.size),
            seed=given.seed,
            jobs=given.jobs,
            replace=given.replace,
        )
    except (ValueError, FileExistsError) as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
