"""A disc's labels from logits at a quarter of the size."""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from segformer_tutorial import labels_from_logits
from segformer_tutorial.evaluate import ConfusionMatrix

SIZE = 48, 48


def check(state: dict, found: dict) -> Iterator[str]:
    """Compare with the package's labels and IoU, and with torch's resizing."""
    truth = margin(48, **state) > 0
    disc = margin(12, **state)[None, None]
    logits = torch.cat([torch.zeros_like(disc), disc], dim=1)
    best = logits.argmax(1, keepdim=True).double()
    aligned = F.interpolate(logits, SIZE, mode="bilinear", align_corners=True)
    ways = [
        labels_from_logits(logits, SIZE)[0],
        F.interpolate(best, SIZE)[0, 0].long(),
        aligned.argmax(1)[0],
    ]
    for i, (labels, panel) in enumerate(
        zip(ways, found["panels"], strict=True)
    ):
        kinds = 2 * truth + labels
        if panel["kinds"] != ["".join(map(str, x)) for x in kinds.tolist()]:
            yield f"panel {i} shows other pixels"
        matrix = ConfusionMatrix(2)
        matrix.update(labels, truth.long())
        if abs(panel["iou"] - matrix.iou[1]) > 1e-12:
            yield f"IoU {panel['iou']}; the package says {matrix.iou[1]}"


def margin(side: int, radius: int, shift: int) -> Tensor:
    """How far each of `side side` positions lies inside of the disc, pixels."""
    at = (torch.arange(side).double() + 0.5) * 48 / side - 24 - shift
    return radius - (at[:, None] ** 2 + at**2).sqrt()
