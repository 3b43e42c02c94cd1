"""From a model to a checked file: `export`."""

import os
from dataclasses import dataclass
from pathlib import Path

from ..data.atomic import write_whole
from ..model import SegFormer
from . import formats
from .graph import Exported, describe
from .int8 import quantize
from .verify import TOLERANCE, ExportError, verify

ENDINGS = {"onnx": ".onnx", "torch": ".pt2"}


@dataclass(frozen=True)
class Report:
    """The file that `export` wrote.

    bytes: the size of the file. error: the largest difference of a logit from
    PyTorch's on the pictures that were tried, in units of the largest logit.
    """

    path: Path
    precision: str
    bytes: int
    error: float

    def __str__(self) -> str:
        return (
            f"{self.path}: {self.precision}, {self.bytes:,} bytes; the largest "
            f"difference from PyTorch is {self.error:.1g} of the largest "
            f"logit, and {TOLERANCE[self.precision]:g} is allowed"
        )


def export(
    model: SegFormer,
    path: str | os.PathLike,
    *,
    format: str = "onnx",
    labels: bool = False,
    precision: str = "float32",
    opset: int = formats.OPSET,
    overwrite: bool = False,
) -> Report:
    """Write a model to one file that other runtimes read, and check it first.

    format: "onnx", for onnxruntime and others, or "torch", a .pt2 for
    `torch.export.load`. labels: the graph takes the best class of each pixel,
    at the size of the picture, instead of returning logits. precision:
    "float32", "float16" or, in ONNX, "int8". opset: the version of ONNX's
    operators. overwrite: replace an existing file.

    The file takes uint8 pictures `b c h w` of any number and size, and has a
    description in its metadata. It is compared with PyTorch on two sizes and
    two batches before it is written, whole or not at all. Raises ExportError
    where they differ, where the path cannot be used, and for options that do
    not go together; ImportError where a package is missing.
    """
    path = Path(path)
    check_options(format, precision, opset)
    check_path(path, ENDINGS[format], overwrite=overwrite)
    formats.check_packages(format)
    traced = "float16" if precision == "float16" else "float32"
    metadata = describe(model, labels=labels, precision=precision)
    program = Exported(model, labels=labels, precision=traced).trace()
    if format == "onnx":
        content = formats.to_onnx(
            program,
            metadata,
            output="labels" if labels else "logits",
            opset=opset,
        )
        if precision == "int8":
            content = quantize(content, metadata)
        run = formats.run_onnx(content)
    else:
        content = formats.to_torch(program, metadata)
        run = formats.run_torch(content)
    reference = Exported(model, labels=labels)
    error = verify(run, reference, TOLERANCE[precision])
    try:
        write_whole(path, content)
    except OSError as problem:
        raise ExportError(f"{path}: not written: {problem.strerror}") from None
    return Report(path, precision, len(content), error)


def check_options(format: str, precision: str, opset: int) -> None:
    """Raise ExportError for options that do not go together."""
    if format not in ENDINGS:
        raise ExportError(
            f"format must be one of {', '.join(ENDINGS)}, got {format!r}"
        )
    precisions = [x for x in TOLERANCE if format == "onnx" or x != "int8"]
    if precision not in precisions:
        raise ExportError(
            f"precision must be one of {', '.join(precisions)} for the format "
            f"{format}, got {precision!r}"
        )
    if opset not in formats.OPSETS:
        raise ExportError(
            f"opset must be in {formats.OPSETS.start}.."
            f"{formats.OPSETS.stop - 1}, got {opset!r}"
        )


def check_path(path: Path, ending: str, *, overwrite: bool) -> None:
    """Raise ExportError for a path that cannot be written, before the work."""
    if path.suffix != ending:
        raise ExportError(f"{path}: must end in {ending}")
    if not path.parent.is_dir():
        raise ExportError(f"{path}: there is no folder {path.parent}")
    if path.is_dir():
        raise ExportError(f"{path}: is a folder")
    if path.exists() and not overwrite:
        raise ExportError(f"{path}: exists already; --overwrite replaces it")
