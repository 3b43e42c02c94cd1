"""Train a SegFormer: `python -m segformer_tutorial.train --help`."""

from .checkpoints import newest_checkpoint
from .loop import train
from .recipe import learning_rate_factor, parameter_groups, segmentation_loss
from .settings import TrainConfig, TrainError, model_config, parse
from .signals import Stopped
from .start import build_loss, build_model

__all__ = [
    "Stopped",
    "TrainConfig",
    "TrainError",
    "build_loss",
    "build_model",
    "learning_rate_factor",
    "model_config",
    "newest_checkpoint",
    "parameter_groups",
    "parse",
    "segmentation_loss",
    "train",
]
