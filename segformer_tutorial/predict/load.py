"""The model of a command: from a file, a folder or a hub."""

import os
from pathlib import Path

from ..data.published import published_task
from ..model import SegFormer
from ..weights import (
    WeightsError,
    config_from_weights,
    load_model,
    load_weights,
)
from ..weights.files import read_metadata
from ..weights.own import is_own

# What a folder of training holds, then one of transformers.
FILES = (
    "best.safetensors",
    "last.safetensors",
    "model.safetensors",
    "pytorch_model.bin",
)


def load_segmenter(source: str) -> tuple[SegFormer, str]:
    """A model that can label pictures, and a text on what was loaded.

    source: a file of this package; a file of weights in any layout that
    `load_weights` reads; a folder with one of FILES; or a hub's `owner/name`.
    Published weights for ADE20K and Cityscapes get the task that their files
    lack. Raises WeightsError for weights that cannot be read or have no
    decoder.
    """
    path = Path(source)
    if path.is_dir():
        found = [path / name for name in FILES if (path / name).is_file()]
        if not found:
            raise WeightsError(
                f"{source}: there is none of {', '.join(FILES)} in this folder"
            )
        path = found[0]
        source = str(path)
    there = os.path.lexists(path)
    if there and is_own(read_metadata(path)):
        return load_model(path), source
    model = SegFormer(config_from_weights(source))
    report = load_weights(model, source)
    if "decoder.fuse.weight" in report.kept:
        raise WeightsError(
            f"{source}: holds an encoder alone; labels need a decoder that was "
            "trained for them"
        )
    task = published_task(
        path.name if there else source, model.config.num_classes, hub=not there
    )
    # In torch's types a module's attributes are tensors or modules.
    model.task = task  # type: ignore[assignment]
    return model.eval(), str(report)
