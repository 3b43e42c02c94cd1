"""Weights in and out: published layouts, files, hubs, this package's own."""

from .layouts import WeightsError
from .load import (
    WeightsReport,
    config_from_weights,
    load_model,
    load_weights,
    read_task,
    save_weights,
)

__all__ = [
    "WeightsError",
    "WeightsReport",
    "config_from_weights",
    "load_model",
    "load_weights",
    "read_task",
    "save_weights",
]
