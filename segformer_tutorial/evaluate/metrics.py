"""The mean IoU over a whole data set, counted as mmsegmentation counts it."""

import torch
import torch.distributed as dist
from torch import Tensor


class ConfusionMatrix:
    """How many pixels of each class were predicted as each class.

    counts: int64 `classes classes` on the CPU, a row for each true class and
    a column for each predicted one. All pictures are counted before anything
    is divided, so that a class has one IoU, not one for each picture. A pixel
    whose true label is `ignore_index` is not counted, whatever was predicted.

    The measures are those of mmsegmentation's IoUMetric, in 0..1 and float64.
    A class that is neither in the labels nor in the predictions has the IoU
    nan (0 / 0), which the mean leaves out.
    """

    def __init__(self, num_classes: int, *, ignore_index: int = 255):
        check_sizes(num_classes, ignore_index)
        self.num_classes = num_classes
        self.ignore_index = ignore_index
        self.counts = torch.zeros(num_classes, num_classes, dtype=torch.int64)

    def update(self, predicted: Tensor, true: Tensor) -> None:
        """Count the pixels of two label maps: integers of one shape.

        They may be on any device. Raises ValueError for floats, for different
        shapes and for a label that is no class. Where the true label is
        ignored, the prediction may be any integer.
        """
        k, ignored = self.num_classes, self.ignore_index
        check_maps(predicted, true)
        predicted, true = predicted.cpu(), true.cpu()
        counted = true != ignored
        true, predicted = true[counted].long(), predicted[counted].long()
        check_labels("predicted", predicted, k)
        check_labels("true", true, k, f" or {ignored} (void)")
        pairs = torch.bincount(true * k + predicted, minlength=k * k)
        self.counts = self.counts + pairs.view(k, k)

    @property
    def iou(self) -> Tensor:
        """Intersection over union of each class: `classes`."""
        counts = self.counts.double()
        both = counts.diag()
        return both / (counts.sum(0) + counts.sum(1) - both)

    @property
    def accuracy(self) -> Tensor:
        """The fraction of each class's pixels that are right: `classes`.

        nan for a class that is not in the labels.
        """
        counts = self.counts.double()
        return counts.diag() / counts.sum(1)

    @property
    def mean_iou(self) -> float:
        """mIoU, the mean over the classes that have one; nan if none has."""
        return self.iou.nanmean().item()

    @property
    def mean_accuracy(self) -> float:
        """mAcc, the mean over the classes that are in the labels, or nan."""
        return self.accuracy.nanmean().item()

    @property
    def pixel_accuracy(self) -> float:
        """aAcc, the fraction of all pixels that are right; nan without any."""
        counts = self.counts.double()
        return (counts.trace() / counts.sum()).item()


def all_reduce(matrix: ConfusionMatrix) -> None:
    """Add up the counts of all processes, which then all hold the sum.

    Call it once in every process, after the last update. Without
    torch.distributed, or before it is initialised, there is one process and
    nothing to add.
    """
    if not (dist.is_available() and dist.is_initialized()):
        return
    on_gpu = dist.get_backend() == "nccl"  # which cannot add on the CPU
    counts = matrix.counts.cuda() if on_gpu else matrix.counts
    dist.all_reduce(counts)
    matrix.counts = counts.cpu()


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
    """Raise ValueError for label maps that are not integers of one shape."""
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
