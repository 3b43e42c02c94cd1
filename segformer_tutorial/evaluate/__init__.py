"""How good is a model? `python -m segformer_tutorial.evaluate MODEL`."""

from .evaluation import (
    evaluate,
    main,
    predict_labels,
    sliding_logits,
    table,
)
from .metrics import ConfusionMatrix

__all__ = [
    "ConfusionMatrix",
    "evaluate",
    "main",
    "predict_labels",
    "sliding_logits",
    "table",
]
