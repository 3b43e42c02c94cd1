"""This package's own files: the weights with their config and their task."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path

import torch
from torch import Tensor, nn

from ..config import SegFormerConfig
from ..data.atomic import write_whole
from ..data.task import Task, task_of
from .files import (
    WeightsError,
    import_safetensors,
    one_line,
    strip_prefixes,
)
from .json_files import parse_object

FORMAT, VERSION = "segformer-tutorial", "1"
LATER = {"folded"}  # fields of the config that the first files do not have


def save_weights(
    model: nn.Module, path: str | os.PathLike, *, task: Task | None = None
) -> None:
    """Write a SegFormer with its config and its task to a .safetensors file.

    task: what the model was trained for, by default `task_of(model)`; a model
    without a task is saved without one.

    The same model gives the same bytes. An existing file is replaced only once
    the new one is complete. Raises WeightsError for anything but a SegFormer,
    for a task with another number of classes or channels, for another
    extension and for a path that cannot be written; ImportError without
    safetensors.
    """
    save = import_safetensors(saving=True).torch.save
    path = Path(path)
    config = getattr(model, "config", None)
    if not isinstance(config, SegFormerConfig):
        raise WeightsError(
            f"{path}: not saved: only a SegFormer holds the config that the "
            f"file needs, got {type(model).__name__}"
        )
    if path.suffix != ".safetensors":
        raise WeightsError(f"{path}: not saved: must end in .safetensors")
    metadata = {
        "config": json.dumps(asdict(config)),
        "format": FORMAT,
        "version": VERSION,
    }
    task = task_of(model) if task is None else task
    if task is not None:
        try:
            check_fit(task, config)
        except ValueError as error:
            raise WeightsError(f"{path}: not saved: {error}") from error
        metadata["task"] = task.to_json()
    tensors = copies(strip_prefixes(model.state_dict()))
    try:
        write_whole(path, with_sorted_metadata(save(tensors, metadata)))
    except OSError as error:
        raise WeightsError(f"{path}: not saved: {error.strerror}") from error


def copies(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What safetensors can save: on the CPU, in order, no memory shared."""
    return {
        name: x.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, x in tensors.items()
    }


def is_own(metadata: Mapping[str, str]) -> bool:
    """Whether `save_weights` wrote this metadata."""
    return metadata.get("format") == FORMAT


def config_of(metadata: Mapping[str, str], where: str) -> SegFormerConfig:
    """The config that `save_weights` put beside the tensors."""
    version = metadata.get("version")
    if version != VERSION:
        raise WeightsError(
            f"{where}: has version {version} of the format, expected "
            f"{VERSION}: a newer package may read it"
        )
    try:
        values = parse_object(metadata["config"])
        known = {x.name for x in fields(SegFormerConfig)}
        if unknown := sorted(values.keys() - known):
            raise ValueError(
                f"unknown fields {', '.join(unknown)}: a newer package wrote it"
            )
        if missing := sorted(known - LATER - values.keys()):
            raise ValueError(f"missing fields {', '.join(missing)}")
        return SegFormerConfig(**values)
    except KeyError as error:
        raise WeightsError(f"{where}: bad config: there is none") from error
    except (TypeError, ValueError) as error:
        raise WeightsError(f"{where}: bad config: {one_line(error)}") from error


def task_in(metadata: Mapping[str, str], where: str) -> Task | None:
    """The task that `save_weights` put beside the tensors, or None."""
    if not is_own(metadata) or "task" not in metadata:
        return None
    config = config_of(metadata, where)
    try:
        task = Task(**parse_object(metadata["task"]))
        check_fit(task, config)
    except (TypeError, ValueError) as error:
        raise WeightsError(f"{where}: bad task: {one_line(error)}") from error
    return task


def check_fit(task: Task, config: SegFormerConfig) -> None:
    """Raise ValueError for a task of other classes or channels."""
    for what, ours, expected in (
        ("classes", len(task.classes), config.num_classes),
        ("channels", len(task.mean), config.in_channels),
    ):
        if ours != expected:
            raise ValueError(
                f"the task has {ours} {what}, the model {expected}"
            )


def with_sorted_metadata(content: bytes) -> bytes:
    """The same .safetensors file with its metadata in order.

    The library writes them in an order that changes from call to call.
    """
    end = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:end])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":"))
    data = text.encode()
    data += b" " * (-len(data) % 8)
    return len(data).to_bytes(8, "little") + data + content[end:]
