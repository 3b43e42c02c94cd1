"""Weights in and out: published layouts, files, hubs, this package's own."""

from .files import WeightsError
from .layouts import to_layout
from .load import config_from_weights, load_weights
from .model import load_model, read_task
from .own import save_weights
from .publish import save_for_transformers
from .report import WeightsReport

__all__ = [
    "WeightsError",
    "WeightsReport",
    "config_from_weights",
    "load_model",
    "load_weights",
    "read_task",
    "save_for_transformers",
    "save_weights",
    "to_layout",
]
