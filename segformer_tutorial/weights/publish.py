"""A folder that transformers loads: config, weights, preprocessing."""

import json
import logging
import os
import shutil
import uuid
from pathlib import Path
from typing import Any

from torch import nn

from ..config import SegFormerConfig
from ..data.atomic import write_whole
from ..data.normalize import MEAN
from ..data.task import Task, task_of
from .files import WeightsError, import_safetensors, strip_prefixes
from .layouts import to_layout
from .model import empty_model
from .own import check_fit, copies
from .pretrained import (
    ARCHITECTURE,
    BILINEAR,
    CONFIG,
    FIXED,
    LAYER_NORM_EPS,
    MODEL_TYPE,
    NUMBERS,
    PREPROCESSOR,
    STAGES,
    TRAINING,
    class_names,
)

WEIGHTS = "model.safetensors"

logger = logging.getLogger(__name__)


def save_for_transformers(
    model: nn.Module, folder: str | os.PathLike, *, task: Task | None = None
) -> None:
    """Write a SegFormer as a folder for transformers' `from_pretrained`.

    The folder gets config.json, model.safetensors and
    preprocessor_config.json, for `SegformerForSemanticSegmentation` and
    `AutoImageProcessor`. It must not exist, or be empty, and it appears whole
    or not at all. `load_model` reads it too.

    task: what the model was trained for, by default `task_of(model)`; without
    one the classes are LABEL_0, LABEL_1, ..., and pictures keep their size and
    are normalised as ImageNet's.

    transformers computes every LayerNorm with eps 1e-5: the logits of a model
    with this `layer_norm_eps` are the same there. Those of the default, None,
    differ in the fifth digit or so, as do those of the published weights; a
    warning is logged. transformers has no palette, and does not round sides to
    multiples of 32: both are left out. `short_side` becomes `shortest_edge`,
    which SegFormer's image processor takes in version 5; the one of version 4
    refuses it and wants a `size` of height and width in the call.

    Raises WeightsError for anything but a SegFormer, for what transformers
    cannot express, for a task that does not fit and for a folder that cannot
    be written; ImportError without safetensors.
    """
    save = import_safetensors(saving=True).torch.save
    path = Path(folder)
    config = getattr(model, "config", None)
    if not isinstance(config, SegFormerConfig):
        raise WeightsError(
            f"{path}: not saved: only a SegFormer can be, got "
            f"{type(model).__name__}"
        )
    state = strip_prefixes(model.state_dict())
    try:
        task = task_for(config, task_of(model) if task is None else task)
        texts = {
            CONFIG: model_config(config, task),
            PREPROCESSOR: preprocessing(task),
        }
        if state.keys() != empty_model(config).state_dict().keys():
            raise ValueError("its tensors are not those of its config")
        tensors = copies(to_layout(state, "transformers"))
        dtypes = {x.dtype for x in tensors.values() if x.is_floating_point()}
        if len(dtypes) != 1:
            raise ValueError(
                "transformers loads one precision, got "
                f"{', '.join(sorted(map(str, dtypes)))}"
            )
        texts[CONFIG]["dtype"] = str(dtypes.pop()).removeprefix("torch.")
    except ValueError as error:
        raise WeightsError(f"{path}: not saved: {error}") from error
    files: dict[str, str | bytes] = {
        name: json.dumps(values, indent=2, ensure_ascii=False) + "\n"
        for name, values in texts.items()
    }
    files[WEIGHTS] = save(tensors, {"format": "pt"})
    try:
        write_folder(path, files)
    except OSError as error:
        reason = error.strerror or error
        raise WeightsError(f"{path}: not saved: {reason}") from error
    if config.layer_norm_eps is None:
        logger.warning(
            "%s: transformers computes every LayerNorm with eps %g, this model "
            "some with 1e-6: the logits differ a little there",
            path,
            LAYER_NORM_EPS,
        )


def model_config(config: SegFormerConfig, task: Task) -> dict[str, Any]:
    """The content of config.json.

    Raises ValueError for what transformers cannot express.
    """
    if config.layer_norm_eps not in (None, LAYER_NORM_EPS):
        raise ValueError(
            "transformers computes with a layer_norm_eps of "
            f"{LAYER_NORM_EPS:g}, this model with {config.layer_norm_eps:g}"
        )
    if any(ratio != int(ratio) for ratio in config.expansion_ratios):
        raise ValueError(
            "transformers has whole expansion_ratios, this model has "
            f"{config.expansion_ratios}"
        )
    classes = task.classes
    if len(set(classes)) < len(classes):
        raise ValueError("transformers has one number for each class name")
    values: dict[str, Any] = {
        "architectures": [ARCHITECTURE],
        "model_type": MODEL_TYPE,
        "num_encoder_blocks": len(config.dims),
    }
    for ours, name, _ in STAGES:
        values[name] = [int(x) for x in getattr(config, ours)]
    for ours, name, _ in NUMBERS:
        values[name] = getattr(config, ours)
    return {
        **values,
        **FIXED,
        **TRAINING,
        "layer_norm_eps": LAYER_NORM_EPS,
        "id2label": {str(k): name for k, name in enumerate(classes)},
        "label2id": {name: k for k, name in enumerate(classes)},
    }


def preprocessing(task: Task) -> dict[str, Any]:
    """The content of preprocessor_config.json."""
    values: dict[str, Any] = {
        "image_processor_type": "SegformerImageProcessor",
        "do_resize": task.short_side is not None,
        "resample": BILINEAR,
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": [x / 255 for x in task.mean],
        "image_std": [x / 255 for x in task.std],
        "do_reduce_labels": task.labels_from_one,
    }
    if task.short_side is not None:  # pictures keep their shape, as here
        values["size"] = {"shortest_edge": task.short_side}
    return values


def task_for(config: SegFormerConfig, task: Task | None) -> Task:
    """The task, checked, or the one of a model that does not say its own.

    Raises ValueError for a task that does not fit, and where there is none
    and the normalisation is not known.
    """
    if task is not None:
        check_fit(task, config)
        return task
    if config.in_channels != len(MEAN):
        raise ValueError(
            f"the normalisation of {config.in_channels} channels is not known: "
            "give task=Task(classes=..., mean=..., std=...)"
        )
    return Task(classes=class_names({"num_labels": config.num_classes}))


def write_folder(path: Path, files: dict[str, str | bytes]) -> None:
    """Write a folder so that it is there whole or not at all.

    Raises OSError for one that holds something, and leaves nothing behind.
    """
    path = path.resolve()
    temporary = path.with_name(f".{uuid.uuid4().hex}.tmp")
    try:
        temporary.mkdir()
        for name, content in files.items():
            write_whole(temporary / name, content)
        if os.path.lexists(path):
            path.rmdir()  # the system refuses one that is not empty
        os.replace(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
