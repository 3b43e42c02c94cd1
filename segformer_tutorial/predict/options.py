"""The options of `predict` as flags, for every command that predicts."""

import argparse

from torch import nn

from ..data import task_of
from .prediction import check_options

WEIGHTS = (
    "a file of weights, of training or of any published layout; the folder of "
    "a run or of transformers; or owner/name on the Hugging Face Hub, where no "
    "file or folder here has this name"
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the flags: --short-side, --scales, --flip and so on."""
    add = parser.add_argument
    add(
        "--short-side",
        type=int,
        metavar="PIXELS",
        help="length to which the shorter side of a picture is resized "
        "(default: that of training, which the file says)",
    )
    add(
        "--scales",
        type=float,
        nargs="+",
        default=[1.0],
        metavar="FACTOR",
        help="average the class probabilities at these scales (default: 1)",
    )
    add(
        "--flip",
        action="store_true",
        help="average with the probabilities of the mirrored picture",
    )
    add(
        "--window",
        type=int,
        metavar="PIXELS",
        help="side of a sliding window (default: the whole picture)",
    )
    add(
        "--stride",
        type=int,
        metavar="PIXELS",
        help="stride of the sliding window (default: 2/3 of its side)",
    )
    add(
        "--device", help="cpu, cuda, cuda:N or mps (default: the best there is)"
    )


def check_flags(
    parser: argparse.ArgumentParser, options: argparse.Namespace
) -> None:
    """Exit with status 2 for values with which `predict` cannot work."""
    try:
        check_options(
            short_side=options.short_side,
            scales=options.scales,
            window=options.window,
            stride=options.stride,
        )
    except ValueError as error:
        parser.error(str(error))


def size_of_pictures(model: nn.Module, short_side: int | None) -> str:
    """At which size the pictures enter the network, and who said so."""
    if short_side:
        return f"shorter side {short_side} pixels"
    task = task_of(model)
    if task and task.short_side:
        return f"shorter side {task.short_side} pixels, as in training"
    return "at their own size"
