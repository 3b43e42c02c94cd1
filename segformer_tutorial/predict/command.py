"""The command line of prediction."""

import argparse
from collections.abc import Sequence

from .options import WEIGHTS, add_options, check_flags
from .terminal import command_parser

OUTPUTS = ("labels", "overlays", "shares")
DESCRIPTION = """\
Label every pixel of pictures. Writes to the folder of --out:

  labels/NAME.png    class indices, in the size of the picture, as a PNG with
                     a palette (every program reads the numbers, a viewer
                     shows the colours)
  overlays/NAME.png  the picture under the colours, with a legend
  shares.csv         for each picture the pixels and the share of its classes"""
EPILOG = """\
A photo is turned upright as its EXIF orientation says, transparency is
dropped, 16 bits become 8, and of an animation or of several pages the first
picture is taken. For a video, extract its frames into a folder first.

A picture that cannot be read is named and skipped, and the others get their
labels. Nothing is ever written by halves, and no other command should write
to the same folder at the same time.

Needs the packages of the extra "train": pip install -e ".[train]" in a clone.
Exit status: 0, 1 after an error or if a picture was skipped, 2 for wrong
arguments, 130 after Ctrl-C."""


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line; exit with status 2 for wrong arguments."""
    parser = command_parser(
        "predict",
        usage="pictures --weights WEIGHTS --out FOLDER [options]",
        description=DESCRIPTION,
        epilog=EPILOG,
    )
    add = parser.add_argument
    add(
        "pictures",
        nargs="+",
        help='files, folders (without their subfolders) or globs, as "a/*.jpg"',
    )
    add("--weights", required=True, help=WEIGHTS)
    add("--out", required=True, metavar="FOLDER", help="where results go")
    add(
        "--overwrite",
        action="store_true",
        help="replace results that are there already",
    )
    add(
        "--outputs",
        nargs="+",
        choices=OUTPUTS,
        default=OUTPUTS,
        metavar="|".join(OUTPUTS),
        help="what to write (default: all)",
    )
    add(
        "--classes",
        metavar="FILE",
        help="names of the classes, one a line, each with its colour if you "
        "like, as in: road 128 64 128 (default: those of the weights)",
    )
    add(
        "--own-size",
        action="store_true",
        help="let pictures enter the network at their own size, whatever the "
        "weights say; large ones need a --window too",
    )
    add(
        "--batch-size",
        type=int,
        default=1,
        metavar="NUMBER",
        help="how many pictures of one size, one after the other, go through "
        "the network together (default: 1)",
    )
    add_options(parser)
    options = parser.parse_args(arguments)
    check_flags(parser, options)
    if options.batch_size < 1:
        parser.error(f"--batch-size must be at least 1: {options.batch_size}")
    if options.own_size and options.short_side:
        parser.error("--own-size and --short-side exclude each other")
    return options
