"""Train a SegFormer: `python -m segformer_tutorial.train --help`.

What is random in step n depends on the seed and on n alone: which samples it
takes, how they are augmented, what dropout drops. So a run that was stopped
anywhere goes on from its last checkpoint as if nothing had happened.
"""

import argparse
import csv
import json
import math
import os
import shutil
import sys
import time
import types
import typing
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import DataLoader, Sampler

from ..config import PRESETS, SegFormerConfig
from ..data import READERS, LabelledImages, data_folder
from ..evaluate import evaluate
from ..evaluate.metrics import ConfusionMatrix, all_reduce
from ..model import SegFormer
from .recipe import learning_rate_factor, parameter_groups, segmentation_loss
from ..data.transforms import AUGMENT, Augmented, seed_of, train_transform
from ..weights import (
    config_from_weights,
    load_weights,
    save_weights,
)

COLUMNS = ("step", "epoch", "lr", "loss", "val_miou", "val_accuracy", "seconds")


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
    train_split: str = setting("train", "the part to learn from")
    val_split: str = setting("val", "the part to judge by")
    output: str = setting("runs/scenes", "the folder that the run writes")
    model: str | dict = setting(  # noqa: RUF009 - a string by default
        "b0",
        "b0 to b5; in a JSON file also fields of SegFormerConfig, which "
        "change the preset that `preset` names",
    )
    init: str = setting("", "weights for the encoder: a file or a hub's name")
    steps: int = setting(160_000, "how often the weights are changed")
    batch_size: int = setting(16, "pictures that one process sees at once")
    accumulation: int = setting(1, "batches in a step, one after another")
    crop_size: int = setting(512, "side of the square to learn from, in pixels")
    short_side: int | None = setting(
        None, "shorter side of all pictures in pixels; if empty, their own"
    )
    augment: str = setting(",".join(AUGMENT), "which of these, or none")
    lr: float = setting(6e-5, "largest learning rate of the encoder")
    head_lr_factor: float = setting(10.0, "times that for the decoder")
    weight_decay: float = setting(0.01, "of AdamW, not on norms")
    warmup: int = setting(1500, "steps until the learning rate is at full")
    power: float = setting(1.0, "of the decay's polynomial; 0 for none")
    precision: str = setting("no", "16 bits for products: bf16, or fp16")
    seed: int = setting(0, "of weights, order, augmentation and dropout")
    workers: int = setting(2, "processes that read pictures")
    log_every: int = setting(50, "steps between two rows of metrics.csv")
    eval_every: int = setting(1000, "steps between two validations")
    save_every: int = setting(1000, "steps between two checkpoints")
    log_with: str = setting("", "a tracker, besides metrics.csv")

    def __post_init__(self):
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


def model_config(model: str | dict, num_classes: int) -> SegFormerConfig:
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
    return replace(PRESETS[preset], **changes | {"num_classes": num_classes})


def build_model(config: TrainConfig, num_classes: int) -> SegFormer:
    """A SegFormer with fresh weights, or with the encoder of `init`."""
    wanted = model_config(config.model, num_classes)
    if not config.init:
        return SegFormer(wanted)
    found = config_from_weights(config.init)
    encoder = {
        name: getattr(found, name)
        for name in ("dims", "depths", "num_heads", "expansion_ratios")
    }
    changed = [
        f"{name} {value} instead of {getattr(wanted, name)}"
        for name, value in encoder.items()
        if value != getattr(wanted, name)
    ]
    if changed:
        print(f"model: as in {config.init}: {'; '.join(changed)}")
    model = SegFormer(replace(wanted, **encoder))
    print(load_weights(model.encoder, config.init))
    return model


class StepSampler(Sampler):
    """The batches of a run from `start` on, for one of several processes.

    The samples stand in one endless row, epoch after epoch, each one shuffled
    by the seed and its number. A batch is a list of (epoch, index).
    """

    def __init__(
        self,
        length: int,
        *,
        batch_size: int,
        batches: int,
        start: int = 0,
        rank: int = 0,
        world: int = 1,
        seed: int,
    ):
        self.length = length
        self.batch_size = batch_size
        self.batches = batches
        self.start = start
        self.rank = rank
        self.world = world
        self.seed = seed

    def __len__(self) -> int:
        return self.batches - self.start

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        shuffled = {}
        for n in range(self.start, self.batches):
            first = (n * self.world + self.rank) * self.batch_size
            batch = []
            for position in range(first, first + self.batch_size):
                epoch, place = divmod(position, self.length)
                if epoch not in shuffled:
                    generator = torch.Generator()
                    generator.manual_seed(seed_of("shuffle", self.seed, epoch))
                    order = torch.randperm(self.length, generator=generator)
                    shuffled = {epoch: order.tolist()}
                batch.append((epoch, shuffled[epoch][place]))
            yield batch


def train(
    config: TrainConfig, *, resume: bool = False, progress: bool = True
) -> dict[str, float]:
    """Train, evaluate, save; return the last metrics.

    Writes into `config.output`: config.json, metrics.csv, best.safetensors
    and last.safetensors (for `load_model`), and checkpoints/step-N, of which
    the newest whole one is kept. With `resume` the run goes on from there.
    Raises TrainError and DataError; the last checkpoint is then still good.
    """
    accelerator = _accelerator(config)
    from tqdm import tqdm

    output = Path(config.output)
    read = READERS[config.dataset]
    data = config.data or data_folder() / "scenes"
    train_set = read(data, config.train_split)
    val_set = read(data, config.val_split)
    if train_set.classes != val_set.classes:
        raise TrainError("the classes of the two splits are not the same")

    torch.manual_seed(seed_of("weights", config.seed))
    with accelerator.main_process_first():
        model = build_model(config, len(train_set.classes))
    start = _prepare_output(config, resume, accelerator)
    if accelerator.num_processes > 1 and accelerator.device.type == "cuda":
        model = nn.SyncBatchNorm.convert_sync_batchnorm(model)
    groups = parameter_groups(
        model,
        lr=config.lr,
        weight_decay=config.weight_decay,
        head_lr_factor=config.head_lr_factor,
    )
    rates = [group["lr"] for group in groups]
    model, optimizer = accelerator.prepare(model, torch.optim.AdamW(groups))
    state = {"step": 0, "best": -1.0, "seconds": 0.0, "losses": []}
    if start is not None:
        accelerator.load_state(start)
        state = json.loads((start / "state.json").read_text())

    batches = iter(_loader(config, train_set, state["step"], accelerator))
    if config.log_with:
        accelerator.init_trackers(
            "segformer",
            config=_flat(config),
            init_kwargs={"wandb": {"dir": output, "name": output.name}},
        )
    log = Log(output / "metrics.csv", state["step"], accelerator)
    process, processes = accelerator.process_index, accelerator.num_processes
    pictures = config.batch_size * config.accumulation * processes  # in a step
    bar = tqdm(
        total=config.steps,
        initial=state["step"],
        unit="step",
        disable=not (progress and accelerator.is_main_process),
    )
    losses: list[float] = state["losses"]
    metrics = log.last
    clock = time.perf_counter() - state["seconds"]
    model.train()
    for step in range(state["step"], config.steps):
        factor = learning_rate_factor(
            step, steps=config.steps, warmup=config.warmup, power=config.power
        )
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate * factor
        loss = 0.0
        for part in range(config.accumulation):
            images, labels = (
                x.to(accelerator.device, non_blocking=True)
                for x in next(batches)
            )
            torch.manual_seed(seed_of("step", config.seed, step, part, process))
            with accelerator.accumulate(model):
                part_loss = segmentation_loss(model(images), labels)
                accelerator.backward(part_loss)
                optimizer.step()
                optimizer.zero_grad()
            mean = accelerator.reduce(part_loss.detach(), reduction="mean")
            loss += mean.item() / config.accumulation
        if not math.isfinite(loss):
            raise TrainError(
                f"the loss is {loss} at step {step + 1}; a smaller lr than "
                f"{config.lr} may help. {_last(output)}"
            )
        losses.append(loss)
        done = step + 1
        bar.update()
        bar.set_postfix_str(f"loss {loss:.3f}", refresh=False)
        last = done == config.steps
        row: dict[str, float] = {}
        if done % config.log_every == 0 or last:
            row["loss"] = sum(losses) / len(losses)
            losses.clear()
        if done % config.eval_every == 0 or last:
            matrix = _validate(model, val_set, config, accelerator)
            row["val_miou"] = matrix.mean_iou
            row["val_accuracy"] = matrix.pixel_accuracy
            if matrix.mean_iou > state["best"]:
                state["best"] = matrix.mean_iou
                _save(model, output / "best.safetensors", accelerator)
            if accelerator.is_main_process:
                bar.write(f"step {done}: mIoU {matrix.mean_iou:.4f}")
        if row:
            state["seconds"] = time.perf_counter() - clock
            metrics = {
                "step": done,
                "epoch": done * pictures / len(train_set),
                "lr": config.lr * factor,
                **row,
                "seconds": state["seconds"],
            }
            log.write(metrics)
        if done % config.save_every == 0 or last:
            # A gradient may overflow where the loss does not.
            if not all(p.isfinite().all() for p in model.parameters()):
                raise TrainError(
                    f"a weight is not finite after step {done}; a smaller lr "
                    f"than {config.lr} may help. {_last(output)}"
                )
            state["step"] = done
            _checkpoint(output, state, accelerator)
    _save(model, output / "last.safetensors", accelerator)
    bar.close()
    accelerator.end_training()
    return metrics


def _accelerator(config: TrainConfig):
    """What knows the devices, the processes and the precision."""
    try:
        from accelerate import Accelerator
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"training needs {error.name}: "
            "pip install accelerate tqdm pillow torchvision safetensors"
        ) from error

    accelerator = Accelerator(
        cpu=not (
            torch.cuda.is_available() or torch.backends.mps.is_available()
        ),
        mixed_precision=config.precision,
        gradient_accumulation_steps=config.accumulation,
        log_with=config.log_with or None,
        project_dir=config.output,
        step_scheduler_with_optimizer=False,
    )
    if config.log_with and not accelerator.log_with:
        raise ModuleNotFoundError(
            f"log_with {config.log_with} needs a package: "
            f"pip install {config.log_with}"
        )
    if config.precision == "fp16" and accelerator.device.type == "cpu":
        raise TrainError("fp16 needs a GPU; a CPU takes bf16, or no")
    return accelerator


def _loader(
    config: TrainConfig, dataset: LabelledImages, step: int, accelerator
) -> DataLoader:
    """The augmented batches of one process from a step on."""
    augment = [name for name in config.augment.split(",") if name]
    transform = train_transform(
        config.crop_size, short_side=config.short_side, augment=augment
    )
    return DataLoader(
        Augmented(dataset, transform, seed=config.seed),
        batch_sampler=StepSampler(
            len(dataset),
            batch_size=config.batch_size,
            batches=config.steps * config.accumulation,
            start=step * config.accumulation,
            rank=accelerator.process_index,
            world=accelerator.num_processes,
            seed=config.seed,
        ),
        num_workers=config.workers,
        pin_memory=accelerator.device.type == "cuda",
    )


def _prepare_output(
    config: TrainConfig, resume: bool, accelerator
) -> Path | None:
    """Make the run's folder; return the checkpoint to go on from, if any."""
    output = Path(config.output)
    path = output / "config.json"
    start = newest_checkpoint(output) if resume else None
    if not resume and path.exists():
        raise TrainError(
            f"{output} holds a run already: go on with --resume {output}, or "
            "choose another --output"
        )
    accelerator.wait_for_everyone()  # nobody looks once it is written
    if accelerator.is_main_process:
        (output / "checkpoints").mkdir(parents=True, exist_ok=True)
        for left in (output / "checkpoints").glob(".*"):  # half written
            shutil.rmtree(left)
        _write(path, json.dumps(asdict(config), indent=2) + "\n")
    accelerator.wait_for_everyone()
    return start


def newest_checkpoint(output: Path) -> Path | None:
    """The whole checkpoint of most steps in a run's folder, or None."""
    found = (output / "checkpoints").glob("step-*")
    return max(
        found, key=lambda p: int(p.name.removeprefix("step-")), default=None
    )


def _checkpoint(output: Path, state: dict, accelerator) -> None:
    """Write a checkpoint under another name, rename it, drop older ones."""
    path = output / "checkpoints" / f"step-{state['step']:07d}"
    temporary = path.with_name(f".{path.name}")
    try:
        accelerator.save_state(temporary)
        if accelerator.is_main_process:
            _write(temporary / "state.json", json.dumps(state))
            for file in temporary.iterdir():
                _sync(file)
            os.replace(temporary, path)
    except (
        Exception
    ) as error:  # safetensors and pickle have errors of their own
        if accelerator.is_main_process:
            shutil.rmtree(temporary, ignore_errors=True)
        raise TrainError(
            f"{path}: not saved: {error}. {_last(output)}"
        ) from error
    accelerator.wait_for_everyone()
    if accelerator.is_main_process:
        for old in path.parent.glob("step-*"):
            if old != path:
                shutil.rmtree(old)


def _last(output: Path) -> str:
    """Where a failed run can go on, as a sentence."""
    path = newest_checkpoint(output)
    if path is None:
        return "There is no checkpoint yet."
    return f"The last checkpoint is whole: {path} (--resume {output})."


def _write(path: Path, text: str) -> None:
    """Write a text file whole or not at all."""
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text(text, encoding="utf-8")
    _sync(temporary)
    os.replace(temporary, path)


def _sync(path: Path) -> None:
    """Wait until a file is on the disk."""
    with open(path, "rb+") as file:
        os.fsync(file.fileno())


def _save(model: nn.Module, path: Path, accelerator) -> None:
    """Write the weights with their config, by the main process."""
    if accelerator.is_main_process:
        save_weights(accelerator.unwrap_model(model), path)


def _validate(
    model: nn.Module, dataset: LabelledImages, config: TrainConfig, accelerator
) -> ConfusionMatrix:
    """Evaluate at the size of training, each process its share; all get all."""
    from accelerate.utils import broadcast

    rank, world = accelerator.process_index, accelerator.num_processes
    model = accelerator.unwrap_model(model)
    for buffer in model.buffers():  # each process has its own statistics
        buffer.copy_(broadcast(buffer))
    matrix = evaluate(
        model,
        dataset,
        indices=range(rank, len(dataset), world),
        short_side=config.short_side,
    )
    all_reduce(matrix)
    return matrix


class Log:
    """metrics.csv, one row each time that something was measured.

    Rows after `step` are dropped: a resumed run writes them again.
    """

    def __init__(self, path: Path, step: int, accelerator):
        self.path = path
        self.accelerator = accelerator
        rows = []
        if path.exists():
            with open(path, newline="", encoding="utf-8") as file:
                rows = [x for x in csv.DictReader(file) if _upto(x, step)]
        self.last = (
            {k: float(v) for k, v in rows[-1].items() if v} if rows else {}
        )
        if accelerator.is_main_process:
            lines = [",".join(COLUMNS), *(",".join(x.values()) for x in rows)]
            _write(path, "\n".join(lines) + "\n")

    def write(self, row: dict[str, float]) -> None:
        """Add a row, here and to the tracker; what is missing stays empty."""
        values = {k: v for k, v in row.items() if k != "step"}
        self.accelerator.log(values, step=row["step"])
        if self.accelerator.is_main_process:
            with open(self.path, "a", encoding="utf-8") as file:
                cells = (repr(row[k]) if k in row else "" for k in COLUMNS)
                file.write(",".join(cells) + "\n")


def _upto(row: dict[str, str], step: int) -> bool:
    """Is the row whole, and not after the step?"""
    return None not in row.values() and int(row["step"] or step + 1) <= step


def _flat(config: TrainConfig) -> dict:
    """The config as trackers take it: numbers and strings."""
    values = asdict(config)
    return {
        k: json.dumps(v) if isinstance(v, dict) else "" if v is None else v
        for k, v in values.items()
    }


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
            if kind not in (types.NoneType, dict)
        ]
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


def main(arguments: Sequence[str] | None = None) -> int:
    """Train as the command line says; return 0, or 1 after an error."""
    try:
        config, resume = parse(arguments)
        train(config, resume=resume)
    except (TrainError, ValueError, OSError, ModuleNotFoundError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped; --resume goes on from the last checkpoint")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
