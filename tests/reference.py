"""What the tests compare with: the decoder as published, and a distance."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def relative_error(ours: Tensor, theirs: Tensor) -> float:
    """The norm of the difference in units of the norm of `theirs`."""
    return ((ours - theirs).norm() / theirs.norm()).item()


def textbook_decoder(decoder: nn.Module, maps: Sequence[Tensor]) -> Tensor:
    """The published form of `AllMLPDecoder`, with the same parameters.

    Widen, upsample, concatenate with the deepest map first, fuse, norm, ReLU,
    dropout, classify.
    """
    size = maps[0].shape[2:]
    wide = []
    for map_, unify in zip(maps, decoder.unify, strict=True):
        y = unify(map_.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        wide.append(
            F.interpolate(y, size=size, mode="bilinear", align_corners=False)
        )
    x = decoder.fuse(torch.cat(wide[::-1], dim=1))
    x = torch.relu(decoder.norm(x))
    return decoder.classify(decoder.dropout(x))
