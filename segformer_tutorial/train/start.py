"""The model that a run starts from."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from torch import Tensor

from ..data import LabelledImages
from ..model import SegFormer
from ..weights import config_from_weights, load_weights
from .recipe import freeze, segmentation_loss
from .settings import TrainConfig, model_config


def build_model(config: TrainConfig, classes: Sequence[str]) -> SegFormer:
    """A SegFormer with fresh weights, or with the encoder of `init`."""
    model = _model(config, classes)
    if config.freeze_encoder:
        freeze(model.encoder)
    return model


def build_loss(
    config: TrainConfig, dataset: LabelledImages
) -> Callable[[Tensor, Tensor], Tensor]:
    """The loss of a run: `(logits, labels) -> ()`."""
    return segmentation_loss


def _model(config: TrainConfig, classes: Sequence[str]) -> SegFormer:
    wanted = model_config(config.model, len(classes), channels=config.channels)
    if not config.init:
        return SegFormer(wanted)
    found = config_from_weights(config.init)
    encoder = {
        name: getattr(found, name)
        for name in ("dims", "depths", "num_heads", "expansion_ratios")
    }
    changed = [
        f"{name} {value} instead of {getattr(wanted, name)}"
        for name, value in encoder.items()
        if value != getattr(wanted, name)
    ]
    if changed:
        print(f"model: as in {config.init}: {'; '.join(changed)}")
    model = SegFormer(replace(wanted, **encoder))
    print(load_weights(model.encoder, config.init))
    return model
