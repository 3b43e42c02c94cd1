"""The model that a run starts from."""

from dataclasses import replace

from ..model import SegFormer
from ..weights import config_from_weights, load_weights
from .settings import TrainConfig, model_config


def build_model(config: TrainConfig, num_classes: int) -> SegFormer:
    """A SegFormer with fresh weights, or with the encoder of `init`."""
    wanted = model_config(config.model, num_classes)
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
