"""From a model to a checked file: `export`."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from ..data import read_image, task_of
from ..data.atomic import write_whole
from ..model import SegFormer
from . import formats
from .graph import PRECISIONS, Exported, describe
from .int8 import quantize
from .verify import TOLERANCE, ExportError, agreement, verify

ENDINGS = {"onnx": ".onnx", "torch": ".pt2"}
LEAST_AGREEMENT = 0.9  # int8 that changes more labels is broken


@dataclass(frozen=True)
class Report:
    """What was written.

    error: the largest difference of a logit from PyTorch's, in units of the
    largest logit, before int8. agreement: the share of pixels to which int8
    gives the label of float32, None for other precisions.
    """

    path: Path
    bytes: int
    error: float
    agreement: float | None = None

    def __str__(self) -> str:
        text = (
            f"{self.path}: {self.bytes:,} bytes; the largest difference from "
            f"PyTorch is {self.error:.1g} of the largest logit"
        )
        if self.agreement is None:
            return text
        return (
            f"{text} before int8, with which {self.agreement:.2%} of the "
            "pixels keep their label"
        )


def export(
    model: SegFormer,
    path: str | os.PathLike,
    *,
    format: str = "onnx",
    labels: bool = False,
    precision: str = "float32",
    pictures: Sequence[str | os.PathLike] = (),
    opset: int = formats.OPSET,
    overwrite: bool = False,
) -> Report:
    """Write a model to one file that other runtimes read, and check it first.

    format: "onnx", for onnxruntime and others, or "torch", a .pt2 for
    `torch.export.load`. labels: the graph takes the best class of each pixel,
    at the size of the picture, instead of returning logits. precision:
    "float32", "float16" or, in ONNX, "int8". pictures: files for int8. Every
    second one, from the first on, gives it the ranges of the activations; the
    others show how many labels it changes. opset: the version of ONNX's
    operators.

    The file takes uint8 pictures `b c h w` of any number and size, and has a
    description in its metadata. It is compared with PyTorch on two sizes and
    two batches before it is written, whole or not at all. Raises ExportError
    where they differ, where the path cannot be used, and for options that do
    not go together; DataError for a picture.
    """
    path = Path(path)
    check_options(format, precision, pictures, opset)
    check_path(path, ENDINGS[format], overwrite=overwrite)
    floats = "float16" if precision == "float16" else "float32"
    metadata = describe(model, labels=labels, precision=precision)
    reference = Exported(model, labels=labels)
    program = Exported(model, labels=labels, precision=floats).trace()
    if format == "onnx":
        output = "labels" if labels else "logits"
        content = formats.to_onnx(
            program, metadata, output=output, opset=opset
        )
        run = formats.run_onnx(content)
    else:
        content = formats.to_torch(program, metadata)
        run = formats.run_torch(content)
    error = verify(run, reference, TOLERANCE[floats])
    kept = None
    if precision == "int8":
        batches = [picture_batch(model, picture) for picture in pictures]
        content = quantize(content, batches[::2], metadata)
        kept = agreement(
            formats.run_onnx(content), run, batches[1::2] or batches
        )
        if not kept >= LEAST_AGREEMENT:
            raise ExportError(
                f"int8 keeps the labels of only {kept:.1%} of the pixels, and "
                f"{LEAST_AGREEMENT:.0%} are expected: are these {len(batches)} "
                "pictures like those that the model was trained on?"
            )
    try:
        write_whole(path, content)
    except OSError as problem:
        raise ExportError(f"{path}: not written: {problem.strerror}") from None
    return Report(path, len(content), error, kept)


def picture_batch(model: SegFormer, path: str | os.PathLike) -> Tensor:
    """A picture as the file takes it: `1 c h w`, uint8, resized."""
    from ..data.transforms import eval_resize  # it needs torchvision

    task = task_of(model)
    image = read_image(path, channels=model.config.in_channels)
    return eval_resize(image[None], short_side=task and task.short_side)


def check_options(
    format: str,
    precision: str,
    pictures: Sequence[str | os.PathLike],
    opset: int,
) -> None:
    """Raise ExportError for options that do not go together."""
    precisions = [*PRECISIONS, *(["int8"] if format == "onnx" else [])]
    if format not in ENDINGS:
        raise ExportError(
            f"format must be one of {', '.join(ENDINGS)}, got {format!r}"
        )
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
    if (precision == "int8") != bool(pictures):
        raise ExportError(
            "int8 needs pictures, and nothing else does: got "
            f"{len(pictures)} pictures for {precision}"
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
        raise ExportError(f"{path}: exists already, and is not overwritten")
    if not os.access(path.parent, os.W_OK):
        raise ExportError(f"{path.parent}: may not be written to")
