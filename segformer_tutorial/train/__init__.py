"""Train a SegFormer: `python -m segformer_tutorial.train --help`."""

from .loop import (
    StepSampler,
    TrainConfig,
    TrainError,
    build_model,
    model_config,
    newest_checkpoint,
    parse,
    train,
)
from .recipe import learning_rate_factor, parameter_groups, segmentation_loss

__all__ = [
    "StepSampler",
    "TrainConfig",
    "TrainError",
    "build_model",
    "learning_rate_factor",
    "model_config",
    "newest_checkpoint",
    "parameter_groups",
    "parse",
    "segmentation_loss",
    "train",
]
