"""What a chain of 3 x 3 averages leaves of a picture of ones."""

from collections.abc import Iterator

import torch
import torch.nn.functional as F


def check(state: dict, found: dict) -> Iterator[str]:
    """Compare with torch's convolution of ones."""
    modes = {"zeros": "constant", "reflect": "reflect", "circular": "circular"}
    kernel = torch.ones(1, 1, 3, 3, dtype=torch.float64)
    for panel in found["panels"]:
        x = torch.ones(1, 1, 16, 16, dtype=torch.float64)
        for _ in range(panel["layers"]):
            x = F.conv2d(F.pad(x, (1, 1, 1, 1), modes[state["mode"]]), kernel)
        x = x[0, 0] / 9 ** panel["layers"]
        if panel["values"] != x.tolist():
            yield f"other values after {panel['layers']} layers"
        if panel["untouched"] != (x == 1).sum():
            yield f"{panel['untouched']} untouched, not {(x == 1).sum()}"
    if found["panels"][-1]["layers"] != state["depth"]:
        yield "the last panel has another depth"
