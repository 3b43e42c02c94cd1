"""Labels for a picture: `predict(model, picture)`, and as a command."""

from .device import choose_device
from .prediction import predict
from .windows import sliding_logits

__all__ = ["choose_device", "predict", "save_labels", "sliding_logits"]


def __getattr__(name: str):
    # Files need Pillow, and the command's --help does not.
    if name == "save_labels":
        from .label_files import save_labels

        return save_labels
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
