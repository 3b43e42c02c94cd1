"""The settings of a run: a dataclass, checked, and its JSON file."""

import difflib
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import Field, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from ..config import PRESETS, SegFormerConfig
from ..data import MEAN, READERS, STD
from .losses import LOSSES, WEIGHTED
from .typed import describe, fits

AUGMENT = ("scale", "flip", "colour")  # what data.transforms can do
# The groups of --help.
DATA = "data"
MODEL = "model"
OPTIMISATION = "optimisation"
OUTPUT = "validation and checkpoints"
MACHINE = "machine"


class TrainError(RuntimeError):
    """Training cannot start or go on: says why, and what is not lost."""


def setting(default, group: str, text: str, **rules):
    """A field with its line in `--help`, and the rules for its value.

    Rules: `choices`; `least` and `above`, which a number must reach or exceed;
    `check`, a function that raises TrainError. `metavar` is for `--help`.
    """
    return field(
        default=default, metadata={"group": group, "help": text, **rules}
    )


def model_config(
    model: str | dict, num_classes: int = 1, *, channels: int = 3
) -> SegFormerConfig:
    """The config of a preset's name, or of fields of SegFormerConfig.

    Raises TrainError.
    """
    changes = dict(model) if isinstance(model, dict) else {"preset": model}
    preset = changes.pop("preset", "b0")
    if not isinstance(preset, str) or preset not in PRESETS:
        raise TrainError(
            f"model must be one of {', '.join(PRESETS)}, got {preset!r}"
        )
    known = {x.name: x for x in fields(SegFormerConfig)}
    del known["num_classes"], known["in_channels"]  # the data's and channels
    for name, value in changes.items():
        if name not in known:
            raise TrainError(
                f"model: unknown {name}{near(name, known)}; known are "
                f"{', '.join(sorted(known))}"
            )
        if not fits(value, known[name].type):
            raise TrainError(
                f"model: {name} must be {describe(known[name].type)}, got "
                f"{value!r}"
            )
    changes |= {"num_classes": num_classes, "in_channels": channels}
    try:
        return replace(PRESETS[preset], **changes)
    except ValueError as error:
        raise TrainError(f"model: {error}") from error


def augmentations(text: str) -> list[str]:
    """The names in the text, which none or nothing stands for. TrainError."""
    names = [] if text in ("", "none") else text.split(",")
    names = [name.strip() for name in names]
    for name in names:
        if name not in AUGMENT:
            raise TrainError(
                f"augment must be of {', '.join(AUGMENT)}, or none, got "
                f"{name!r}{near(name, AUGMENT)}"
            )
    return names


def check_class_weights(weights: Sequence[float] | str | None) -> None:
    """Raise TrainError for words but balanced, and for zeros alone."""
    if weights in (None, "balanced"):
        return
    if isinstance(weights, str) or not any(weights):
        raise TrainError(
            "class_weights must be numbers, one for each class and not all "
            f"zero, or 'balanced', got {weights!r}"
        )


def near(word: str, known: Iterable[str]) -> str:
    """A question that suggests the known word most like this one, if any."""
    found = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {found[0]}?" if found else ""


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """Everything that decides how a run goes; `--help` explains each field.

    The defaults are the official recipe for ADE20K, without its pretrained
    encoder. The classes are those of the data. `warmup`, `mean` and `std`
    hold numbers even where None was given: those that it stands for. Raises
    TrainError, which names the field, what was expected and what came.
    """

    data: str = setting(
        "",
        DATA,
        "folder of the data set (default: the drawn scenes)",
        metavar="FOLDER",
    )
    dataset: str = setting(
        "folder", DATA, "layout of that folder", choices=tuple(READERS)
    )
    labels: str = setting(
        "",
        DATA,
        "how label files are read: index, from-one, binary, colours, or a "
        "table like 0=255,7=0,8=1 (default: as the layout has it)",
    )
    train_split: str = setting("train", DATA, "split to train on")
    val_split: str = setting("val", DATA, "split to validate on")
    channels: int = setting(
        3, DATA, "channels read from the picture files; 3 is RGB", least=1
    )
    mean: tuple[float, ...] | None = setting(
        None,
        DATA,
        "mean of each channel on the scale 0..255, for normalisation "
        "(default: ImageNet's for 3 channels, otherwise 127.5 for each)",
    )
    std: tuple[float, ...] | None = setting(
        None,
        DATA,
        "standard deviation of each channel on the scale 0..255 (default: "
        "ImageNet's for 3 channels, otherwise 57.5 for each)",
        above=0,
    )
    crop_size: int = setting(
        512, DATA, "side of the square training crops in pixels", least=1
    )
    short_side: int | None = setting(
        None,
        DATA,
        "resize every picture so that its shorter side has this many pixels "
        "(default: pictures keep their size)",
        least=1,
    )
    augment: str = setting(
        ",".join(AUGMENT),
        DATA,
        "augmentations besides the random crop, or none",
        metavar="NAME,...",
        check=augmentations,
    )
    model: str | dict = setting(  # noqa: RUF009 - a string by default
        "b0",
        MODEL,
        "b0 to b5; in a JSON file also an object with fields of "
        "SegFormerConfig, which change the preset named by `preset`",
        metavar="PRESET",
        check=model_config,
    )
    init: str = setting(
        "",
        MODEL,
        "weights to start from: a file, the folder of a run or of "
        "transformers, or owner/name on the Hugging Face Hub (default: random "
        "initial weights)",
        metavar="WEIGHTS",
    )
    init_encoder_only: bool = setting(
        False, MODEL, "load only the encoder of --init"
    )
    freeze_encoder: bool = setting(
        False, MODEL, "train the decoder alone; the encoder keeps its weights"
    )
    steps: int = setting(160_000, OPTIMISATION, "optimizer steps", least=1)
    batch_size: int = setting(
        16, OPTIMISATION, "batch size of one process", least=1
    )
    accumulation: int = setting(
        1, OPTIMISATION, "gradient accumulation: batches per step", least=1
    )
    loss: str = setting(
        "cross-entropy", OPTIMISATION, "loss function", choices=tuple(LOSSES)
    )
    class_weights: tuple[float, ...] | str | None = setting(
        None,
        OPTIMISATION,
        "weight of each class in the loss, or balanced: by the inverse of "
        "its pixels in the training split (default: all alike)",
        least=0,
        metavar="FLOAT,...|balanced",
        check=check_class_weights,
    )
    lr: float = setting(
        6e-5, OPTIMISATION, "peak learning rate of the encoder", above=0
    )
    head_lr_factor: float = setting(
        10.0,
        OPTIMISATION,
        "learning rate of the decoder as a multiple of the encoder's",
        least=0,
    )
    weight_decay: float = setting(
        0.01,
        OPTIMISATION,
        "weight decay of AdamW; norm layers have none",
        least=0,
    )
    warmup: int | None = setting(
        None,
        OPTIMISATION,
        "warm-up steps of the learning rate (default: a tenth of all steps, "
        "at most 1500)",
        least=0,
    )
    power: float = setting(
        1.0,
        OPTIMISATION,
        "power of the polynomial learning rate decay; 0 for no decay",
        least=0,
    )
    seed: int = setting(
        0,
        OPTIMISATION,
        "seed of the initial weights, the order of the samples, the "
        "augmentation and dropout",
    )
    output: str = setting(
        "runs/scenes", OUTPUT, "folder that the run writes", metavar="FOLDER"
    )
    log_every: int = setting(
        50, OUTPUT, "steps between two losses in metrics.csv", least=1
    )
    log_with: str = setting(
        "",
        OUTPUT,
        "experiment tracker to log to, besides metrics.csv",
        choices=("", "tensorboard", "wandb"),
    )
    eval_every: int = setting(
        1000, OUTPUT, "steps between two validations", least=1
    )
    eval_window: int | None = setting(
        None,
        OUTPUT,
        "validate by a sliding window with sides of so many pixels (default: "
        "whole pictures)",
        least=1,
    )
    eval_stride: int | None = setting(
        None,
        OUTPUT,
        "stride of that window in pixels (default: two thirds of it)",
        least=1,
    )
    patience: int | None = setting(
        None,
        OUTPUT,
        "stop after so many validations without a better mIoU (default: "
        "train all steps)",
        least=1,
    )
    save_every: int = setting(
        1000, OUTPUT, "steps between two checkpoints", least=1
    )
    save_minutes: float | None = setting(
        15.0,
        OUTPUT,
        "save a checkpoint, too, when the last one is so many minutes old; "
        "none for never",
        above=0,
    )
    device: str = setting(
        "",
        MACHINE,
        "cpu, cuda, cuda:N or mps (default: a GPU if there is one)",
        metavar="NAME",
    )
    precision: str = setting(
        "no",
        MACHINE,
        "mixed precision in the forward and the backward pass",
        choices=("no", "fp16", "bf16"),
    )
    workers: int = setting(
        2, MACHINE, "processes that read and augment pictures", least=0
    )

    def __post_init__(self):
        def fill(name, value):
            object.__setattr__(self, name, value)

        for known in fields(self):
            value = getattr(self, known.name)
            check_value(known, value)
            if isinstance(value, list):  # as from JSON
                fill(known.name, tuple(value))
        fill("augment", ",".join(augmentations(self.augment)))
        if self.warmup is None:
            fill("warmup", min(1500, self.steps // 10))
        for name, imagenet, other in (
            ("mean", MEAN, 127.5),
            ("std", STD, 57.5),
        ):
            if getattr(self, name) is None:
                rgb = self.channels == 3
                fill(name, imagenet if rgb else (other,) * self.channels)
        check_together(self)


def check_value(known: Field, value: Any) -> None:
    """Raise TrainError for a value that the field alone does not allow."""
    rules = known.metadata
    if not fits(value, known.type):
        raise TrainError(
            f"{known.name} must be {describe(known.type)}, got {value!r}"
        )
    choices = rules.get("choices")
    if choices and value not in choices:
        named = ", ".join(filter(None, choices))
        raise TrainError(f"{known.name} must be one of {named}, got {value!r}")
    for x in value if isinstance(value, list | tuple) else (value,):
        if isinstance(x, bool) or not isinstance(x, int | float):
            continue
        if not math.isfinite(x):
            limit = "finite"
        elif "least" in rules and x < rules["least"]:
            limit = f"at least {rules['least']}"
        elif "above" in rules and x <= rules["above"]:
            limit = f"greater than {rules['above']}"
        else:
            continue
        raise TrainError(f"{known.name} must be {limit}, got {value!r}")
    if "check" in rules:
        rules["check"](value)


def check_together(config: TrainConfig) -> None:
    """Raise TrainError for settings that contradict each other."""
    if config.warmup >= config.steps:
        raise TrainError(
            f"warmup must be smaller than steps, got a warm-up of "
            f"{config.warmup} in {config.steps} steps, in which the learning "
            f"rate never reaches its peak; a tenth of the steps would be "
            f"{config.steps // 10}"
        )
    for name in ("mean", "std"):
        numbers = getattr(config, name)
        if len(numbers) != config.channels:
            raise TrainError(
                f"{name} must have one number for each of {config.channels} "
                f"channels, got {numbers!r}"
            )
    if config.class_weights is not None and config.loss not in WEIGHTED:
        raise TrainError(
            f"class_weights go with the losses {' and '.join(WEIGHTED)}, got "
            f"loss {config.loss!r}"
        )
    window, stride = config.eval_window, config.eval_stride
    if stride is not None and (window is None or stride > window):
        raise TrainError(
            "eval_stride must be at most eval_window, got a stride of "
            f"{stride} and a window of {window}"
        )
    if config.dataset != "folder" and not config.data:
        raise TrainError(
            f"data must be the folder of the data set {config.dataset}, "
            "got none: add --data FOLDER"
        )
    if config.init_encoder_only and not config.init:
        raise TrainError("init_encoder_only needs init, got none")


def read_config(path: Path) -> dict[str, Any]:
    """Read the fields of a TrainConfig from a JSON file.

    Raises TrainError for a file that cannot be read, that is not a JSON
    object, and for unknown fields and wrong values.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise TrainError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise TrainError(f"{path}: is not JSON: {error}") from error
    if not isinstance(values, dict):
        raise TrainError(
            f"{path}: must hold an object with settings, got "
            f"{type(values).__name__}"
        )
    known = {x.name: x for x in fields(TrainConfig)}
    for name, value in values.items():
        if name not in known:
            raise TrainError(f"{path}: unknown {name}{near(name, known)}")
        try:
            check_value(known[name], value)
        except TrainError as error:
            raise TrainError(f"{path}: {error}") from error
    return values
