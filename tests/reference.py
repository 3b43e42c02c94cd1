"""What the tests compare with: the decoder as published, and a counter."""

from collections import Counter
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

aten = torch.ops.aten


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


def count_macs(function, *inputs) -> Counter:
    """Multiply-adds of a call by kind of operation; `total()` sums them up.

    Linear layers, convolutions and the two products of attention are
    counted. Biases, norms, activations and resizing are not. `mv` is a matrix
    times a vector. Works on the meta device, where nothing is computed.
    """
    with (
        torch.no_grad(),
        FlopCounterMode(
            display=False, custom_mapping={aten.mv: _matrix_vector}
        ) as mode,
    ):
        function(*inputs)
    counts = Counter()
    for operation, flops in mode.get_flop_counts()["Global"].items():
        counts[str(operation).removeprefix("aten.")] += flops // 2
    return counts


def _matrix_vector(matrix, vector, *args, out_shape=None, **kwargs) -> int:
    return 2 * matrix[0] * matrix[1]
