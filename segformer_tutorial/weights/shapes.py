"""The config that weights fit, read off the shapes of their tensors."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from ..config import SegFormerConfig
from .files import WeightsError
from .layouts import recognise, theirs


def config_from_shapes(
    state: Mapping[str, Tensor], where: str, **changes
) -> SegFormerConfig:
    """What `config_from_weights` does with tensors that come without one."""
    layout, prefix = recognise(state, where)

    def shape(name: str) -> tuple[int, ...]:
        keys = theirs(f"{name}.weight", layout, prefix)
        return tuple(state[keys[0]].shape) if keys[0] in state else ()

    values: dict[str, Any] = {}
    stage = "encoder.stages.0"
    try:
        head_dim, in_channels = shape(f"{stage}.patch_embedding.proj")[:2]
        if head_dim not in (32, 64) and "num_heads" not in changes:
            raise ValueError("give num_heads, which no shape tells")
        values["in_channels"] = in_channels
        i = 0
        while patch := shape(f"{stage}.patch_embedding.proj"):
            dim, depth, block = patch[0], 0, f"{stage}.blocks.0"
            while shape(f"{stage}.blocks.{depth}.norm1"):
                depth += 1
            hidden = shape(f"{block}.ffn.dwconv")[0]
            expansion = hidden / dim if hidden % dim else hidden // dim
            for key, value in {
                "dims": dim,
                "depths": depth,
                "num_heads": max(1, dim // head_dim),
                "reduction_ratios": (shape(f"{block}.attn.reduce") or (1,))[-1],
                "expansion_ratios": expansion,
                "patch_sizes": patch[-1],
                "strides": 2 if i else 4,
            }.items():
                values.setdefault(key, []).append(value)
            i += 1
            stage = f"encoder.stages.{i}"
        values["decoder_dim"] = 256 if sum(values["depths"]) == 8 else 768
        if fuse := shape("decoder.fuse"):
            values["decoder_dim"] = fuse[0]
            values["num_classes"] = shape("decoder.classify")[0]
        return SegFormerConfig(**{**values, **changes})
    except (IndexError, ValueError, ZeroDivisionError) as error:
        raise WeightsError(
            f"{where}: the shapes do not give a config: {error}"
        ) from error
