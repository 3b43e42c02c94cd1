"""Where the token of a square looks, in one head."""

from collections.abc import Iterator

import live_data


def check(state: dict, found: dict) -> Iterator[str]:
    """Compare with the package's attention weights."""
    stage, head = (int(n.split()[1]) - 1 for n in state["head"].split(", "))
    row, column = state["row"] - 1, state["column"] - 1
    wanted = live_data.weights_from(row, column)[stage][head].double()
    weights = wanted.new_tensor(found["weights"])
    if abs(weights.sum() - 1) > 1e-9:
        yield f"weights that add up to {weights.sum():.4f}"
    if not live_data.near(weights[None], wanted[None]):
        yield f"weights that are off by {(weights - wanted).abs().max():.4f}"
    if weights[found["first"]] != weights.max():
        yield f"key {found['first']} has not the most"
    held = wanted.sort(descending=True).values.cumsum(0)
    half, near = found["half"], live_data.NEAR
    if held[half - 1] < 0.5 - near or held[half - 2] * (half > 1) > 0.5 + near:
        yield f"{half} keys hold {held[half - 1]:.3f}"
