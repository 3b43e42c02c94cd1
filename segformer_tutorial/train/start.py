"""What a run starts from: its model, with weights to go on from, its loss."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from ..config import SegFormerConfig
from ..data import LabelledImages, Task, class_counts
from ..encoder import smallest_side
from ..model import SegFormer
from ..weights import (
    WeightsError,
    config_from_weights,
    load_weights,
    read_task,
)
from .losses import LOSSES
from .recipe import freeze, segmentation_loss
from .settings import TrainConfig, TrainError, model_config

# The fields of an encoder, as opposed to those that matter in training alone.
ENCODER = (
    "dims",
    "depths",
    "num_heads",
    "reduction_ratios",
    "expansion_ratios",
    "patch_sizes",
    "strides",
    "layer_norm_eps",
)


def build_model(config: TrainConfig, classes: Sequence[str]) -> SegFormer:
    """The SegFormer of a run for these classes, with the weights of `init`.

    Everything in `init` that fits is loaded: the encoder, whose numbers
    replace those of `config.model`, and the decoder where the file has one.
    The last layer is new where the file has other classes, in number, name or
    order. What was loaded and what is new is printed. Raises TrainError and
    WeightsError.
    """
    wanted = model_config(config.model, len(classes), channels=config.channels)
    if config.init:
        model = _from_weights(config, wanted, classes)
    elif config.freeze_encoder:
        raise TrainError(
            "freeze_encoder needs init, because an encoder with random "
            "weights has to be trained"
        )
    else:
        model = SegFormer(wanted)
    least = smallest_side(model.config)
    for name in ("crop_size", "eval_window"):
        side = getattr(config, name)
        if side is not None and side < least:
            raise TrainError(
                f"{name} must be at least {least}, the smallest side that the "
                f"model takes, got {side}"
            )
    if config.freeze_encoder:
        freeze(model.encoder)
    return model


def build_loss(
    config: TrainConfig, dataset: LabelledImages
) -> Callable[[Tensor, Tensor], Tensor]:
    """The loss of a run: `(logits, labels) -> ()`.

    Its shapes are those of `cross_entropy`. The weights that `class_weights`
    "balanced" stands for are counted on the data set, which reads all of it
    once. Raises TrainError for another number of weights than classes.
    """
    weights, classes = config.class_weights, dataset.classes
    if weights == "balanced":
        weights = balanced_weights(dataset)
        named = zip(classes, weights, strict=True)
        print(
            "class weights: "
            + ", ".join(f"{name} {weight:.3g}" for name, weight in named)
        )
    if weights is None:
        if config.loss == "cross-entropy":
            return segmentation_loss
        return LOSSES[config.loss]
    if len(weights) != len(classes):
        raise TrainError(
            f"class_weights must have one number for each of {len(classes)} "
            f"classes, got {len(weights)}"
        )
    return partial(LOSSES[config.loss], class_weights=weights)


def balanced_weights(dataset: LabelledImages) -> tuple[float, ...]:
    """A weight for each class, by the inverse of its number of pixels.

    All classes that the data set has then count alike in the loss, and the
    mean over its pixels is 1. A class without pixels gets 0. Source:
    scikit-learn's class_weight="balanced".
    """
    counts = torch.tensor(class_counts(dataset, at_most=len(dataset)).pixels)
    present = counts > 0
    mean = counts.sum() / present.sum().clamp(min=1)
    return tuple(torch.where(present, mean / counts, 0.0).tolist())


def _from_weights(
    config: TrainConfig, wanted: SegFormerConfig, classes: Sequence[str]
) -> SegFormer:
    """A new model with all of `init` that fits; prints what that is."""
    found = config_from_weights(config.init)
    if found.in_channels != config.channels:
        raise TrainError(
            f"{config.init}: its encoder takes {found.in_channels} channels, "
            f"but channels is {config.channels}: start from weights for "
            f"{config.channels} channels, or without init"
        )
    source, has_decoder = _load(config, found)
    task = _task(config.init)
    names = [*ENCODER, *(["decoder_dim"] if has_decoder else [])]
    changes = {name: getattr(found, name) for name in names}
    if found.layer_norm_eps is None:  # the default, or not known
        del changes["layer_norm_eps"]
    differences = [
        f"{name} {value} instead of {getattr(wanted, name)}"
        for name, value in changes.items()
        if value != getattr(wanted, name)
    ]
    if differences:
        print(f"model: as in {config.init}: {'; '.join(differences)}")
    model = SegFormer(replace(wanted, **changes))
    if not has_decoder:
        new = "decoder."
        print("init: the encoder is loaded, the decoder is new")
    elif reason := _other_classes(found.num_classes, task, classes):
        new = "decoder.classify."
        print(
            "init: encoder and decoder are loaded, the last layer is new: "
            f"{reason}"
        )
    else:
        new = None
        print("init: encoder and decoder are loaded, with the last layer")
        if task is None:
            print(
                f"init: {config.init} does not name its classes; they must be "
                "those of the data, in the same order"
            )
    if task and (task.mean, task.std) != (config.mean, config.std):
        print(
            f"init: {config.init} was trained with mean {task.mean} and std "
            f"{task.std}, but this run uses {config.mean} and {config.std}"
        )
    loaded = {
        name: x
        for name, x in source.state_dict().items()
        if new is None or not name.startswith(new)
    }
    model.load_state_dict(model.state_dict() | loaded)
    return model


def _load(
    config: TrainConfig, found: SegFormerConfig
) -> tuple[SegFormer, bool]:
    """The network of `init`, and whether its decoder was loaded."""
    with torch.random.fork_rng(devices=[]):  # the run draws as without it
        source = SegFormer(found)
    part = source.encoder if config.init_encoder_only else source
    try:
        report = load_weights(part, config.init)
    except WeightsError as error:
        if config.init_encoder_only:
            raise
        raise WeightsError(
            f"{error}\n--init-encoder-only loads the encoder alone"
        ) from error
    print(report)
    new = config.init_encoder_only or "decoder.fuse.weight" in report.kept
    return source, not new


def _task(init: str) -> Task | None:
    """The task of our own file or of a folder of transformers, or None."""
    path = Path(init)
    own = path.suffix == ".safetensors" and path.is_file()
    return read_task(path) if own or path.is_dir() else None


def _other_classes(
    number: int, task: Task | None, classes: Sequence[str]
) -> str:
    """Why a last layer does not fit these classes, or ''."""
    if number != len(classes):
        return f"{len(classes)} classes instead of {number}"
    pairs = zip(classes, task.classes if task else classes, strict=True)
    for index, (name, other) in enumerate(pairs):
        if name != other:
            return f"class {index} is {name} instead of {other}"
    return ""
