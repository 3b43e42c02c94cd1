"""Train a SegFormer: `python -m segformer_tutorial.train --help`."""

from .checkpoints import newest_checkpoint
from .command import parse
from .recipe import (
    freeze,
    learning_rate_factor,
    parameter_groups,
    segmentation_loss,
)
from .settings import TrainConfig, TrainError, model_config
from .signals import Stopped
from .start import build_loss, build_model

__all__ = [
    "Stopped",
    "TrainConfig",
    "TrainError",
    "build_loss",
    "build_model",
    "freeze",
    "learning_rate_factor",
    "model_config",
    "newest_checkpoint",
    "parameter_groups",
    "parse",
    "segmentation_loss",
    "train",
]


def __getattr__(name: str):
    # The loop needs the packages of the extra "train"; --help does not.
    if name == "train":
        from .loop import train

        return train
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
