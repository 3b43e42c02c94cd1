"""How good is a model? `python -m segformer_tutorial.evaluate --help`."""

from .evaluation import evaluate, table
from .metrics import ConfusionMatrix

__all__ = ["ConfusionMatrix", "evaluate", "table"]
