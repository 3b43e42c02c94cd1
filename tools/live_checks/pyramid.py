"""What the stages return, and the pixels that a token depends on."""

from collections.abc import Iterator
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import nn

from segformer_tutorial import PRESETS, SegFormer
from segformer_tutorial.encoder import MixTransformer


def check(state: dict, found: dict) -> Iterator[str]:
    """Compare with the shapes and the convolutions of the real encoder."""
    model, side = state["model"].lower(), int(state["side"])
    if found["pixels"] != side or len(found["stages"]) != 4:
        yield "another picture"
    for i, one in enumerate(found["stages"]):
        channels, tokens, width = shapes(model, side)[i]
        token = [
            min(tokens - 1, tokens * state[name] // 10)
            for name in ("down", "across")
        ]
        apart = 4 * 2**i
        wanted = {
            "tokens": tokens,
            "channels": channels,
            "numbers": channels * tokens * width,
            "token": token,
            "cell": [[n * apart, min(side, (n + 1) * apart)] for n in token],
            "field": [list(fields(model, side)[i][n]) for n in token],
        }
        for name, value in wanted.items():
            if one[name] != value:
                yield f"stage {i + 1}: {name} {one[name]}, not {value}"


@lru_cache
def encoder(model: str) -> MixTransformer:
    """Build the encoder of a preset, without values."""
    with torch.device("meta"):
        return SegFormer(PRESETS[model]).encoder


@lru_cache
def shapes(model: str, side: int) -> list[torch.Size]:
    """Run the encoder: the channels, rows and columns of each stage."""
    with torch.no_grad():
        maps = encoder(model)(torch.empty(1, 3, side, side, device="meta"))
    return [features.shape[1:] for features in maps]


@lru_cache
def fields(model: str, side: int) -> list[list[tuple[int, int]]]:
    """Find what each token of a row depends on, through convolutions alone.

    For each stage and token: the first pixel and the one behind the last. The
    convolutions have the encoder's windows, strides and paddings, and weights
    of 1, so that nothing can cancel; attention is left out.
    """
    result, x = [], torch.eye(side)[:, None]  # pixel 1 token
    for stage in encoder(model).stages:
        for name, layer in stage.named_modules():
            if isinstance(layer, nn.Conv2d) and not name.endswith("reduce"):
                ones = torch.ones(1, 1, layer.kernel_size[0])
                x = F.conv1d(x, ones, None, layer.stride[:1], layer.padding[:1])
                x = (x > 0).float()
        seen = x[:, 0].bool().T  # token, pixel
        spans = []
        for pixels in seen:
            (at,) = pixels.nonzero(as_tuple=True)
            spans.append((at[0].item(), at[-1].item() + 1))
            assert len(at) == at[-1] - at[0] + 1
        result.append(spans)
    return result
