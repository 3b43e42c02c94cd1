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
        if num_classes < 1:
            raise ValueError(
                f"num_classes must be at least 1, got {num_classes}"
            )
        if 0 <= ignore_index < num_classes:
            raise ValueError(
                "ignore_index must not be one of the classes "
                f"0..{num_classes - 1}, got {ignore_index}"
            )
        self.num_classes = num_classes
        self.ignore_index = ignore_index
        self.counts = torch.zeros(num_classes, num_classes, dtype=torch.int64)

    def update(self, predicted: Tensor, true: Tensor) -> None:
        """Count the pixels of two maps of labels: integers of one shape.

        Raises ValueError for floats, for different shapes, and for a label
        that is neither a class nor, among the true ones, ignored. Predictions
        are checked where they count.
        """
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
        true = true.long()
        counted = true != self.ignore_index
        true, predicted = true[counted], predicted[counted].long()
        self._check("predicted", predicted, "")
        self._check("true", true, f" or {self.ignore_index} (void)")
        pairs = torch.bincount(
            true * self.num_classes + predicted, minlength=self.num_classes**2
        )
        self.counts = self.counts.to(pairs.device) + pairs.view_as(self.counts)

    def _check(self, name: str, labels: Tensor, other: str) -> None:
        bad = labels[(labels < 0) | (labels >= self.num_classes)]
        if len(bad):
            raise ValueError(
                f"{name} labels must be 0..{self.num_classes - 1}{other}, "
                f"got {bad[0].item()}"
            )

    def __add__(self, other: "ConfusionMatrix") -> "ConfusionMatrix":
        """The counts of both, for example of two parts of a data set.

        Raises ValueError where they differ in classes or ignored label.
        """
        if not isinstance(other, ConfusionMatrix):
            return NotImplemented
        ours = self.num_classes, self.ignore_index
        theirs = other.num_classes, other.ignore_index
        if ours != theirs:
            raise ValueError(
                f"expected num_classes, ignore_index = {ours}, got {theirs}"
            )
        both = ConfusionMatrix(self.num_classes, ignore_index=self.ignore_index)
        both.counts = self.counts + other.counts.to(self.counts.device)
        return both

    def all_reduce(self) -> None:
        """Add up the counts of all processes: call it once, after the last
        update. Every process then holds the whole.

        Without torch.distributed, or before it is initialised, there is one
        process and nothing to add.
        """
        if not (dist.is_available() and dist.is_initialized()):
            return
        if dist.get_backend() == "nccl":  # also where nothing was counted
            self.counts = self.counts.cuda()
        dist.all_reduce(self.counts)

    @property
    def iou(self) -> Tensor:
        """Intersection over union of each class: `classes`."""
        counts = self.counts.cpu().double()
        both = counts.diag()
        return both / (counts.sum(0) + counts.sum(1) - both)

    @property
    def accuracy(self) -> Tensor:
        """The part of each class's pixels that are right: `classes`.

        nan for a class that is not in the labels.
        """
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
