"""Write the data of the live figures that show the trained model.

    python tools/live_data.py

What a page cannot compute by itself stands in book/_static/live-NAME.data.js,
a script, because a page that is opened as a file may load nothing else. The
figures are those of the chapter on what the model sees.
"""

from __future__ import annotations

import io
import json
from base64 import b64decode, b64encode
from functools import cache
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

import notebooks
from segformer_tutorial import SegFormer
from segformer_tutorial.data import data_folder, read_folder
from segformer_tutorial.see import attention_maps, receptive_fields
from segformer_tutorial.weights import load_model

STATIC = notebooks.ROOT / "book" / "_static"

SCENE = 3  # of the test split
ROWS, COLUMNS, KEY = 8, 12, 32  # its keys, and the side of one in pixels
KEYS = ROWS * COLUMNS
THUMBNAIL = (168, 112)  # width and height of the stored scene
NEAR = 1 / 255  # of an attention weight
NEAR_LARGEST = 1 / 20  # of the largest weight of a row

CELL = 8  # pixels of a field that are drawn as one
DECADES = 4  # powers of ten from black to the largest


def path(name: str) -> Path:
    """Return the file of a figure's data."""
    return STATIC / f"live-{name}.data.js"


def read(name: str) -> dict:
    """Read the data of a figure."""
    text = path(name).read_text(encoding="utf-8")
    return json.loads(text.partition(" = ")[2].rstrip(";\n"))


def write(name: str, data: dict) -> None:
    """Write the data of a figure."""
    text = json.dumps(data, separators=(",", ":"))
    start = "// Written by tools/live_data.py\n(window.liveData ??= {})"
    path(name).write_text(
        f"{start}.{name} = {text};\n", encoding="utf-8", newline="\n"
    )


@cache
def trained() -> SegFormer:
    """Return the book's small trained model."""
    file = data_folder() / "runs" / "small" / "best.safetensors"
    return load_model(file).eval()


@cache
def scene(i: int) -> Tensor:
    """Return a picture of the test split."""
    return read_folder(data_folder() / "scenes", "test")[i][0]


# Where the token of a square looks


@cache
def weights_from(row: int, column: int) -> list[Tensor]:
    """Return the weights of a square's middle: `heads key` for each stage.

    row, column: counted from 0. They are those of the stage's last block.
    """
    at = (row * KEY + KEY // 2, column * KEY + KEY // 2)
    maps = attention_maps(trained(), scene(SCENE), at=at)
    return [stage[-1].flatten(1) for stage in maps]


def attention() -> dict:
    """Return the scene, and the weights of all heads from all squares."""
    looks = [
        weights_from(row, column)
        for row in range(ROWS)
        for column in range(COLUMNS)
    ]
    heads = [
        {"name": f"stage {i + 1}, head {n + 1}", **encoded(stage[:, n])}
        for i in range(4)
        for stage in [torch.stack([look[i] for look in looks])]
        for n in range(stage.shape[1])
    ]
    file = io.BytesIO()
    picture = Image.fromarray(scene(SCENE).permute(1, 2, 0).numpy())
    small = picture.resize(THUMBNAIL, Image.Resampling.BOX)
    small.save(file, "WEBP", quality=40)
    return {"picture": b64encode(file.getvalue()).decode(), "heads": heads}


def encoded(weights: Tensor) -> dict:
    """Store weights `query key` in scales and bytes.

    The scores behind the weights are products of short queries and keys, so
    few products of a column and a row add up to all of them. Each step takes
    the one that leaves the least, and rounds it to whole numbers up to 127;
    the next step also mends the rounding. It ends when softmax gives each
    weight to within NEAR and to within NEAR_LARGEST of its row's largest.
    """
    weights = weights.double()
    kept, left = torch.zeros_like(weights), weights.log()
    # The score of a key that gets little from everybody may be less exact.
    care = weights.amax(0)
    scales: list[float] = []
    codes: list[Tensor] = []
    while not near(kept.softmax(1), weights):
        # Softmax does not see what is added to a whole row.
        left = left - (left @ care.square() / care.square().sum())[:, None]
        u, _, v = torch.linalg.svd(left * care)
        query, key = (
            (x / x.abs().max() * 127).round() for x in (u[:, 0], v[0] / care)
        )
        product = torch.outer(query, key)
        size = (product * care).square().sum()
        scale = ((product * care * left * care).sum() / size).item()
        scale = float(f"{scale:.3g}")
        kept, left = kept + scale * product, left - scale * product
        scales.append(scale)
        codes += [query, key]
    numbers = torch.cat(codes).to(torch.int8).numpy()
    return {"scales": scales, "codes": b64encode(numbers.tobytes()).decode()}


def near(found: Tensor, weights: Tensor) -> bool:
    """Whether weights `query key` are near enough to those of the model."""
    error = (found - weights).abs().amax(1)
    return bool(
        (error <= NEAR).all()
        and (error <= NEAR_LARGEST * weights.amax(1)).all()
    )


def decoded(head: dict) -> Tensor:
    """Return the weights `query key` that were stored."""
    numbers = np.frombuffer(b64decode(head["codes"]), np.int8)
    codes = torch.tensor(numbers).double().view(-1, 2, KEYS)
    scales = torch.tensor(head["scales"]).double()
    scores = torch.einsum("n,nq,nk->qk", scales, codes[:, 0], codes[:, 1])
    return scores.softmax(1)


# How far a position sees


@cache
def fields() -> dict[str, list[Tensor]]:
    """Return the fields `h w` of the stages and the logits, for each model."""
    model = trained()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        untrained = SegFormer(model.config).eval()
    squares = [scene(i)[:, :, 64:320] for i in range(3)]
    return {
        "trained": receptive_fields(model, squares),
        "untrained": receptive_fields(untrained, squares),
    }


def field() -> dict:
    """Return maps of bytes, and the sides of the squares in the middle."""
    return {
        name: {
            "maps": [b64encode(levels(x)).decode() for x in five],
            "sides": [
                [side(x, tenths / 10) for tenths in range(1, 10)] for x in five
            ],
        }
        for name, five in fields().items()
    }


def levels(found: Tensor) -> bytes:
    """Return a coarse field in steps of one factor, the largest being 255."""
    x = F.avg_pool2d(found[None], CELL)[0]
    logs = 1 + (x / x.max()).log10() / DECADES
    return (255 * logs.clamp(min=0)).round().byte().numpy().tobytes()


def side(found: Tensor, part: float) -> int:
    """Of the smallest square in the middle with this part of the field."""
    middle = len(found) // 2
    for reach in range(middle):
        window = slice(middle - reach, middle + reach + 1)
        if found[window, window].sum() >= part * found.sum():
            return 2 * reach + 1
    return len(found)


def main() -> None:
    """Write all data."""
    for name, made in {"attention": attention, "field": field}.items():
        write(name, made())
        print(path(name), path(name).stat().st_size, "bytes")


if __name__ == "__main__":
    main()
