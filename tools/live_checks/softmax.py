"""The weights of 16 keys with divided and with undivided scores."""

from collections.abc import Iterator

import torch
import torch.nn.functional as F


def check(state: dict, found: dict) -> Iterator[str]:
    """Compare with torch's attention, and with its derivatives."""
    channels, factor = int(state["channels"]), float(state["factor"])
    quantiles = (torch.arange(16).double() + 0.5) / 16
    spread = torch.special.ndtri(quantiles).mul(1000).round() / 1000
    # Queries of ones; keys of equal channels, whose divided scores are spread.
    query = factor * torch.ones(1, 1, channels).double()
    key = factor * spread[:, None].repeat(1, channels) / channels**0.5
    for name, scale in (("undivided", 1), ("divided", None)):
        weights = F.scaled_dot_product_attention(
            query, key[None], torch.eye(16).double()[None], scale=scale
        )[0, 0]
        scores = (key @ query[0, 0]) * (scale or channels**-0.5)
        slopes = torch.func.jacrev(lambda s: s.softmax(dim=0))(scores).diag()
        for kind, wanted in (("weights", weights), ("slopes", slopes)):
            shown = torch.tensor(found[name][kind], dtype=wanted.dtype)
            off = shown - wanted
            if off.abs().max() > 1e-9:
                yield f"{name}: {kind} are off by {off.abs().max()}"
        if abs(found[name]["largest"] - weights.max()) > 1e-9:
            yield f"{name}: {found[name]['largest']} is not the largest weight"
