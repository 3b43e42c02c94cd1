"""How many windows see each pixel."""

from collections.abc import Iterator

import torch
import torch.nn.functional as F

from segformer_tutorial.patch_embedding import OverlapPatchEmbedding


def check(state: dict, found: dict) -> Iterator[str]:
    """Compare with `unfold`, `fold`, and the patch embedding."""
    size, stride, padding = (state[n] for n in ("size", "stride", "padding"))
    options = {"kernel_size": size, "stride": stride, "padding": padding}
    cut = F.unfold(torch.ones(1, 1, 14, 14), **options)
    seen = F.fold(cut, (14, 14), **options)[0, 0]
    if found["seen"] != seen.tolist():
        yield "counts other windows than fold"
    if found["tokens"] ** 2 != cut.shape[2]:
        yield f"{found['tokens']} tokens a side, {cut.shape[2]} in all"
    if padding == size // 2:
        embedding = OverlapPatchEmbedding(1, 1, patch_size=size, stride=stride)
        side = embedding(torch.ones(1, 1, 14, 14)).shape[1]
        if found["tokens"] != side:
            yield f"{found['tokens']} tokens; the package has {side}"
