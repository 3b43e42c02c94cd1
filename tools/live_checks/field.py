"""How far a position sees, before and after training."""

from collections.abc import Iterator

import torch.nn.functional as F

import live_data

STAGES = ["stage 1", "stage 2", "stage 3", "stage 4", "logits"]


def check(state: dict, found: dict) -> Iterator[str]:
    """Compare with the package's receptive fields."""
    i = STAGES.index(state["stage"])
    for panel in found["panels"]:
        field = live_data.fields()[panel["model"]][i]
        coarse = F.avg_pool2d(field[None], 256 // 32).flatten()
        coarse = coarse / coarse.max()
        levels = coarse.new_tensor(panel["levels"])
        wanted = (1 + coarse.log10() / 4).clamp(min=0)
        if (levels - wanted).abs().max() > 1 / 255:
            yield f"{panel['model']}: other levels"
        values = coarse.new_tensor(panel["values"])
        logarithmic = state["scale"] == "logarithmic"
        wanted = wanted if logarithmic else coarse.clamp(min=1e-4)
        if (values - wanted).abs().max() > (1 / 255 if logarithmic else 0.02):
            yield f"{panel['model']}: other values"
        side = live_data.side(field, state["tenths"] / 10)
        if panel["side"] != side:
            yield f"{panel['model']}: {panel['side']} pixels, not {side}"
