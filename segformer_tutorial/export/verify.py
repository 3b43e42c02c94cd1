"""A file computes what PyTorch computes, or it is not written."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from ..decoder import resize
from ..encoder import smallest_side
from ..weights.files import one_line
from .graph import Exported

# The largest error of a logit that is allowed, in units of the largest logit.
# Of int8 it shows only that nothing is broken: what it costs is measured on
# labelled pictures.
TOLERANCE = {"float32": 1e-4, "float16": 2e-2, "int8": 0.25}


class ExportError(ValueError):
    """A model that cannot be exported; nothing was written."""


def trials(reference: Exported) -> Iterator[Tensor]:
    """Pictures of two sizes, one of them odd, in batches of one and three."""
    side = smallest_side(reference.config)
    generator = torch.Generator().manual_seed(0)
    for b, h, w in ((1, 2 * side, 3 * side), (3, 2 * side + 11, 3 * side + 5)):
        size = b, reference.config.in_channels, h, w
        yield torch.randint(256, size, dtype=torch.uint8, generator=generator)


@torch.no_grad()
def verify(
    run: Callable[[Tensor], Tensor], reference: Exported, tolerance: float
) -> float:
    """Compare a file with PyTorch, in float32; return the largest error.

    run: the file as a function. The error is in units of the largest logit;
    for labels it is how far the logit of a label lies below the best one, so
    that ties are no error. Raises ExportError for a larger one than
    `tolerance`, for nan, and for another shape.
    """
    worst = 0.0
    for images in trials(reference):
        where = f"on pictures {tuple(images.shape)} (b c h w)"
        expected = logits = reference.logits(images)
        try:
            found = run(images)
        except Exception as problem:  # a runtime's own
            raise ExportError(
                f"{where} the exported file fails: {one_line(problem)}"
            ) from problem
        if reference.labels:
            logits = resize(expected, images.shape[2:])
            expected = logits.argmax(1)
        if found.shape != expected.shape or found.dtype != expected.dtype:
            raise ExportError(
                f"{where} the exported file gives {found.dtype} of shape "
                f"{tuple(found.shape)}, PyTorch {expected.dtype} of shape "
                f"{tuple(expected.shape)}"
            )
        difference = (
            below_best(logits, found)
            if reference.labels
            else (found - expected).abs().max()
        )
        error = (difference / logits.abs().max()).item()
        if not error <= tolerance:  # nan is neither
            raise ExportError(
                f"{where} the exported file differs from PyTorch by "
                f"{error:.2g} of the largest logit, and {tolerance:g} is "
                "allowed"
            )
        worst = max(worst, error)
    return worst


def below_best(logits: Tensor, labels: Tensor) -> Tensor:
    """How far the labels' logits lie below the best: `b k h w`, `b h w`."""
    if labels.min() < 0 or labels.max() >= logits.shape[1]:
        return logits.new_tensor(torch.inf)
    chosen = logits.gather(1, labels[:, None])[:, 0]
    return (logits.amax(1) - chosen).max()
