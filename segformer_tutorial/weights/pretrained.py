"""The config and the task of a SegFormer that transformers saved.

A folder or a repository of its `save_pretrained` holds config.json, the
weights, and preprocessor_config.json, in older repositories as a feature
extractor wrote it. Absent fields have the defaults of transformers.
"""

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from reprlib import repr as short
from typing import Any

from ..config import SegFormerConfig, is_number
from ..data.normalize import default_statistics
from ..data.task import Task
from .files import WeightsError, one_line
from .json_files import read_object

CONFIG, PREPROCESSOR = "config.json", "preprocessor_config.json"
FILES = (CONFIG, PREPROCESSOR)
MODEL_TYPE = "segformer"
ARCHITECTURE = "SegformerForSemanticSegmentation"
# transformers never reads its layer_norm_eps: PyTorch's default is at work.
LAYER_NORM_EPS = 1e-5
IMAGENET = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
MAX_CHANNELS = 4096  # a statistic for each is made before the weights fit
BILINEAR = 2  # Pillow's number for it
DIGITS = 9  # 0.485 times 255 is to be 123.675 again

# Our field, theirs, and its default.
STAGES: tuple[tuple[str, str, list], ...] = (
    ("dims", "hidden_sizes", [32, 64, 160, 256]),
    ("depths", "depths", [2, 2, 2, 2]),
    ("num_heads", "num_attention_heads", [1, 2, 5, 8]),
    ("reduction_ratios", "sr_ratios", [8, 4, 2, 1]),
    ("expansion_ratios", "mlp_ratios", [4, 4, 4, 4]),
    ("patch_sizes", "patch_sizes", [7, 3, 3, 3]),
    ("strides", "strides", [4, 2, 2, 2]),
)
NUMBERS: tuple[tuple[str, str, Any], ...] = (
    ("decoder_dim", "decoder_hidden_size", 256),
    ("in_channels", "num_channels", 3),
    ("drop_path", "drop_path_rate", 0.1),
    ("dropout", "classifier_dropout_prob", 0.1),
)
# Fields that a SegFormer here has at one value alone.
FIXED: dict[str, Any] = {"hidden_act": "gelu", "reshape_last_stage": True}
TRAINING: dict[str, Any] = {
    "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.0,
    "semantic_loss_ignore_index": 255,
}
UNPROCESSED = ("do_center_crop", "do_pad")  # steps that `predict` lacks

logger = logging.getLogger(__name__)


def is_described(folder: Path) -> bool:
    """Whether a folder has a config.json that transformers wrote.

    Other projects give their files this name too.
    """
    path = folder / CONFIG
    return os.path.lexists(path) and "model_type" in read_object(path)


def is_whole_model(folder: Path) -> bool:
    """Whether a folder's config.json says that its model segments."""
    path = folder / CONFIG
    if not os.path.lexists(path):
        return False
    values = read_object(path)
    return values.get("model_type") == MODEL_TYPE and segments(values)


def segments(values: Mapping[str, Any]) -> bool:
    """Whether a config is that of encoder and decoder; absent, it is."""
    names = values.get("architectures") or [ARCHITECTURE]
    return isinstance(names, list) and ARCHITECTURE in names


def read_config(path: Path) -> tuple[SegFormerConfig, tuple[str, ...]]:
    """Read a config.json: the config, and the names of the classes.

    `layer_norm_eps` is 1e-5, with which transformers computes whatever its
    own field says. Values that matter in training alone, and that training
    here does not have, are logged as a warning.

    Raises WeightsError for a file that cannot be read, for another network
    and for a field that no SegFormer here can follow.
    """
    values = read_object(path)
    try:
        check_kind(values)
        classes = class_names(values)
        config = SegFormerConfig(
            **{ours: values.get(name, x) for ours, name, x in STAGES + NUMBERS},
            num_classes=len(classes),
            layer_norm_eps=LAYER_NORM_EPS,
        )
        if config.in_channels > MAX_CHANNELS:
            raise ValueError(
                f"num_channels must be at most {MAX_CHANNELS}, got "
                f"{config.in_channels}"
            )
        stages = values.get("num_encoder_blocks", 4)
        if stages != len(config.dims):
            raise ValueError(
                f"num_encoder_blocks must be {len(config.dims)}, one per entry "
                f"of hidden_sizes, got {short(stages)}"
            )
    except (TypeError, ValueError) as error:
        raise WeightsError(f"{path}: {one_line(error)}") from error
    for name, expected in TRAINING.items():
        if (value := values.get(name, expected)) != expected:
            logger.warning(
                "%s: %s is %s; it has no effect on predictions, but training "
                "here has %s",
                path,
                name,
                short(value),
                expected,
            )
    return config, classes


def check_kind(values: Mapping[str, Any]) -> None:
    """Raise ValueError for another network, or an activation not ours."""
    kind = values.get("model_type")
    if kind != MODEL_TYPE:
        raise ValueError(
            f"model_type must be {MODEL_TYPE!r}, as transformers writes it, "
            f"got {short(kind)}"
        )
    if not segments(values):
        raise ValueError(
            f"architectures must name {ARCHITECTURE}, got "
            f"{short(values['architectures'])}; load_weights(model.encoder, "
            "...) takes an encoder alone"
        )
    for name, expected in FIXED.items():
        value = values.get(name, expected)
        if type(value) is not type(expected) or value != expected:
            raise ValueError(f"{name} must be {expected!r}, got {short(value)}")
    if values.get("quantization_config") is not None:
        raise ValueError("the weights are quantised, which is not supported")


def class_names(values: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of the classes in the order of their numbers.

    Without names they are LABEL_0, LABEL_1 and so on, two by default, as in
    transformers. Raises ValueError for numbers that do not count from 0.
    """
    names, number = values.get("id2label"), values.get("num_labels")
    if names is None:
        number = 2 if number is None else number
        if not is_number(number, int) or not 0 < number < 2**20:
            raise ValueError(
                f"num_labels must be a positive integer, got {short(number)}"
            )
        return tuple(f"LABEL_{k}" for k in range(number))
    if not isinstance(names, dict) or not names:
        raise ValueError(f"id2label must name the classes, got {short(names)}")
    if number not in (None, len(names)):
        raise ValueError(
            f"num_labels must be {len(names)}, the number of names in "
            f"id2label, got {short(number)}"
        )
    for k in range(len(names)):
        if str(k) not in names:
            raise ValueError(
                f"id2label must have the numbers 0 to {len(names) - 1}: {k} is "
                "missing"
            )
    classes = tuple(names[str(k)] for k in range(len(names)))
    Task(classes=classes)  # raises for what is no name
    return classes


def read_preprocessing(path: Path, *, channels: int) -> dict[str, Any]:
    """Read a preprocessor_config.json: fields of a `Task`.

    transformers computes (x * factor - mean) / std from 0..255, with 1/255
    as the factor: `mean` and `std` are brought to the scale 0..255. Its
    resizing gives every picture the size in the file; `predict` keeps the
    shape of a picture, and gives its shorter side the shorter one of that
    size. A size that is not a square is logged as a warning.

    Raises WeightsError for a file that cannot be read, and for steps and
    values that `predict` does not have.
    """
    values = read_object(path)
    try:
        check_steps(values)
        mean, std = statistics(values, channels)
        reduce = flag(values, "do_reduce_labels", flag(values, "reduce_labels"))
        side = short_side(values, path)
        fields: dict[str, Any] = {
            "short_side": side,
            "mean": mean,
            "std": std,
            "labels_from_one": reduce,
        }
        Task(classes=("any",), **fields)
        return fields
    except (OverflowError, TypeError, ValueError) as error:
        raise WeightsError(f"{path}: {one_line(error)}") from error


def check_steps(values: Mapping[str, Any]) -> None:
    """Raise ValueError for another processor, and for steps not ours."""
    for name in ("image_processor_type", "feature_extractor_type"):
        kind = values.get(name, "Segformer")
        if not isinstance(kind, str) or not kind.startswith("Segformer"):
            raise ValueError(f"{name} must be Segformer's, got {short(kind)}")
    for name in UNPROCESSED:
        if flag(values, name):
            raise ValueError(f"{name} must be false, got true")
    resample = values.get("resample", BILINEAR)
    if flag(values, "do_resize", True) and resample != BILINEAR:
        raise ValueError(
            f"resample must be {BILINEAR} (bilinear), got {short(resample)}"
        )


def statistics(
    values: Mapping[str, Any], channels: int
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation for each channel, on the scale 0..255."""
    factor = 1.0
    if flag(values, "do_rescale", True):
        factor = values.get("rescale_factor", 1 / 255)
        if not is_number(factor, int, float) or not factor > 0:
            raise ValueError(
                f"rescale_factor must be positive, got {short(factor)}"
            )
    given: dict[str, Any] = {"mean": 0.0, "std": 1.0}
    if flag(values, "do_normalize", True):
        given = {
            name: values.get(f"image_{name}", IMAGENET[name])
            for name in ("mean", "std")
        }
    found = []
    for name, numbers in given.items():
        numbers = numbers if isinstance(numbers, list) else [numbers] * channels
        if len(numbers) != channels or not all(
            is_number(x, int, float) for x in numbers
        ):
            raise ValueError(
                f"image_{name} must have one number for each of {channels} "
                f"channels, got {short(numbers)}"
            )
        found.append(tuple(round(x / factor, DIGITS) for x in numbers))
    mean, std = found
    return mean, std


def short_side(values: Mapping[str, Any], path: Path) -> int | None:
    """The shorter side to which pictures are resized, None for their own."""
    if not flag(values, "do_resize", True):
        return None
    size = values.get("size", 512)
    if isinstance(size, dict):
        sides = {k: x for k, x in size.items() if x is not None}
    else:
        sides = {"height": size, "width": size}
    if sides.keys() not in ({"height", "width"}, {"shortest_edge"}) or not all(
        is_number(x, int) and x > 0 for x in sides.values()
    ):
        raise ValueError(
            "size must be one number, height and width, or shortest_edge, in "
            f"pixels, got {short(size)}"
        )
    side = min(sides.values())
    if side != max(sides.values()):
        logger.warning(
            "%s: pictures get a height of %s and a width of %s there; here "
            "they keep their shape, and the shorter side gets %s pixels",
            path,
            sides["height"],
            sides["width"],
            side,
        )
    return side


def flag(values: Mapping[str, Any], name: str, default: bool = False) -> bool:
    """A field that is true, false or absent; null counts as absent."""
    value = values.get(name)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise ValueError(f"{name} must be true or false, got {short(value)}")
    return value


def read_pretrained(folder: Path) -> tuple[SegFormerConfig, Task]:
    """Read the config and the task of a folder of transformers.

    Where preprocessor_config.json is missing, a warning is logged, pictures
    keep their size, and three channels are normalised as ImageNet's. Raises
    WeightsError.
    """
    config, classes = read_config(folder / CONFIG)
    path = folder / PREPROCESSOR
    if os.path.lexists(path):
        fields = read_preprocessing(path, channels=config.in_channels)
        return config, Task(classes=classes, **fields)
    mean, std = default_statistics(config.in_channels)
    logger.warning(
        "%s: is not there, so pictures keep their size and are normalised "
        "with mean %s and std %s",
        path,
        mean,
        std,
    )
    return config, Task(classes=classes, mean=mean, std=std)
