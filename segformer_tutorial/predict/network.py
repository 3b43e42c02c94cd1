"""A network at inference: its mode, its normalisation, its logits."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from ..data import MEAN, STD, task_of


@contextmanager
def evaluation_mode(model: nn.Module) -> Iterator[None]:
    """Evaluation mode inside; then every module gets back its own mode.

    Some may have been frozen in evaluation mode within a model that trains,
    so the mode of the whole is not enough.
    """
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


def normalization(model: nn.Module) -> tuple[Sequence[float], Sequence[float]]:
    """Mean and standard deviation of the model's task, or else ImageNet's.

    Raises ValueError for a model without a task that takes other than 3
    channels.
    """
    task = task_of(model)
    if task is not None:
        return task.mean, task.std
    config = getattr(model, "config", None)
    channels = getattr(config, "in_channels", len(MEAN))
    if channels != len(MEAN):
        raise ValueError(
            f"the normalisation of {channels} channels is not known: set "
            "model.task = Task(classes=..., mean=..., std=...)"
        )
    return MEAN, STD


def logits_of(model: nn.Module, images: Tensor) -> Tensor:
    """Run the model: normalised `b c h w` -> `b k h' w'`, float32 or wider.

    Raises TypeError for a model that returns something else, ValueError for
    logits that are not numbers, from which argmax would still make labels.
    """
    logits = model(images)
    if not isinstance(logits, Tensor) or logits.ndim != 4:
        found = (
            f"shape {tuple(logits.shape)}"
            if isinstance(logits, Tensor)
            else type(logits).__name__
        )
        raise TypeError(f"the model must return logits b k h w, got {found}")
    if logits.isnan().any():
        raise ValueError(
            "the model returned nan: a weight is not finite, or its precision "
            "is too low"
        )
    return logits.to(torch.promote_types(logits.dtype, torch.float32))
