"""How good a model is on a data set: `evaluate`, and the result as a table."""

from collections.abc import Iterable, Sequence

from torch import nn

from ..data import LabelledImages
from ..predict import predict
from .metrics import ConfusionMatrix


def evaluate(
    model: nn.Module,
    dataset: LabelledImages,
    *,
    indices: Iterable[int] | None = None,
    **options,
) -> ConfusionMatrix:
    """Compare the labels that a model predicts with those of a data set.

    indices: the samples to compare, by default all. options: those of
    `predict`, whose labels are compared at the size of the data set's.
    Raises what `predict` raises, and DataError for a file that cannot be used.
    """
    matrix = ConfusionMatrix(len(dataset.classes))
    for index in range(len(dataset)) if indices is None else indices:
        image, labels = dataset[index]
        found = predict(model, image, size=labels.shape, **options)
        matrix.update(found, labels)
    return matrix


def table(matrix: ConfusionMatrix, classes: Sequence[str]) -> str:
    """The measures as text: a line for each class, then the means.

    A class that has no IoU or no accuracy, because no pixel has it, shows
    nan. Raises ValueError for another number of names.
    """
    if len(classes) != matrix.num_classes:
        raise ValueError(
            f"there must be {matrix.num_classes} names, one for each class, "
            f"got {len(classes)}"
        )
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
