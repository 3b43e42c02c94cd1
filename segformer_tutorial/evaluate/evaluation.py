"""How good is a model? `python -m segformer_tutorial.evaluate MODEL`."""

import argparse
import itertools
import sys
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from ..data import READERS, DataError, LabelledImages, data_folder
from ..data.transforms import eval_transform
from ..decoder import resize
from ..model import labels_from_logits
from .metrics import ConfusionMatrix


@torch.no_grad()
def predict_labels(
    model: nn.Module,
    image: Tensor,
    *,
    size: Sequence[int] | None = None,
    short_side: int | None = None,
    scales: Sequence[float] = (1.0,),
    flip: bool = False,
    window: int | None = None,
    stride: int | None = None,
) -> Tensor:
    """Label a picture: uint8 `3 h w` -> integers, `h w` or `size`.

    `short_side` is the length in pixels at which the picture's shorter side
    goes through the network; by itself its own. The scores of several
    `scales` of it and of the mirrored picture are averaged after a softmax.
    With a `window` the network sees squares of that side, `stride` pixels
    apart (two thirds of the window by itself), and scores are averaged where
    they overlap. Source: the official code's testing.
    """
    device = next(model.parameters()).device
    size = tuple(image.shape[1:] if size is None else size)
    base = min(image.shape[1:]) if short_side is None else short_side
    mirrors = (False, True) if flip else (False,)
    passes = list(itertools.product(scales, mirrors))
    total = None
    for scale, mirrored in passes:
        x = eval_transform(image, short_side=max(1, round(base * scale)))
        x = x[None].to(device)
        if mirrored:
            x = x.flip(3)
        if window is None:
            logits = model(x)
        else:
            logits = sliding_logits(model, x, window, stride or window * 2 // 3)
        if mirrored:
            logits = logits.flip(3)
        if len(passes) == 1:
            return labels_from_logits(logits, size)[0]
        scores = resize(logits.float(), size).softmax(1)
        total = scores if total is None else total + scores
    return total.argmax(1)[0]


def sliding_logits(
    model: nn.Module, images: Tensor, window: int, stride: int
) -> Tensor:
    """The mean of the scores of windows: `b c h w` -> `b k h w`.

    The last window of a row or column ends at the border. A side that is
    shorter than the window is seen whole.
    """
    if not 0 < stride <= window:
        raise ValueError(
            f"stride must lie in 1..window, got {stride} for a window of "
            f"{window}"
        )
    height, width = (min(side, window) for side in images.shape[2:])

    def starts(side: int, part: int) -> list[int]:
        last = side - part
        return [*range(0, last, stride), last]

    total, count = 0, images.new_zeros(1, 1, *images.shape[2:])
    for top in starts(images.shape[2], height):
        for left in starts(images.shape[3], width):
            rows, columns = slice(top, top + height), slice(left, left + width)
            logits = model(images[:, :, rows, columns]).float()
            if isinstance(total, int):
                shape = (*logits.shape[:2], *images.shape[2:])
                total = logits.new_zeros(shape)
            total[:, :, rows, columns] += resize(logits, (height, width))
            count[:, :, rows, columns] += 1
    return total / count


def evaluate(
    model: nn.Module,
    dataset: LabelledImages,
    *,
    indices: Iterable[int] | None = None,
    **options,
) -> ConfusionMatrix:
    """Compare the labels of a model with those of a data set.

    `indices` are the samples to look at, all by themselves; `options` are
    those of `predict_labels`. The model is put into evaluation mode, and back
    into the mode that it had.
    """
    training = model.training
    model.eval()
    matrix = ConfusionMatrix(len(dataset.classes))
    try:
        for index in range(len(dataset)) if indices is None else indices:
            image, labels = dataset[index]
            found = predict_labels(model, image, size=labels.shape, **options)
            matrix.update(found.cpu(), labels)
    finally:
        model.train(training)
    return matrix


def table(matrix: ConfusionMatrix, classes: Sequence[str]) -> str:
    """The measures as text: a line for each class, then the means."""
    width = max(map(len, [*classes, "mean"]))
    share = matrix.counts.sum(1).double() / matrix.counts.sum()
    columns = zip(classes, matrix.iou, matrix.accuracy, share, strict=True)
    lines = [f"{'':{width}}     IoU  accuracy  share of pixels"]
    for name, *values in columns:
        iou, accuracy, part = (f"{value:.4f}" for value in values)
        lines.append(f"{name:{width}}  {iou:>6}    {accuracy:>6}  {part:>15}")
    means = f"{matrix.mean_iou:.4f}    {matrix.mean_accuracy:.4f}"
    lines.append(f"{'mean':{width}}  {means}")
    return "\n".join([*lines, f"pixel accuracy {matrix.pixel_accuracy:.4f}"])


def main(arguments: list[str] | None = None) -> int:
    """Evaluate a file of weights, and print the classes and their mean."""
    parser = argparse.ArgumentParser(
        prog="python -m segformer_tutorial.evaluate",
        usage="%(prog)s [options] model",
        description="Judge a model by its labels for a data set.",
    )
    parser.add_argument("model", help="a .safetensors file that training wrote")
    add = parser.add_argument
    add("--data", help="the data set's folder; the scenes by itself")
    add(
        "--dataset",
        choices=READERS,
        default="folder",
        metavar="|".join(READERS),
        help="how the folder is laid out (default: %(default)s)",
    )
    add("--split", default="val", help="its part (default: %(default)s)")
    add("--short-side", type=int, help="shorter side of a picture in pixels")
    add(
        "--scales",
        type=float,
        nargs="+",
        default=[1.0],
        help="sizes whose scores are averaged, as factors",
    )
    add("--flip", action="store_true", help="average with the mirror image")
    add("--window", type=int, help="side of a sliding window in pixels")
    add("--stride", type=int, help="of the window (default: 2/3 of it)")
    add("--device", help="cpu, cuda, ... (default: cuda if there is one)")
    options = vars(parser.parse_args(arguments))

    from tqdm import tqdm

    from ..weights import load_model

    path, device = options.pop("model"), options.pop("device")
    try:
        data = options.pop("data") or data_folder() / "scenes"
        read = READERS[options.pop("dataset")]
        dataset = read(data, options.pop("split"))
        model = load_model(path)
        if model.config.num_classes != len(dataset.classes):
            raise DataError(
                f"{path} knows {model.config.num_classes} classes, {data} has "
                f"{len(dataset.classes)}"
            )
        if device is None:
            device = "cuda" if torch.cuda.is_available() else "cpu"
        matrix = evaluate(
            model.to(device),
            dataset,
            indices=tqdm(range(len(dataset)), unit="image"),
            **options,
        )
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(table(matrix, dataset.classes))
    return 0


if __name__ == "__main__":
    sys.exit(main())
