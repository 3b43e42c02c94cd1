"""Loss functions: what the logits of a batch cost, given its labels.

All take logits, `b k h' w'`, which are resized to the labels, and labels,
`b h w` in 0..k-1 or 255 (void). Void pixels count nowhere, and a batch of
nothing else costs 0.
"""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from ..data import VOID
from ..decoder import resize


def cross_entropy(
    logits: Tensor,
    labels: Tensor,
    *,
    class_weights: Sequence[float] | None = None,
) -> Tensor:
    """Cross-entropy, the mean over all pixels weighted by their classes.

    Of logits `b k h' w'` and labels `b h w`, in 0..k-1 or 255, where a pixel is
    void and not counted. class_weights has a number for each class. As in
    torch, the sum is divided by the sum of the weights.
    """
    return _mean(_per_pixel(logits, labels), labels, class_weights)


def focal_loss(
    logits: Tensor,
    labels: Tensor,
    *,
    class_weights: Sequence[float] | None = None,
    gamma: float = 2.0,
) -> Tensor:
    """Cross-entropy in which pixels that are already right count less.

    A pixel whose class has the probability p is weighted by `(1 - p)**gamma`;
    shapes and `class_weights` are as in `cross_entropy`.
    Source: arXiv 1708.02002, with a softmax over the classes where the paper
    has a sigmoid for each, and `class_weights` for its alpha.
    """
    losses = _per_pixel(logits, labels)
    # As p = exp(-loss); near 1 this keeps the digits that 1 - p would lose.
    factor = (-torch.expm1(-losses)) ** gamma
    return _mean(factor * losses, labels, class_weights)


def dice_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """1 - Dice, the mean over the classes that the labels of a batch have.

    Dice is twice the overlap of the probabilities with the labels' pixels,
    divided by the sum of the two areas. Every class counts alike, however
    few pixels it has. Shapes are as in `cross_entropy`. Source: arXiv
    1606.04797, whose squares in the denominator are left out, as is usual.
    """
    logits = _resized(logits, labels)
    counted = labels != VOID
    labels = labels * counted  # void becomes class 0 with probability 0
    probabilities = logits.softmax(1) * counted[:, None]
    right = probabilities.gather(1, labels[:, None])
    overlap = right.new_zeros(logits.shape[1]).index_add(
        0, labels.flatten(), right.flatten()
    )
    pixels = labels[counted].bincount(minlength=logits.shape[1])
    areas = probabilities.sum((0, 2, 3)) + pixels
    present = pixels > 0
    dice = 2 * overlap[present] / areas[present]
    return (1 - dice).sum() / present.sum().clamp(min=1)


def cross_entropy_and_dice(logits: Tensor, labels: Tensor) -> Tensor:
    """The sum of `cross_entropy` and `dice_loss`, shapes as in `dice_loss`."""
    logits = _resized(logits, labels)
    return cross_entropy(logits, labels) + dice_loss(logits, labels)


LOSSES: dict[str, Callable[..., Tensor]] = {
    "cross-entropy": cross_entropy,
    "focal": focal_loss,
    "dice": dice_loss,
    "cross-entropy+dice": cross_entropy_and_dice,
}
WEIGHTED = ("cross-entropy", "focal")  # those that take class_weights


def _resized(logits: Tensor, labels: Tensor) -> Tensor:
    """The logits at the size of the labels."""
    size = labels.shape[1:]
    return logits if logits.shape[2:] == size else resize(logits, size)


def _per_pixel(logits: Tensor, labels: Tensor) -> Tensor:
    """The cross-entropy of each pixel, `b h w`; 0 where it is void."""
    return F.cross_entropy(
        _resized(logits, labels), labels, ignore_index=VOID, reduction="none"
    )


def _mean(
    losses: Tensor, labels: Tensor, class_weights: Sequence[float] | None
) -> Tensor:
    """The mean over the pixels that are not void, weighted by class."""
    counted = labels != VOID
    if class_weights is None:
        return losses.sum() / counted.sum().clamp(min=1)
    weights = losses.new_tensor(class_weights)[labels * counted] * counted
    smallest = torch.finfo(weights.dtype).tiny
    return (losses * weights).sum() / weights.sum().clamp(min=smallest)
