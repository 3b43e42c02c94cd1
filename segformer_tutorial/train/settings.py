"""The settings of a run: a dataclass, its JSON file, its command line."""

import argparse
import json
import math
import types
import typing
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

from ..config import PRESETS, SegFormerConfig
from ..data import MEAN, READERS, STD
from ..data.transforms import AUGMENT


class TrainError(RuntimeError):
    """Training cannot start or go on: says why, and what is not lost."""


def setting(default, text: str):
    """A field with its line for `--help`."""
    return field(default=default, metadata={"help": text})


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """Everything that decides how a run goes; `--help` explains each field.

    The defaults are the official recipe for ADE20K. The number of classes is
    the data's. With `init` the encoder's config is that of the file.
    """

    data: str = setting("", "the data set's folder; if empty, the scenes")
    dataset: str = setting("folder", "how the folder is laid out")
    labels: str = setting("", "how label files are read")
    channels: int = setting(3, "channels of the pictures; 3 is RGB")
    train_split: str = setting("train", "the part to learn from")
    val_split: str = setting("val", "the part to judge by")
    output: str = setting("runs/scenes", "the folder that the run writes")
    model: str | dict = setting(  # noqa: RUF009 - a string by default
        "b0",
        "b0 to b5; in a JSON file also fields of SegFormerConfig, which "
        "change the preset that `preset` names",
    )
    init: str = setting("", "weights for the encoder: a file or a hub's name")
    init_encoder_only: bool = setting(False, "leave out the decoder of init")
    freeze_encoder: bool = setting(False, "the encoder keeps its weights")
    steps: int = setting(160_000, "how often the weights are changed")
    batch_size: int = setting(16, "pictures that one process sees at once")
    accumulation: int = setting(1, "batches in a step, one after another")
    crop_size: int = setting(512, "side of the square to learn from, in pixels")
    short_side: int | None = setting(
        None, "shorter side of all pictures in pixels; if empty, their own"
    )
    augment: str = setting(",".join(AUGMENT), "which of these, or none")
    mean: tuple[float, ...] | None = setting(None, "of the channels, 0..255")
    std: tuple[float, ...] | None = setting(None, "of the channels, 0..255")
    loss: str = setting("cross-entropy", "the loss")
    class_weights: tuple[float, ...] | str | None = setting(
        None, "one weight a class, or balanced"
    )
    lr: float = setting(6e-5, "largest learning rate of the encoder")
    head_lr_factor: float = setting(10.0, "times that for the decoder")
    weight_decay: float = setting(0.01, "of AdamW, not on norms")
    warmup: int | None = setting(
        None, "steps until the learning rate is at full"
    )
    power: float = setting(1.0, "of the decay's polynomial; 0 for none")
    precision: str = setting("no", "16 bits for products: bf16, or fp16")
    device: str = setting("", "cpu, cuda, cuda:N or mps")
    seed: int = setting(0, "of weights, order, augmentation and dropout")
    workers: int = setting(2, "processes that read pictures")
    log_every: int = setting(50, "steps between two rows of metrics.csv")
    eval_every: int = setting(1000, "steps between two validations")
    save_every: int = setting(1000, "steps between two checkpoints")
    save_minutes: float | None = setting(15.0, "minutes between two of them")
    patience: int | None = setting(None, "validations without a better mIoU")
    eval_window: int | None = setting(None, "side of a sliding window")
    eval_stride: int | None = setting(None, "of the window")
    log_with: str = setting("", "a tracker, besides metrics.csv")

    def __post_init__(self):
        def fill(name, value):
            if getattr(self, name) is None:
                object.__setattr__(self, name, value)

        fill("warmup", min(1500, self.steps // 10))
        rgb = self.channels == 3
        fill("mean", MEAN if rgb else (127.5,) * self.channels)
        fill("std", STD if rgb else (57.5,) * self.channels)
        for name in ("mean", "std"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        for name in POSITIVE:
            value = getattr(self, name)
            if not isinstance(value, int) or value < 1:
                raise TrainError(f"{name} must be at least 1, got {value!r}")
        for name, allowed in CHOICES.items():
            value = getattr(self, name)
            if value not in allowed:
                known = ", ".join(filter(None, allowed))
                raise TrainError(
                    f"{name} must be one of {known}, got {value!r}"
                )
        if not 0 < self.lr < math.inf:
            raise TrainError(f"lr must be positive, got {self.lr}")
        if self.warmup < 0 or self.workers < 0:
            raise TrainError("warmup and workers must not be negative")


POSITIVE = (
    "steps",
    "batch_size",
    "accumulation",
    "crop_size",
    "log_every",
    "eval_every",
    "save_every",
)
CHOICES = {
    "dataset": tuple(READERS),
    "precision": ("no", "fp16", "bf16"),
    "log_with": ("", "tensorboard", "wandb"),
}


def augmentations(text: str) -> list[str]:
    """The names in the text, which none or nothing stands for."""
    return [] if text in ("", "none") else text.split(",")


def model_config(
    model: str | dict, num_classes: int, *, channels: int = 3
) -> SegFormerConfig:
    """The config that a preset's name or fields of SegFormerConfig mean."""
    changes = dict(model) if isinstance(model, dict) else {"preset": model}
    preset = changes.pop("preset", "b0")
    if preset not in PRESETS:
        raise TrainError(
            f"model must be one of {', '.join(PRESETS)}, got {preset!r}"
        )
    known = {x.name for x in fields(SegFormerConfig)}
    unknown = sorted(changes.keys() - known)
    if unknown:
        raise TrainError(
            f"model: unknown {', '.join(unknown)}; known are "
            f"{', '.join(sorted(known))}"
        )
    changes |= {"num_classes": num_classes, "in_channels": channels}
    return replace(PRESETS[preset], **changes)


def read_config(path: Path) -> dict:
    """Read the fields of a TrainConfig from a JSON file."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise TrainError(f"{path}: there is no such file") from None
    except ValueError as error:
        raise TrainError(f"{path}: is not JSON: {error}") from error
    known = {x.name for x in fields(TrainConfig)}
    unknown = sorted(values.keys() - known)
    if unknown:
        raise TrainError(f"{path}: unknown {', '.join(unknown)}")
    return values


def parse(arguments: Sequence[str] | None = None) -> tuple[TrainConfig, bool]:
    """Read the command line: the config, and whether to resume."""
    parser = argparse.ArgumentParser(
        prog="python -m segformer_tutorial.train",
        usage="%(prog)s [options]",
        description="Train a SegFormer.",
        epilog="Many processes: accelerate launch -m segformer_tutorial.train",
    )
    parser.add_argument(
        "--config", type=Path, help="a JSON file of the settings; flags win"
    )
    parser.add_argument(
        "--resume", type=Path, metavar="RUN", help="go on with a run's folder"
    )
    for known in fields(TrainConfig):
        kinds = [
            kind
            for kind in typing.get_args(known.type) or [known.type]
            if isinstance(kind, type) and kind not in (types.NoneType, dict)
        ]
        if not kinds:
            continue
        text = known.metadata["help"]
        if known.default not in ("", None):
            text += f" (default: {known.default})"
        choices = CHOICES.get(known.name)
        parser.add_argument(
            "--" + known.name.replace("_", "-"),
            type=kinds[0],
            default=argparse.SUPPRESS,
            choices=choices,
            metavar="|".join(filter(None, choices or ()))
            or kinds[0].__name__.upper(),
            help=text,
        )
    flags = vars(parser.parse_args(arguments))
    path, run = flags.pop("config"), flags.pop("resume")
    if run is not None:
        if flags or path:
            raise TrainError(
                "--resume takes everything from the run's config.json; leave "
                f"out {', '.join(flags) or '--config'}"
            )
        values = read_config(run / "config.json") | {"output": str(run)}
        return TrainConfig(**values), True
    values = read_config(path) if path else {}
    return TrainConfig(**values | flags), False
