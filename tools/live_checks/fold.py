"""The decoder's matrices and their work in four lines of algebra."""

from collections.abc import Iterator
from functools import cache

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

from segformer_tutorial import (
    PRESETS,
    AllMLPDecoder,
    FoldedMLPDecoder,
    MixTransformer,
    resize,
)
from segformer_tutorial.evaluate.cost import count_macs


def check(state: dict, found: dict) -> Iterator[str]:
    """Compare with the package's decoders, and with the lines in torch."""
    model, side = state["model"].lower(), int(state["picture"])
    if found["line"] != state["line"]:
        yield "shows another line"
    if (largest := difference(model)) > 1e-10:
        yield f"the lines and the decoders differ by {largest}"
    work = count(model, side)
    for n, (line, macs) in enumerate(zip(found["lines"], work, strict=True), 1):
        rows = line["rows"]
        shown = [(row["name"], row["channels"], row["side"]) for row in rows]
        if shown != matrices(model, side, n):
            yield f"line {n} has other matrices: {shown}"
        for row in rows:
            if row["macs"] != found["dim"] * row["channels"] * row["vectors"]:
                yield f"{row['name']} of line {n} makes other multiply-adds"
            if row["side"] and row["side"] ** 2 != row["vectors"]:
                yield f"{row['name']} of line {n} multiplies other vectors"
        sums = [0, 0, 0]
        for row in rows:
            sums[row["kind"]] += row["macs"]
        if not sums == line["work"] == macs or line["total"] != sum(macs):
            yield f"line {n} makes {line['work']}; counted {macs}"


def matrices(model: str, side: int, line: int) -> list[tuple[str, int, int]]:
    """Name, channels read, and side of the map, or 0 where there is none."""
    decoder = make(model)
    state = decoder.state_dict()
    sides = [x.shape[2] for x in maps(model, side)]
    name = "V_{0}W_{0}" if line == 4 else "W_{0}"
    rows = [
        (name.format(i + 1), state[f"unify.{i}.weight"].shape[1], at)
        for i, at in enumerate(sides)
    ]
    if line == 1:
        return [*rows, ("V", decoder.fuse.in_channels, sides[0])]
    at = {2: sides[:1] * 4, 3: sides, 4: [0] * 4}[line]
    dim = decoder.fuse.in_channels // 4
    return rows + [(f"V_{i}", dim, at[i - 1]) for i in range(1, 5)]


@cache
@torch.no_grad()
def maps(model: str, side: int) -> list[Tensor]:
    """The feature maps of a square picture, without values."""
    with torch.device("meta"):
        encoder = MixTransformer(PRESETS[model]).eval()
        return encoder(torch.empty(1, 3, side, side))


@cache
def make(
    model: str, kind: type = AllMLPDecoder, device: str = "meta"
) -> AllMLPDecoder:
    """A decoder of the package."""
    config = PRESETS[model]
    with torch.device(device):
        return kind(config.dims, dim=config.decoder_dim, num_classes=150).eval()


@cache
def count(model: str, side: int) -> list[list[int]]:
    """Multiply-adds of unify, fuse and the products in each line."""
    inputs, published = maps(model, side), make(model)
    lines = [
        count_macs(fused, published, inputs, n).total() for n in (1, 2, 3, 4)
    ]
    folded = count_macs(make(model, FoldedMLPDecoder), inputs)
    classify = count_macs(
        published.classify, fused(published, inputs, 1)
    ).total()
    unify = sum(
        count_macs(layer, rearrange(x, "b c h w -> b h w c")).total()
        for layer, x in zip(published.unify, inputs, strict=True)
    )
    products = folded["mm"] + folded["mv"]
    own = folded.total() - products - classify
    if lines[0] != count_macs(published, inputs).total() - classify:
        raise AssertionError("line 1 is not the published decoder")
    if lines[3] != own + products:
        raise AssertionError("line 4 is not the folded decoder")
    return [
        *([unify, n - unify, 0] for n in lines[:3]),
        [0, products, own],
    ]


@cache
@torch.no_grad()
def difference(model: str) -> float:
    """The largest difference of the lines and of the decoders in float64."""
    published, folded = (
        make(model, kind, "cpu").double()
        for kind in (AllMLPDecoder, FoldedMLPDecoder)
    )
    folded.load_state_dict(published.state_dict())
    inputs = [torch.randn(x.shape).double() for x in maps(model, 64)]
    off = [
        fused(published, inputs, n) - fused(published, inputs, 1)
        for n in (2, 3, 4)
    ]
    off.append(published(inputs) - folded(inputs))
    return max(x.abs().max().item() for x in off)


@torch.no_grad()
def fused(decoder: AllMLPDecoder, inputs: list[Tensor], line: int) -> Tensor:
    """What leaves fuse, computed as the line says: b dim h w."""
    size, total = inputs[0].shape[2:], []
    state = decoder.state_dict()
    slices = rearrange(state["fuse.weight"], "o (n c) 1 1 -> n o c", n=4)
    for i, (x, v) in enumerate(zip(inputs, slices.flip(0), strict=True)):
        w, b = state[f"unify.{i}.weight"], state[f"unify.{i}.bias"]
        if line == 1:
            total.append(resize(pointwise(x, w, b), size))
        elif line == 2:
            total.append(pointwise(resize(pointwise(x, w, b), size), v))
        elif line == 3:
            total.append(resize(pointwise(pointwise(x, w, b), v), size))
        else:
            bias = (v @ b)[:, None, None]
            total.append(resize(pointwise(x, v @ w), size) + bias)
    if line == 1:
        return decoder.fuse(torch.cat(total[::-1], dim=1))
    return torch.stack(total).sum(dim=0)


def pointwise(x: Tensor, w: Tensor, b: Tensor | None = None) -> Tensor:
    """Multiply the channels of each position by a matrix, add a bias."""
    return F.conv2d(x, w[:, :, None, None], b)
