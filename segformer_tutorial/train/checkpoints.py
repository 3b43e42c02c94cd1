"""Checkpoints, complete at every moment or not there; the newest is kept."""

import io
import os
import shutil
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..data import Task
from ..data.atomic import write_whole
from ..model import SegFormer
from ..weights import save_weights
from .settings import TrainError
from .state import RunState

TENSORS, STATE, TASK = "tensors.pt", "state.json", "task.json"


def newest_checkpoint(output: Path) -> Path | None:
    """The complete checkpoint of most steps in a run's folder, or None."""
    found = (output / "checkpoints").glob("step-*")
    return max(
        found, key=lambda p: int(p.name.removeprefix("step-")), default=None
    )


def save_checkpoint(
    output: Path, state: RunState, task: Task, tensors: dict[str, Any]
) -> Path:
    """Write a checkpoint under another name, rename it, delete older ones.

    tensors: the state dicts of model and optimizer. All processes have the
    same, so the main one writes alone. What is random follows from the seed
    and the step and is not saved. Raises TrainError, with the older
    checkpoint still there.
    """
    path = output / "checkpoints" / f"step-{state.step:07d}"
    temporary = path.with_name(f".{path.name}")
    try:
        temporary.mkdir(parents=True, exist_ok=True)
        buffer = io.BytesIO()
        torch.save(tensors, buffer)
        write_whole(temporary / TENSORS, buffer.getbuffer())
        write_whole(temporary / STATE, state.to_json())
        write_whole(temporary / TASK, task.to_json())
        os.replace(temporary, path)
    except OSError as error:
        shutil.rmtree(temporary, ignore_errors=True)
        raise TrainError(
            f"{path}: not saved: {error}. {last_checkpoint(output)}"
        ) from error
    for old in path.parent.glob("step-*"):
        if old != path:
            shutil.rmtree(old)
    return path


def load_checkpoint(path: Path) -> tuple[RunState, Task, dict[str, Any]]:
    """Read what `save_checkpoint` wrote, tensors on the CPU.

    Raises TrainError for a checkpoint that is damaged or of another version.
    """
    try:
        state = RunState.from_json((path / STATE).read_text(encoding="utf-8"))
        task = Task.from_json((path / TASK).read_text(encoding="utf-8"))
        tensors = torch.load(
            path / TENSORS, map_location="cpu", weights_only=True
        )
    except Exception as error:  # torch.load has no errors of its own
        raise TrainError(f"{path}: cannot be read: {error}") from error
    return state, task, tensors


def update_state(output: Path, state: RunState) -> None:
    """Replace the state of the last checkpoint, after measuring at its step."""
    path = output / "checkpoints" / f"step-{state.step:07d}"
    write_whole(path / STATE, state.to_json())


def last_checkpoint(output: Path) -> str:
    """Where a failed run can go on, as a sentence."""
    path = newest_checkpoint(output)
    if path is None:
        return "There is no checkpoint yet."
    return f"The last checkpoint is complete: {path} (--resume {output})."


def save_model(model: nn.Module, path: Path) -> None:
    """Write weights: of a SegFormer with its config and task, for
    `load_model`; of another network as a plain state dict."""
    if isinstance(model, SegFormer):
        save_weights(model, path)
        return
    import safetensors.torch

    tensors = {  # copies: the format knows no shared memory
        name: x.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, x in model.state_dict().items()
    }
    write_whole(path, safetensors.torch.save(tensors))
