"""How the work of one attention layer grows with the picture."""

from collections.abc import Iterator
from functools import lru_cache

import torch

from segformer_tutorial import PRESETS, SegFormer
from segformer_tutorial.attention import EfficientSelfAttention
from segformer_tutorial.config import SegFormerConfig
from segformer_tutorial.evaluate.cost import count_macs

SIDES = (256, 512, 1024, 2048, 4096)
MODELS = {"B0": ("b0",), "B1 to B5": ("b1", "b2", "b3", "b4", "b5")}


def check(state: dict, found: dict) -> Iterator[str]:
    """Compare with what PyTorch counts in the layers of each preset."""
    stage, start = state["stage"] - 1, SIDES.index(int(state["from"]))
    for name in MODELS[state["model"]]:
        config = PRESETS[name]
        ratio = config.reduction_ratios[stage]
        reduced = costs(config, stage, ratio)
        wanted = {
            "ratio": ratio,
            "start": start,
            "reduced": reduced,
            "full": costs(config, stage, 1),
            "linear": [
                reduced[start] * (side // SIDES[start]) ** 2
                for side in SIDES[start:]
            ],
        }
        for key, value in wanted.items():
            if found[key] != value:
                yield f"{name}: {key} {found[key]}, counted are {value}"


@lru_cache
def costs(config: SegFormerConfig, number: int, ratio: int) -> list[int]:
    """Count the multiply-adds of one layer, for each side of the picture."""
    with torch.device("meta"):
        stages = SegFormer(config).encoder.stages
        layer = EfficientSelfAttention(
            config.dims[number],
            num_heads=config.num_heads[number],
            reduction_ratio=ratio,
        )
    result = []
    for side in SIDES:
        x = torch.empty(1, 3, side, side, device="meta")
        with torch.no_grad():
            for stage in stages[:number]:
                x = stage(x)
            x = stages.get_submodule(f"{number}.patch_embedding")(x)
        result.append(count_macs(layer, x).total())
    return result
