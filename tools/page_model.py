"""Sphinx extension: pack the trained model for the page that runs it.

    python tools/page_model.py FILE.js

The page reads a script, because a page that is opened from the disk may not
fetch anything else. The script holds the weights in half precision, the
scenes of the gallery, and the text of the scripts that run in the worker.
"""

import base64
import json
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from einops import rearrange
from torch import Tensor

import notebooks
from segformer_tutorial import SegFormer
from segformer_tutorial.data.task import task_of
from segformer_tutorial.weights import load_model, read_task

WEIGHTS = "data/runs/small/best.safetensors"
SCRIPTS = "book/_static/model"
WORKER = ("ops.js", "network.js", "worker.js")
SCENES = {  # of the test split, with what is seen in them
    "0003": "a grey day: a black van, a row of cars and round blue signs",
    "0020": "a brick street under tall trees, people before blue awnings",
    "0008": "a pond behind a black fence, houses on its far bank",
    "0037": "a man on a sunny pavement, trees and houses behind him",
    "0022": "a street at sunset, houses and small cars far away",
    "0014": "a paved street in thick fog",
}


def pack(model: SegFormer) -> dict:
    """Return what the worker needs to compute what the model computes.

    Numbers of the state follow each other in half precision, a convolution's
    with its input channels last. Raises ValueError for a value that half
    precision does not hold.
    """
    task = task_of(model)
    if task is None:
        raise ValueError("the model says neither classes nor normalisation")
    names, parts = [], []
    for name, value in model.state_dict().items():
        if not value.is_floating_point():  # a counter of the norm
            continue
        half = value.half()
        if not half.isfinite().all():
            raise ValueError(f"{name}: a value does not fit half precision")
        if half.ndim == 4:
            half = rearrange(half, "o i h w -> o h w i")
        names.append([name, half.numel()])
        parts.append(half.numpy().astype("<f2").tobytes())
    return {
        "config": asdict(model.config),
        "mean": task.mean,
        "std": task.std,
        "names": names,
        "weights": base64.b64encode(b"".join(parts)).decode(),
    }


def unpack(packed: Mapping, like: SegFormer) -> dict[str, Tensor]:
    """Return the state that was packed; `like` has the shapes."""
    data = np.frombuffer(base64.b64decode(packed["weights"]), "<f2")
    values = torch.tensor(data.astype(np.float32))
    state = dict(like.state_dict())
    sizes = [size for _, size in packed["names"]]
    for (name, _), part in zip(
        packed["names"], values.split(sizes), strict=True
    ):
        shape = state[name].shape
        if len(shape) == 4:
            o, i, h, w = shape
            part = rearrange(part, "(o h w i) -> o i h w", o=o, i=i, h=h, w=w)
        state[name] = part.reshape(shape)
    return state


def scripts(root: Path) -> str:
    """Return the scripts of the worker as one text."""
    files = [root / SCRIPTS / name for name in WORKER]
    return "\n".join(file.read_text(encoding="utf-8") for file in files)


def scenes(root: Path) -> list[dict[str, str]]:
    """Return the pictures of the gallery, each as an address that holds it."""
    folder = root / "data/scenes/images/test"
    return [
        {
            "alt": words,
            "address": "data:image/jpeg;base64,"
            + base64.b64encode((folder / f"{name}.jpg").read_bytes()).decode(),
        }
        for name, words in SCENES.items()
    ]


def text(root: Path) -> str:
    """Return the script that the page loads."""
    model = load_model(root / WEIGHTS)
    task = read_task(root / WEIGHTS)
    content = {
        "classes": task.classes,
        "palette": task.palette,
        "scenes": scenes(root),
        "worker": scripts(root),
        "packed": pack(model),
    }
    return f"window.SEGFORMER = {json.dumps(content, ensure_ascii=False)};\n"


def write(root: Path, file: Path) -> None:
    """Write the script that the page loads."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text(root), encoding="utf-8", newline="\n")


def finish(app, exception) -> None:
    """Write it into a book that was built."""
    if exception is None and app.builder.format == "html":
        write(notebooks.ROOT, Path(app.outdir) / "_static/model/data.js")


def setup(app) -> dict:
    """Register with Sphinx."""
    app.connect("build-finished", finish)
    return {"version": "1", "parallel_read_safe": True}


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("error: one argument expected, the file to be written")
    write(notebooks.ROOT, Path(sys.argv[1]))
