"""Labels for a picture: `predict(model, picture)`."""

from .device import choose_device
from .prediction import predict
from .windows import sliding_logits

__all__ = ["choose_device", "predict", "sliding_logits"]
