"""Train a SegFormer: `python -m segformer_tutorial.train --help`.

What is random in step n depends on the seed and on n alone: which samples it
takes, how they are augmented, what dropout drops. So a run that was stopped
anywhere goes on from its last checkpoint as if nothing had happened.
"""

import json
import math
import shutil
import time
from dataclasses import asdict
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import DataLoader

from ..data import READERS, LabelledImages, data_folder
from ..data.atomic import write_whole
from ..data.batches import Augmented, StepSampler, seed_of
from ..data.transforms import train_transform
from ..evaluate import evaluate
from ..evaluate.metrics import ConfusionMatrix, all_reduce
from ..weights import save_weights
from .checkpoints import last_checkpoint, newest_checkpoint, save_checkpoint
from .log import Log
from .recipe import learning_rate_factor, parameter_groups, segmentation_loss
from .settings import TrainConfig, TrainError
from .start import build_model


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
        model = build_model(config, train_set.classes)
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
                f"{config.lr} may help. {last_checkpoint(output)}"
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
                    f"than {config.lr} may help. {last_checkpoint(output)}"
                )
            state["step"] = done
            save_checkpoint(output, state, accelerator)
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
        write_whole(path, json.dumps(asdict(config), indent=2) + "\n")
    accelerator.wait_for_everyone()
    return start


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


def _flat(config: TrainConfig) -> dict:
    """The config as trackers take it: numbers and strings."""
    values = asdict(config)
    return {
        k: json.dumps(v) if isinstance(v, dict) else "" if v is None else v
        for k, v in values.items()
    }
