"""Checkpoints: whole or not there, the newest one kept."""

import json
import os
import shutil
from pathlib import Path

from ..data.atomic import write_whole
from .settings import TrainError


def newest_checkpoint(output: Path) -> Path | None:
    """The whole checkpoint of most steps in a run's folder, or None."""
    found = (output / "checkpoints").glob("step-*")
    return max(
        found, key=lambda p: int(p.name.removeprefix("step-")), default=None
    )


def save_checkpoint(output: Path, state: dict, accelerator) -> None:
    """Write a checkpoint under another name, rename it, drop older ones."""
    path = output / "checkpoints" / f"step-{state['step']:07d}"
    temporary = path.with_name(f".{path.name}")
    try:
        accelerator.save_state(temporary)
        if accelerator.is_main_process:
            write_whole(temporary / "state.json", json.dumps(state))
            for file in temporary.iterdir():
                _sync(file)
            os.replace(temporary, path)
    except (
        Exception
    ) as error:  # safetensors and pickle have errors of their own
        if accelerator.is_main_process:
            shutil.rmtree(temporary, ignore_errors=True)
        raise TrainError(
            f"{path}: not saved: {error}. {last_checkpoint(output)}"
        ) from error
    accelerator.wait_for_everyone()
    if accelerator.is_main_process:
        for old in path.parent.glob("step-*"):
            if old != path:
                shutil.rmtree(old)


def last_checkpoint(output: Path) -> str:
    """Where a failed run can go on, as a sentence."""
    path = newest_checkpoint(output)
    if path is None:
        return "There is no checkpoint yet."
    return f"The last checkpoint is whole: {path} (--resume {output})."


def _sync(path: Path) -> None:
    """Wait until a file is on the disk."""
    with open(path, "rb+") as file:
        os.fsync(file.fileno())
