"""The command line of looking into a model."""

import argparse
from collections.abc import Sequence

from ..predict.options import WEIGHTS
from ..predict.prediction import check_options
from ..predict.terminal import command_parser

DESCRIPTION = """\
Draw what a model looks at in a picture. Writes to the folder of --out:

  attention_1.png ... attention_4.png
                 where the token of a pixel looks, in stages 1 to 4: a row for
                 each block and a column for each head, the picture bright
                 where the attention weight is large, the pixel marked
  field.png      how much the pixel's position depends on each pixel, in
                 stages 1 to 4 and in the logits; each step of grey down to
                 black at a ten-thousandth is the same factor
  features.png   the features of the stages 1 to 4: like colours are like
                 features, and a colour by itself means nothing"""
EPILOG = """\
Attention weights say where a layer looks, and not why the model decides so.

Needs the packages of the extra "train": pip install -e ".[train]" in a clone.
Exit status: 0, 1 after an error, 2 for wrong arguments, 130 after Ctrl-C."""


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line; exit with status 2 for wrong arguments."""
    parser = command_parser(
        "see",
        usage="picture --weights WEIGHTS --out FOLDER [options]",
        description=DESCRIPTION,
        epilog=EPILOG,
    )
    add = parser.add_argument
    add("picture", help="the file of a picture")
    add("--weights", required=True, help=WEIGHTS)
    add("--out", required=True, metavar="FOLDER", help="where results go")
    add(
        "--at",
        type=point,
        metavar="ROW,COLUMN",
        help="the pixel that looks, counted from 0 at the top left of the "
        "picture (default: its middle)",
    )
    add(
        "--overwrite",
        action="store_true",
        help="replace results that are there already",
    )
    add(
        "--short-side",
        type=int,
        metavar="PIXELS",
        help="length to which the shorter side of the picture is resized "
        "(default: that of training, which the file says)",
    )
    add(
        "--device", help="cpu, cuda, cuda:N or mps (default: the best there is)"
    )
    options = parser.parse_args(arguments)
    try:
        check_options(short_side=options.short_side)
    except ValueError as error:
        parser.error(str(error))
    return options


def point(text: str) -> tuple[int, int]:
    """Two whole numbers with a comma between them."""
    try:
        row, column = map(int, text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"must be ROW,COLUMN, two whole numbers, got {text!r}"
        ) from None
    return row, column
