"""From pictures to results: what the command does."""

import argparse
import sys
import warnings
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor

from ..data import DataError, Task, read_classes, read_image, task_of
from ..data.atomic import write_whole
from ..model import SegFormer
from ..weights.files import one_line, some
from ..weights.model import load_with_report
from .colors import Palette, palette_for
from .device import choose_device
from .inputs import find_pictures
from .options import size_of_pictures
from .prediction import entering_side, network_size, predict
from .results import Job, check_results, clear, plan, write
from .shares import Share, class_shares, shares_table
from .terminal import note, printable

MOST_CLASSES = 255  # one more is void
MOST_AT_ONCE = 2**24  # pixels that the network takes without a window


def run(options: argparse.Namespace) -> int:
    """Label the pictures; return how many were skipped.

    Raises DataError, WeightsError, ValueError and OSError where nothing or
    nothing more can be done.
    """
    from tqdm import tqdm

    pictures, others = find_pictures(options.pictures)
    if others:
        note(
            f"{len(others)} files of the folders are no pictures by their "
            f"extension: {some([x.name for x in others], limit=3)}"
        )
    out = Path(options.out)
    jobs = plan(pictures, out, options.outputs)
    table = out / "shares.csv" if "shares" in options.outputs else None
    check_results(jobs, table, overwrite=options.overwrite)
    device = choose_device(options.device)
    model, report = load_with_report(options.weights)
    names, palette = classes_of(model, options)
    print(report)
    print(
        f"{len(jobs)} pictures, {len(names)} classes, "
        + (
            "at their own size"
            if options.own_size
            else size_of_pictures(model, options.short_side)
        )
    )
    clear(out, jobs)
    shares: list[tuple[str, list[Share]]] = []
    model.to(device)
    channels = model.config.in_channels
    try:
        # The bar ends its line before anything else is printed.
        with tqdm(total=len(jobs), unit="picture") as bar:
            for batch in batches(readable(jobs, channels, bar), options):
                for job, image, labels in labelled(model, batch, options, bar):
                    found = class_shares(labels)
                    write(job, image, labels, found, names, palette)
                    shares.append((str(job.picture), found))
                    bar.update()
    finally:
        if table and shares:
            write_whole(table, shares_table(shares, names))
    skipped = len(jobs) - len(shares)
    print(f"{len(shares)} pictures labelled: {out}")
    if skipped:
        note(f"{skipped} of {len(jobs)} pictures skipped")
    return skipped


def classes_of(
    model: SegFormer, options: argparse.Namespace
) -> tuple[tuple[str, ...], Palette]:
    """The names of a model's classes, and a colour for each of them.

    Those of --classes, or else of the model's task, or else the numbers.
    Raises DataError where they do not fit.
    """
    number = model.config.num_classes
    if number > MOST_CLASSES:
        raise DataError(
            f"{options.weights} has {number} classes, and a label file of 8 "
            f"bits holds at most {MOST_CLASSES}"
        )
    task: Task | None = task_of(model)
    names, palette = (task.classes, task.palette) if task else (None, None)
    if options.classes:
        names, palette, _ = read_classes(options.classes)
        if len(names) != number:
            raise DataError(
                f"{options.classes}: {number} classes expected, as "
                f"{options.weights} has, got {len(names)}"
            )
    elif task is None:
        note(
            f"{options.weights} does not name its classes, so they are "
            "numbered; --classes names them"
        )
    return (
        tuple(names or map(str, range(number))),
        palette_for(number) if palette is None else palette,
    )


def readable(
    jobs: Iterable[Job], channels: int, bar
) -> Iterator[tuple[Job, Tensor]]:
    """The pictures as `c h w`, uint8; those that cannot be read are named."""
    for job in jobs:
        try:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                if job.picture.exists() and not job.picture.is_file():
                    raise DataError(f"{job.picture}: is not a regular file")
                image = read_image(job.picture, channels=channels)
        except (ValueError, OSError) as error:
            skip(bar, job, error)
            continue
        for warning in caught:
            text = printable(f"{job.picture}: {warning.message}")
            bar.write(f"note: {text}", file=sys.stderr)
        yield job, image


def batches(
    pictures: Iterable[tuple[Job, Tensor]], options: argparse.Namespace
) -> Iterator[list[tuple[Job, Tensor]]]:
    """Pictures of one size that come one after the other, together."""
    batch: list[tuple[Job, Tensor]] = []
    for one in pictures:
        full = len(batch) == options.batch_size
        if batch and (full or batch[0][1].shape != one[1].shape):
            yield batch
            batch = []
        batch.append(one)
    if batch:
        yield batch


def labelled(
    model: SegFormer,
    batch: list[tuple[Job, Tensor]],
    options: argparse.Namespace,
    bar,
) -> Iterator[tuple[Job, Tensor, Tensor]]:
    """The pictures of a batch with their labels; the others are named."""
    images = batch[0][1][None]
    if len(batch) > 1:  # a copy, which one large picture does not need
        images = torch.stack([image for _, image in batch])
    size = images.shape[2:]
    short_side = min(size) if options.own_size else options.short_side
    try:
        check_memory(model, size, short_side, options)
        labels = predict(
            model,
            images,
            short_side=short_side,
            scales=options.scales,
            flip=options.flip,
            window=options.window,
            stride=options.stride,
        )
    except (ValueError, MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and "memory" not in str(error):
            raise
        for job, _ in batch:
            skip(bar, job, error)
        return
    for (job, image), found in zip(batch, labels, strict=True):
        yield job, image, found


def check_memory(
    model: SegFormer,
    size: Sequence[int],
    short_side: int | None,
    options: argparse.Namespace,
) -> None:
    """Raise ValueError for a picture that may take all memory at once."""
    if options.window:
        return
    base = entering_side(model, size, short_side)
    h, w = network_size(size, max(1, round(base * max(options.scales))))
    if h * w > MOST_AT_ONCE:
        raise ValueError(
            f"the network would see {h} x {w} pixels (h x w) at once, and at "
            f"most {MOST_AT_ONCE:,} are allowed: --window shows it parts, "
            "--short-side makes the picture smaller"
        )


def skip(bar, job: Job, error: Exception) -> None:
    """Name a picture that gets no labels, and why."""
    text = str(error)
    if not isinstance(error, DataError):  # which names the file
        text = f"{job.picture}: {one_line(error)}"
    bar.write(f"skipped: {printable(text)}", file=sys.stderr)
    bar.update()
