"""What fewer bits cost: exported files on the test split of the scenes.

    python benchmarks/exported.py

Prints a table for the small model of data/runs: float32, float16, the int8
that `segformer_tutorial.export` writes, and onnxruntime's static quantisation
of convolutions too, whose ranges come from 16 pictures of the train split.
"""

import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from onnxruntime import quantization
from onnxruntime.quantization.shape_inference import quant_pre_process
from torch import Tensor

from segformer_tutorial import labels_from_logits
from segformer_tutorial.data import LabelledImages, data_folder, read_folder
from segformer_tutorial.evaluate import ConfusionMatrix
from segformer_tutorial.export import export
from segformer_tutorial.export.formats import run_onnx
from segformer_tutorial.weights import load_model

PICTURES = 16  # for the static quantisation


class Pictures(quantization.CalibrationDataReader):
    """Every tenth picture of a data set, as onnxruntime asks for them."""

    def __init__(self, dataset: LabelledImages):
        step = len(dataset) // PICTURES
        self.images = (dataset[k * step][0] for k in range(PICTURES))

    def get_next(self) -> dict | None:
        image = next(self.images, None)
        return None if image is None else {"images": image[None].numpy()}


def write_static(float32: Path, path: Path, dataset: LabelledImages) -> None:
    """Quantise convolutions and linear layers with fixed ranges."""
    folded = path.with_name("folded.onnx")
    quant_pre_process(float32, folded, skip_symbolic_shape=True)
    quantization.quantize_static(
        folded,
        path,
        Pictures(dataset),
        op_types_to_quantize=["Conv", "MatMul"],
        per_channel=True,
        reduce_range=True,
    )


def files(folder: Path) -> Iterator[tuple[str, Path]]:
    """Each file with its name in the table; float32 comes first."""
    scenes = data_folder() / "scenes"
    model = load_model(data_folder() / "runs" / "small" / "best.safetensors")
    for precision in ("float32", "float16", "int8"):
        path = folder / f"{precision}.onnx"
        export(model, path, precision=precision)
        yield precision, path
    path = folder / "static.onnx"
    write_static(folder / "float32.onnx", path, read_folder(scenes, "train"))
    yield "int8, static", path


def measure(
    path: Path, dataset: LabelledImages
) -> tuple[ConfusionMatrix, Tensor, float]:
    """The measures of a file, its labels, and its median time in seconds."""
    run = run_onnx(path.read_bytes())
    matrix = ConfusionMatrix(len(dataset.classes))
    found, times = [], []
    for index in range(len(dataset)):
        image, labels = dataset[index]
        start = time.perf_counter()
        logits = run(image[None])
        times.append(time.perf_counter() - start)
        found.append(labels_from_logits(logits, labels.shape)[0])
        matrix.update(found[-1], labels)
    return matrix, torch.stack(found), statistics.median(times)


def main() -> None:
    dataset = read_folder(data_folder() / "scenes", "test")
    print("| file | MB | test mIoU | labels of float32 | ms a picture |")
    print("| --- | ---: | ---: | ---: | ---: |")
    first = None
    with tempfile.TemporaryDirectory() as folder:
        for name, path in files(Path(folder)):
            matrix, labels, seconds = measure(path, dataset)
            first = labels if first is None else first
            same = (labels == first).double().mean()
            print(
                f"| {name} | {path.stat().st_size / 1e6:.2f} "
                f"| {matrix.mean_iou:.4f} | {same:.2%} "
                f"| {seconds * 1e3:.0f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
