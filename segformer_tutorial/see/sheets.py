"""What a model looks at as pictures, many on one sheet."""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from einops import rearrange, repeat
from torch import Tensor

TILE = 256  # pixels of the longer side
DARK = 0.2  # what is left of the picture where nothing is looked at
DECADES = 4  # from black to white, in a receptive field
MARK = torch.tensor([230, 159, 0]) / 255


def tile(image: Tensor) -> Tensor:
    """A picture `c h w` as RGB of the size of a tile: `3 h' w'` in 0..1."""
    image = image.float() / 255
    if len(image) != 3:
        image = repeat(image.mean(0), "h w -> 3 h w")
    h, w = image.shape[1:]
    size = [max(1, round(side * TILE / max(h, w))) for side in (h, w)]
    return F.interpolate(image[None], size, mode="bilinear", antialias=True)[
        0
    ].clamp(0, 1)


def attention_sheet(
    maps: Tensor, picture: Tensor, point: Sequence[float]
) -> np.ndarray:
    """Weights `blocks heads y x` over a tile: a row per block, as uint8.

    The picture is bright where a head looks; the darkest has no weight and
    the brightest the largest one of the head. `point`, where the looking
    token lies, is marked: its row and column as parts of the sides.
    """
    size = picture.shape[1:]
    weights = F.interpolate(maps, size, mode="nearest")
    weights = weights / weights.amax((2, 3), keepdim=True)
    tiles = picture * (DARK + (1 - DARK) * weights[:, :, None])
    row, column = (int(p * side) for p, side in zip(point, size, strict=True))
    near = [slice(max(0, middle - 3), middle + 4) for middle in (row, column)]
    tiles[..., near[0], near[1]] = MARK[:, None, None]
    return sheet(tiles)


def field_sheet(fields: Sequence[Tensor], size: Sequence[int]) -> np.ndarray:
    """Receptive fields in one row, by powers of ten: white is the largest."""
    tiles = []
    for field in fields:
        part = field / field.max()
        light = 1 + part.clamp(min=10.0**-DECADES).log10() / DECADES
        tiles.append(fitted(repeat(light, "h w -> 3 h w"), size))
    return sheet(torch.stack(tiles)[None])


def feature_sheet(
    features: Sequence[Tensor], size: Sequence[int]
) -> np.ndarray:
    """The stages' features as colours, in one row."""
    return sheet(torch.stack([fitted(x, size) for x in features])[None])


def fitted(image: Tensor, size: Sequence[int]) -> Tensor:
    """Larger images averaged, smaller ones in visible squares: c h w."""
    return F.interpolate(image[None], tuple(size), mode="area")[0]


def sheet(tiles: Tensor) -> np.ndarray:
    """rows columns 3 h w in 0..1 -> an array `h' w' 3`, uint8, with gaps."""
    tiles = F.pad(tiles, (2, 2, 2, 2), value=1.0)
    whole = rearrange(tiles, "rows columns c h w -> (rows h) (columns w) c")
    return (whole * 255).round().to(torch.uint8).numpy()
