"""The mean IoU over a whole data set, counted as mmsegmentation counts it."""

import torch
import torch.distributed as dist
from torch import Tensor


class ConfusionMatrix:
    """How often a pixel of one class was taken for another.

    counts: int64 `classes classes`, a row for each true class and a column
    for each predicted one. All pictures are counted before anything is
    divided, so that a class has one IoU, not one for each picture. A pixel
    whose true label is `ignore_index` does not count, whatever was predicted.

    The measures are those of mmsegmentation's IoUMetric, in 0..1 and float64.
    A class that is neither in the labels nor in the predictions has no IoU:
    nan, which the mean leaves out.
    """

    def __init__(self, num_classes: int, *, ignore_index: int = 255):
        check_sizes(num_classes, ignore_index)
        self.num_classes = num_classes
        self.ignore_index = ignore_index
        self.counts = torch.zeros(num_classes, num_classes, dtype=torch.int64)

    def update(self, predicted: Tensor, true: Tensor) -> None:
        """Count the pixels of two maps of labels: integers of one shape.

        Raises ValueError for floats, for different shapes and for a label
        that is no class. Predictions may be anything where the true label is
        ignored.
        """
        k, ignored = self.num_classes, self.ignore_index
        check_maps(predicted, true)
        counted = true != ignored
        true, predicted = true[counted].long(), predicted[counted].long()
        check_labels("predicted", predicted, k)
        check_labels("true", true, k, f" or {ignored} (void)")
        pairs = torch.bincount(true * k + predicted, minlength=k * k)
        self.counts = self.counts.to(pairs.device) + pairs.view(k, k)

    @property
    def iou(self) -> Tensor:
        """Intersection over union of each class: `classes`."""
        counts = self.counts.cpu().double()
        both = counts.diag()
        return both / (counts.sum(0) + counts.sum(1) - both)

    @property
    def accuracy(self) -> Tensor:
        """The part of a class's pixels that are right: `classes`, or nan."""
        counts = self.counts.cpu().double()
        return counts.diag() / counts.sum(1)

    @property
    def mean_iou(self) -> float:
        """mIoU. nan before the first pixel."""
        return self.iou.nanmean().item()

    @property
    def mean_accuracy(self) -> float:
        """mAcc, in which a rare class weighs as much as a common one."""
        return self.accuracy.nanmean().item()

    @property
    def pixel_accuracy(self) -> float:
        """aAcc, the part of all pixels that are right."""
        counts = self.counts.cpu().double()
        return (counts.trace() / counts.sum()).item()


def all_reduce(matrix: ConfusionMatrix) -> None:
    """Add up the counts of all processes: call it once, after the last
    update. Every process then holds the whole.

    Without torch.distributed, or before it is initialised, there is one
    process and nothing to add.
    """
    if not (dist.is_available() and dist.is_initialized()):
        return
    if dist.get_backend() == "nccl":  # also where nothing was counted
        matrix.counts = matrix.counts.cuda()
    dist.all_reduce(matrix.counts)


def check_sizes(num_classes: int, ignore_index: int) -> None:
    """Raise ValueError for numbers that no confusion matrix can have."""
    if num_classes < 1:
        raise ValueError(f"num_classes must be at least 1, got {num_classes}")
    if 0 <= ignore_index < num_classes:
        raise ValueError(
            "ignore_index must not be one of the classes "
            f"0..{num_classes - 1}, got {ignore_index}"
        )


def check_maps(predicted: Tensor, true: Tensor) -> None:
    """Raise ValueError for maps that are not integers of one shape."""
    for name, labels in (("predicted", predicted), ("true", true)):
        if labels.is_floating_point() or labels.dtype == torch.bool:
            raise ValueError(
                f"{name} labels must be integers, got {labels.dtype}"
            )
    if predicted.shape != true.shape:
        raise ValueError(
            "predicted and true labels must have one shape, got "
            f"{tuple(predicted.shape)} and {tuple(true.shape)}"
        )


def check_labels(
    name: str, labels: Tensor, num_classes: int, others: str = ""
) -> None:
    """Raise ValueError for a label that is not a class; `others` may be."""
    bad = labels[(labels < 0) | (labels >= num_classes)]
    if len(bad):
        raise ValueError(
            f"{name} labels must be 0..{num_classes - 1}{others}, "
            f"got {bad[0].item()}"
        )
