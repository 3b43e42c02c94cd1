"""Export a file of weights: `python -m segformer_tutorial.export --help`."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from ..predict.options import WEIGHTS
from ..predict.terminal import command_parser, run_script, status_of
from ..weights.model import load_with_report
from .exporting import ENDINGS, check_path, export
from .formats import OPSET, OPSETS

DESCRIPTION = """\
Write a trained model as one file that runs without this package: ONNX, which
onnxruntime, OpenVINO, TensorRT and others read, or torch.export's .pt2. Before
it is written, the file is compared with PyTorch.
"""
EPILOG = """\
The file takes pictures of uint8 in 0..255, b c h w, any number of any size
from 64 pixels on; it normalises them itself. Its metadata have the names of
the classes, their colours and how pictures are resized. With NumPy, Pillow
and onnxruntime alone a file that was written with --labels is used like this:

    import json
    import numpy as np
    import onnxruntime
    from PIL import Image

    session = onnxruntime.InferenceSession("model.onnx")
    about = session.get_modelmeta().custom_metadata_map
    picture = np.asarray(Image.open("street.jpg").convert("RGB"))
    images = picture.transpose(2, 0, 1)[None]  # 1 3 h w
    labels = session.run(None, {"images": images})[0][0]  # h w
    for index in np.unique(labels):
        print(json.loads(about["classes"])[index])

`predict` resizes a picture so that its sides are multiples of 32; resize it
first if they are not.

Needs the packages of the extra "export": pip install -e ".[export]" in a
clone. Exit status: 0, 1 after an error, 2 for wrong arguments.
"""


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line; exit with status 2 for wrong arguments."""
    parser = command_parser(
        "export",
        usage="--weights WEIGHTS --out FILE [options]",
        description=DESCRIPTION,
        epilog=EPILOG,
    )
    add = parser.add_argument
    add("--weights", required=True, help=WEIGHTS)
    add(
        "--out",
        required=True,
        type=Path,
        metavar="FILE",
        help="the file to write, .onnx or .pt2",
    )
    add(
        "--format",
        choices=ENDINGS,
        default="onnx",
        metavar="|".join(ENDINGS),
        help="ONNX, or torch.export's .pt2 (default: %(default)s)",
    )
    add(
        "--labels",
        action="store_true",
        help="give a class for each pixel, at the size of the picture "
        "(default: logits at a quarter of it)",
    )
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument(
        "--fp16",
        action="store_true",
        help="weights and network in float16, for GPUs (default: float32)",
    )
    kind.add_argument(
        "--int8",
        action="store_true",
        help="linear layers in 8 bits, for small files and for CPUs that are "
        "fast with them",
    )
    add(
        "--opset",
        type=int,
        choices=OPSETS,
        metavar=f"{OPSETS.start}..{OPSETS.stop - 1}",
        help=f"version of the ONNX operators (default: {OPSET})",
    )
    add(
        "--overwrite",
        action="store_true",
        help="replace a file that exists already",
    )
    options = parser.parse_args(arguments)
    if options.format == "torch" and (options.int8 or options.opset):
        parser.error("--int8 and --opset are for --format onnx alone")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Export as the command line says; return 0, or 1 after an error."""
    options = parse(arguments)
    return status_of(
        lambda: run(options),
        extra="export",
        stopped="stopped, nothing is written",
    )


def run(options: argparse.Namespace) -> None:
    """Export, and say what was loaded and what was written."""
    check_path(
        options.out, ENDINGS[options.format], overwrite=options.overwrite
    )
    precision = "float32"
    if options.fp16 or options.int8:
        precision = "float16" if options.fp16 else "int8"
    model, report = load_with_report(options.weights)
    print(report)
    print(
        export(
            model,
            options.out,
            format=options.format,
            labels=options.labels,
            precision=precision,
            opset=options.opset or OPSET,
            overwrite=options.overwrite,
        )
    )


if __name__ == "__main__":
    run_script(main)
