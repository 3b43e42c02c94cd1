"""Evaluate a model on a data set: `python -m segformer_tutorial.evaluate`."""

import argparse
from collections.abc import Sequence

from ..data import (
    READERS,
    DataError,
    LabelledImages,
    data_folder,
    read,
    task_of,
)
from ..model import SegFormer
from ..predict import choose_device
from ..predict.options import (
    WEIGHTS,
    add_options,
    check_flags,
    size_of_pictures,
)
from ..predict.terminal import command_parser, note, run_script, status_of
from ..weights.model import load_with_report
from .evaluation import evaluate, table

DESCRIPTION = """
Predict labels for a split of a data set, and compare them with its own.
Prints the IoU and the accuracy of each class, their means (mIoU, mAcc) and
the pixel accuracy.
"""
EPILOG = """
Needs the packages of the extra "train": pip install -e ".[train]" in a clone.
Exit status: 0, 1 after an error, 2 for wrong arguments.
"""


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line; exit with status 2 for wrong arguments."""
    parser = command_parser(
        "evaluate",
        usage="model [options]",
        description=DESCRIPTION,
        epilog=EPILOG,
    )
    add = parser.add_argument
    add("model", help=WEIGHTS)
    add("--data", help="folder of the data set (default: the drawn scenes)")
    add(
        "--dataset",
        choices=READERS,
        default="folder",
        metavar="|".join(READERS),
        help="layout of that folder (default: %(default)s)",
    )
    add("--split", default="val", help="split (default: %(default)s)")
    add(
        "--labels",
        default="",
        help="how label files are read: index, from-one, binary, colours, or "
        'a table such as "0=255,7=0,8=1" (default: as the layout says, or the '
        "model for the layout folder)",
    )
    add(
        "--channels",
        type=int,
        help="channels of the pictures (default: those of the model)",
    )
    add(
        "--ignore-names",
        action="store_true",
        help="go on where the class names of file and data set differ",
    )
    add_options(parser)
    options = parser.parse_args(arguments)
    check_flags(parser, options)
    if options.dataset != "folder" and options.data is None:
        parser.error(f"--dataset {options.dataset} needs --data")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Evaluate as the command line says; return 0, or 1 after an error."""
    options = parse(arguments)
    return status_of(lambda: run(options), extra="train")


def run(options: argparse.Namespace) -> None:
    """Evaluate, and print the table."""
    from tqdm import tqdm

    device = choose_device(options.device)
    model, report = load_with_report(options.model)
    root = data_folder() / "scenes" if options.data is None else options.data
    channels = model.config.in_channels
    if options.channels not in (None, channels):
        raise DataError(
            f"{options.model} takes {channels} channels, "
            f"got --channels {options.channels}"
        )
    dataset = read(
        options.dataset,
        root,
        options.split,
        labels=way_of_labels(model, options),
        channels=channels,
    )
    check_classes(model, dataset, options)
    print(report)
    print(
        f"{len(dataset)} pictures of {root}, split {options.split}, "
        f"{size_of_pictures(model, options.short_side)}"
    )
    # The bar ends its line before anything else is printed.
    with tqdm(range(len(dataset)), unit="image") as bar:
        matrix = evaluate(
            model.to(device),
            dataset,
            indices=bar,
            short_side=options.short_side,
            scales=options.scales,
            flip=options.flip,
            window=options.window,
            stride=options.stride,
        )
    if not matrix.counts.any():
        raise DataError(
            f"{root}: all pixels of the split {options.split} are void, so "
            "there is nothing to measure"
        )
    pixels = zip(dataset.classes, matrix.counts.sum(1).tolist(), strict=True)
    absent = [name for name, count in pixels if not count]
    if absent:  # perhaps the label files are not read as they are meant
        note(f"no pixel of the split has the label {', '.join(absent)}")
    print(table(matrix, dataset.classes))


def way_of_labels(model: SegFormer, options: argparse.Namespace) -> str:
    """How label files are read: as told, or else as the model says.

    Other layouts than the folder know how their own files are meant.
    """
    task = task_of(model)
    if (
        options.labels
        or options.dataset != "folder"
        or not (task and task.labels_from_one)
    ):
        return options.labels
    note(
        f"{options.model} was trained on labels that count from one, with 0 "
        "for void (do_reduce_labels), so the label files are read with "
        "--labels from-one; --labels index reads them as they are"
    )
    return "from-one"


def check_classes(
    model: SegFormer, dataset: LabelledImages, options: argparse.Namespace
) -> None:
    """Raise DataError where the labels of file and data set differ."""
    where = options.data or "the data set"
    number = model.config.num_classes
    if number != len(dataset.classes):
        raise DataError(
            f"{options.model} has {number} classes, {where} has "
            f"{len(dataset.classes)}"
        )
    task = task_of(model)
    if task is None:
        note(
            f"{options.model} does not say what it was trained for, so class "
            "names are not compared"
        )
        return
    for k, names in enumerate(zip(task.classes, dataset.classes, strict=True)):
        if names[0] != names[1] and not options.ignore_names:
            raise DataError(
                f"class {k} is {names[0]!r} in {options.model} and "
                f"{names[1]!r} in {where}: other classes, or another order; "
                "--ignore-names evaluates with the names of the data set"
            )


if __name__ == "__main__":
    run_script(main)
