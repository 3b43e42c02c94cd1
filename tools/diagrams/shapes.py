"""Diagrams on the shapes that flow through the model."""

import torch
from einops import rearrange

from segformer_tutorial.encoder import MixTransformerStage

from .drawing import ACCENT, ACCENT_INK, ACCENT_PALE, B0, MUTED, Drawing

PHOTO = (250, 333)  # not square, so that no two lengths are equal


def map_to_tokens() -> Drawing:
    """A feature map of 2 channels, 2 rows and 3 columns, and its 6 tokens."""
    grid = torch.arange(6).view(2, 3)
    map_ = torch.stack([grid, grid + 10])[None]
    tokens = rearrange(map_, "b c h w -> b (h w) c")[0].tolist()
    channels = map_[0].tolist()
    y, x = 1, 0
    number = tokens.index([channel[y][x] for channel in channels])
    assert number == 3 * y + x == 3
    d = Drawing(
        490,
        362,
        "A feature map becomes a list of tokens: b c h w -> b (h w) c",
        "On the left a feature map of 2 channels, 2 rows and 3 columns: 0 "
        "to 5 in channel 0, 10 to 15 in channel 1. On the right the list of "
        "6 tokens with 2 numbers each: 0 10, 1 11, 2 12, 3 13, 4 14, 5 15. "
        f"The position in row {y} and column {x} is highlighted: its numbers "
        f"{channels[0][y][x]} and {channels[1][y][x]} form "
        f"token {number}.",
    )
    left, cell, right, row = 24, 44, 322, 36
    d.text(left, 26, "b c h w = 1 2 2 3", "start mono")
    d.text(236, 26, "b (h w) c = 1 6 2", "start mono")
    tops, table = (80, 214), 80
    for c, (top, channel) in enumerate(zip(tops, channels, strict=True)):
        d.text(left, top - 12, f"c = {c}", "start mono")
        d.text(right + (c + 0.5) * 56, table - 12, f"c = {c}", "mono small")
        for i, values in enumerate(channel):
            for j, value in enumerate(values):
                at = left + j * cell, top + i * cell
                d.cell(*at, cell, cell, str(value), on=(i, j) == (y, x))
    d.text(right - 12, table - 12, "h w", "end mono small")
    for i, token in enumerate(tokens):
        top, on = table + i * row, i == number
        base, ink = top + row / 2 + 5, ACCENT_INK if on else MUTED
        position = f"{i // 3} {i % 3}"
        d.text(right - 12, base, position, "end mono small", fill=ink)
        for c, value in enumerate(token):
            d.cell(right + c * 56, top, 56, row, str(value), on=on)
        d.text(right + 124, base, f"{i}", "start small", fill=ink)
    d.text(right + 120, table - 12, "no.", "start small")
    aim = table + number * row + row / 2
    for top in tops:
        start, turn = left + (x + 0.5) * cell, top + (y + 1) * cell + 12
        edge = left + 3 * cell + 38
        way = (start, turn - 12), (start, turn), (edge, turn), (edge, aim)
        d.line(*way, (right - 48, aim), stroke=ACCENT)
    d.text(24, 346, "row y, column x: token number 3 · y + x", "start")
    return d


def stage_shapes() -> dict[str, tuple[int, ...]]:
    """What the parts of B0's first stage give for the photo, in a real run."""
    with torch.device("meta"):
        stage = MixTransformerStage(
            B0.in_channels,
            B0.dims[0],
            patch_size=B0.patch_sizes[0],
            stride=B0.strides[0],
            num_heads=B0.num_heads[0],
            reduction_ratio=B0.reduction_ratios[0],
            expansion_ratio=B0.expansion_ratios[0],
            drop_paths=[0.0] * B0.depths[0],
        ).eval()
        image = torch.empty(1, B0.in_channels, *PHOTO)
    shapes = {}

    def listen(name):
        def hook(module, inputs, output):
            shapes[name] = tuple(output.shape)

        return hook

    for name, module in stage.named_modules():
        module.register_forward_hook(listen(name))
    stage(image)
    return shapes


def two_orders() -> Drawing:
    """One stage in two lanes: channels first and channels last."""
    shapes = stage_shapes()
    k, s, r = B0.patch_sizes[0], B0.strides[0], B0.reduction_ratios[0]
    rows = [
        ("first", "patch_embedding.proj", f"conv {k} × {k}, stride {s}"),
        ("last", "patch_embedding.norm", "LayerNorm"),
        ("last", "blocks.0.norm1", "LayerNorm"),
        ("first", "blocks.0.attn.reduce", f"conv {r} × {r}, stride {r}"),
        ("last", "blocks.0.attn.kv", "LayerNorm, Linear"),
        ("last", "blocks.0.attn.proj", "attention, Linear"),
        ("last", "blocks.0.ffn.fc1", "LayerNorm, Linear"),
        ("first", "blocks.0.ffn.dwconv", "conv 3 × 3"),
        ("last", "blocks.0.ffn.fc2", "GELU, Linear"),
        ("last", "norm", "LayerNorm"),
    ]
    width, height, pitch, top = 168, 30, 62, 116
    lanes = {"first": 24, "last": 258}
    middles = {lane: x + width / 2 for lane, x in lanes.items()}
    written = {
        name: "b " + " ".join(map(str, shape[1:]))
        for name, shape in shapes.items()
    }
    gaps = {2: 20, 9: 18}  # before the frame of the block, and after it
    tops = [
        top + i * pitch + sum(g for k, g in gaps.items() if k <= i)
        for i in range(len(rows))
    ]
    bottom = tops[-1] + pitch
    d = Drawing(
        490,
        bottom + 52,
        "Two orders of dimensions in one stage",
        f"Stage 1 of B0 for a photo of {PHOTO[0]} x {PHOTO[1]} in two lanes. "
        "In the left lane, b c h w, stand the convolutions; in the right lane, "
        "b h w c, LayerNorm, Linear, attention and GELU. In turn: "
        + "; ".join(f"{words} gives {written[name]}" for _, name, words in rows)
        + f". The stage gives {written['']}, channels first.",
    )
    for lane, order, words in (
        ("first", "b c h w", "convolutions"),
        ("last", "b h w c", "everything else"),
    ):
        d.text(lanes[lane], 26, order, "start mono bold")
        d.text(lanes[lane], 46, words, "start")

    # the frame of a block, behind everything else
    y0, y1 = tops[2] - 24, tops[8] + height + 26
    d.rect(10, y0, 470, y1 - y0, fill=ACCENT_PALE, stroke=ACCENT)
    d.text(20, y0 + 23, "block", "start accent bold")

    photo = f"b {B0.in_channels} {PHOTO[0]} {PHOTO[1]}"
    d.text(middles["first"], 76, photo, "mono small muted")
    d.down(middles["first"], 83, top)
    ends = [
        *((lane, y) for (lane, *_), y in zip(rows, tops, strict=True)),
        ("first", bottom),
    ]
    for (lane, name, words), y, (to, below) in zip(
        rows, tops, ends[1:], strict=True
    ):
        d.box(lanes[lane], y, width, height, words, on=lane == "first")
        x, aim, end = middles[lane], middles[to], y + height
        d.text(x + 8, end + 18, written[name], "start mono small muted")
        if to == lane:
            d.down(x, end, below)
        else:
            d.line((x, end), (x, end + 24), (aim, end + 24), (aim, below))
    # the queries come straight from the block's first norm
    x, edge = lanes["last"] + width, 466
    y, aim = tops[2] + height / 2, tops[5] + height / 2
    d.line((x, y), (edge, y), (edge, aim), (x, aim))
    d.text(edge - 8, tops[3] + 15, "Linear", "end muted")
    d.text(middles["first"], bottom + 18, written[""], "mono small muted")
    d.text(24, bottom + 40, "to the next stage and to the decoder", "start")
    return d


DRAWINGS = {"map_to_tokens": map_to_tokens, "two_orders": two_orders}
