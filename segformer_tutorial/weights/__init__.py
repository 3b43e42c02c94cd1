"""Weights in and out: published layouts, files, hubs, this package's own."""

from .files import WeightsError
from .layouts import to_layout
from .load import WeightsReport, config_from_weights, load_weights
from .own import load_model, read_task, save_weights

__all__ = [
    "WeightsError",
    "WeightsReport",
    "config_from_weights",
    "load_model",
    "load_weights",
    "read_task",
    "save_weights",
    "to_layout",
]
