"""The folder of a run: a new one, or one in which a run goes on."""

import json
import shutil
from dataclasses import asdict
from pathlib import Path

from ..data.atomic import write_whole
from .checkpoints import newest_checkpoint
from .settings import TrainConfig, TrainError, read_config

# What a resumed run may change: where and how it works, and how long.
FREE = {
    "data",
    "device",
    "log_with",
    "output",
    "save_every",
    "save_minutes",
    "steps",
    "workers",
}


def open_folder(config: TrainConfig, *, resume: bool) -> Path | None:
    """Make the folder, or find the checkpoint to go on from.

    A folder whose run has left neither a checkpoint nor weights is taken as
    new. Raises TrainError for a folder that holds a run, or with `resume` for
    one without a checkpoint or with other settings.
    """
    output = Path(config.output)
    start = newest_checkpoint(output)
    if resume:
        if start is None:
            raise TrainError(
                f"{output}: there is no checkpoint to resume from; start the "
                "run anew, without --resume"
            )
        check_settings(config, output / "config.json")
    elif start is not None:
        raise TrainError(
            f"{output} holds a run already: go on with --resume {output}, or "
            "choose another --output"
        )
    elif weights := sorted(output.glob("*.safetensors")):
        raise TrainError(
            f"{output} holds the weights of a run without a checkpoint: "
            f"choose another --output, or move {weights[0].name} away"
        )
    else:
        keep_metrics(output / "metrics.csv")
    (output / "checkpoints").mkdir(parents=True, exist_ok=True)
    # What a run that was killed has left half written.
    for left in (output / "checkpoints").glob(".*"):
        shutil.rmtree(left)
    for left in output.glob(f".{'[0-9a-f]' * 32}.tmp"):
        left.unlink()
    return start


def write_settings(config: TrainConfig) -> None:
    """Write config.json, which a later `--resume` reads."""
    text = json.dumps(asdict(config), indent=2) + "\n"
    write_whole(Path(config.output) / "config.json", text)


def check_settings(config: TrainConfig, path: Path) -> None:
    """Raise TrainError where a run would go on as another one."""
    before = _plain(TrainConfig(**read_config(path)))
    for name, value in _plain(config).items():
        if name not in FREE and value != before[name]:
            raise TrainError(
                f"{path}: {name} was {before[name]!r} and cannot become "
                f"{value!r} in the middle of the run"
            )
    if config.steps != before["steps"]:
        print(
            f"{config.steps} steps instead of {before['steps']}: from here on "
            f"the learning rate follows the schedule of {config.steps} steps"
        )


def keep_metrics(path: Path) -> None:
    """Rename a metrics.csv with rows, which a new run would replace."""
    if not path.exists() or path.read_text(encoding="utf-8").count("\n") < 2:
        return
    number = 1
    while (kept := path.with_name(f"metrics-{number}.csv")).exists():
        number += 1
    path.rename(kept)
    print(f"{path}: from a run without a checkpoint, kept as {kept.name}")


def _plain(config: TrainConfig) -> dict:
    """The settings as JSON has them: lists for tuples."""
    return json.loads(json.dumps(asdict(config)))
