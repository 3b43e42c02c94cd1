"""Validation: how good is the model of a run now?"""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from ..data import LabelledImages
from ..evaluate import evaluate
from ..evaluate.metrics import ConfusionMatrix, all_reduce
from .settings import TrainConfig, TrainError
from .signals import StopSignals

if TYPE_CHECKING:
    from accelerate import Accelerator


def try_validation(
    model: nn.Module, dataset: LabelledImages, config: TrainConfig
) -> None:
    """Validate on one picture, before a step depends on it.

    What cannot work, such as a file that cannot be read, a window that is too
    small or too little memory, is better known now than after hours. Raises
    what it comes to, and TrainError where the model has other classes.
    """
    classes = len(dataset.classes)

    def check(module: nn.Module, inputs: tuple, logits: Tensor) -> None:
        if logits.shape[1] != classes:
            raise TrainError(
                f"the model must give logits for {classes} classes, as many "
                f"as the data has, got {logits.shape[1]}"
            )

    hook = model.register_forward_hook(check)
    try:
        evaluate(model, dataset, indices=[0], **options(config))
    finally:
        hook.remove()


def validate(
    model: nn.Module,
    dataset: LabelledImages,
    config: TrainConfig,
    accelerator: "Accelerator",
    stop: StopSignals,
) -> ConfusionMatrix | None:
    """Evaluate as in training, each process its share; all get the whole.

    Returns None where a signal came before the last picture. Raises
    TrainError where no pixel has a label.
    """
    from accelerate.utils import broadcast

    for buffer in model.buffers():  # each process has its own statistics
        buffer.copy_(broadcast(buffer))

    def indices() -> Iterator[int]:
        rank, world = accelerator.process_index, accelerator.num_processes
        for index in range(rank, len(dataset), world):
            if stop.received is not None:
                return
            yield index

    matrix = evaluate(model, dataset, indices=indices(), **options(config))
    all_reduce(matrix)
    stopped = torch.tensor(
        float(stop.received is not None), device=accelerator.device
    )
    if accelerator.reduce(stopped) > 0:
        return None
    if math.isnan(matrix.mean_iou):
        raise TrainError(
            f"{config.val_split}: no pixel has a label, so there is no mIoU"
        )
    return matrix


def options(config: TrainConfig) -> dict[str, int | None]:
    """How pictures are seen in validation: at the size of training."""
    return {
        "short_side": config.short_side,
        "window": config.eval_window,
        "stride": config.eval_stride,
    }
