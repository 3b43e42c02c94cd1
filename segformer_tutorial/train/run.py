"""The set-up of a run: all that it works with, new or from a checkpoint."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn

from ..data import LabelledImages
from ..data.batches import seed_of
from ..model import SegFormer
from .checkpoints import load_checkpoint
from .folder import open_folder, write_settings
from .log import Log
from .processes import make_accelerator, on_main, prepare_for_several
from .recipe import freeze, parameter_groups
from .samples import (
    check_classes,
    difference,
    read_splits,
    task_of_run,
    training_batches,
)
from .settings import TrainConfig, TrainError
from .start import build_loss, build_model
from .state import RunState
from .validation import try_validation

if TYPE_CHECKING:
    from accelerate import Accelerator


@dataclass(kw_only=True)
class Run:
    """What a run works with, from its set-up to its end.

    model: as accelerate has wrapped it. rates: the peak learning rate of each
    parameter group. batches: the samples from `state` on. saved: the step of
    the last checkpoint, saved_at its time. started: the time at which the run
    would have started without interruptions. Times are in seconds.
    """

    config: TrainConfig
    accelerator: "Accelerator"
    train_set: LabelledImages
    val_set: LabelledImages
    model: nn.Module
    loss: Callable[[Tensor, Tensor], Tensor]
    optimizer: torch.optim.Optimizer
    rates: list[float]
    state: RunState
    batches: Iterator[tuple[Tensor, Tensor]]
    log: Log
    saved: int
    saved_at: float
    started: float

    @property
    def output(self) -> Path:
        """The folder that the run writes."""
        return Path(self.config.output)

    @property
    def network(self) -> nn.Module:
        """The model without what accelerate has wrapped around it."""
        return self.accelerator.unwrap_model(self.model)


def set_up(
    config: TrainConfig,
    *,
    model: nn.Module | None = None,
    resume: bool = False,
) -> Run:
    """Set up a run from the settings, or from its last checkpoint.

    Raises what `train` raises.
    """
    accelerator = make_accelerator(config)
    train_set, val_set = read_splits(config)
    start = on_main(accelerator, lambda: open_folder(config, resume=resume))
    if start is None:
        on_main(accelerator, lambda: check_classes(config, train_set, val_set))

    if model is None:
        torch.manual_seed(seed_of("weights", config.seed))
        with accelerator.main_process_first():
            model = build_model(config, train_set.classes)
    else:
        check_parts(model)
        if config.freeze_encoder:
            freeze(model.get_submodule("encoder"))
    # In torch's types a module's attributes are tensors or modules.
    model.task = task_of_run(config, train_set)  # type: ignore[assignment]
    loss = build_loss(config, train_set)
    model, optimizer, rates = prepare(model, config, accelerator)
    state = RunState()
    if start is None:
        try_validation(accelerator.unwrap_model(model), val_set, config)
    else:
        state = restore(start, model, optimizer, accelerator)
        check_progress(state, config, accelerator, start)
    on_main(accelerator, lambda: write_settings(config))

    if config.log_with:
        output = Path(config.output)
        accelerator.init_trackers(
            "segformer",
            config=for_tracker(config),
            init_kwargs={"wandb": {"dir": output, "name": output.name}},
        )
    log = Log(Path(config.output) / "metrics.csv", state.measured, accelerator)
    batches = training_batches(
        config,
        train_set,
        state,
        rank=accelerator.process_index,
        world=accelerator.num_processes,
        pinned=accelerator.device.type == "cuda",
    )
    return Run(
        config=config,
        accelerator=accelerator,
        train_set=train_set,
        val_set=val_set,
        model=model.train(),
        loss=loss,
        optimizer=optimizer,
        rates=rates,
        state=state,
        batches=batches,
        log=log,
        saved=state.step,
        saved_at=time.monotonic(),
        started=time.monotonic() - state.seconds,
    )


def check_parts(model: nn.Module) -> None:
    """Raise TrainError for a model without the two parts of the recipe."""
    for part in ("encoder", "decoder"):
        if not isinstance(getattr(model, part, None), nn.Module):
            raise TrainError(
                f"the model must have an encoder and a decoder, but "
                f"{type(model).__name__} has no {part}"
            )


def prepare(
    model: nn.Module, config: TrainConfig, accelerator: "Accelerator"
) -> tuple[nn.Module, torch.optim.Optimizer, list[float]]:
    """Make the optimizer, and hand it and the model to accelerate.

    Returns both as accelerate wraps them, and the peak learning rates. Raises
    TrainError for a model with parameters that would not be trained.
    """
    if accelerator.num_processes > 1:
        model = prepare_for_several(model, accelerator.device)
    groups = parameter_groups(
        cast(SegFormer, model),  # or any network with its two parts
        lr=config.lr,
        weight_decay=config.weight_decay,
        head_lr_factor=config.head_lr_factor,
    )
    grouped = {id(p) for group in groups for p in group["params"]}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad and id(parameter) not in grouped:
            raise TrainError(
                f"all parameters must be in the model's encoder or decoder, "
                f"but {name} is in neither"
            )
    rates = [group["lr"] for group in groups]
    model, optimizer = accelerator.prepare(model, torch.optim.AdamW(groups))
    return model, optimizer, rates


def restore(
    start: Path,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    accelerator: "Accelerator",
) -> RunState:
    """Load a checkpoint, and return its state. Raises TrainError."""
    state, task, tensors = load_checkpoint(start)
    network = accelerator.unwrap_model(model)
    differs = difference(
        task.classes, network.task.classes, ("the run", "the data")
    )
    if differs:
        raise TrainError(f"{start}: cannot go on with other classes: {differs}")
    try:
        network.load_state_dict(tensors["model"])
        optimizer.load_state_dict(tensors["optimizer"])
        if accelerator.scaler is not None:
            accelerator.scaler.load_state_dict(tensors["scaler"])
    except (KeyError, RuntimeError, ValueError) as error:
        raise TrainError(f"{start}: does not fit the model: {error}") from error
    return state


def check_progress(
    state: RunState,
    config: TrainConfig,
    accelerator: "Accelerator",
    start: Path,
) -> None:
    """Say where a resumed run goes on. Raises TrainError if it is past that."""
    if state.step > config.steps:
        raise TrainError(
            f"{start}: the run has made {state.step} steps, so it cannot end "
            f"after {config.steps}"
        )
    if not accelerator.is_main_process:
        return
    print(f"resumed after step {state.step} of {config.steps}: {start}")
    now = config.batch_size * config.accumulation * accelerator.num_processes
    if state.seen != state.step * now:
        print(
            f"the {state.step} steps so far have seen {state.seen} samples; "
            f"from here on a step sees {now}, because the number of processes "
            "is another one"
        )


def for_tracker(config: TrainConfig) -> dict[str, str | int | float]:
    """The settings as trackers take them: numbers and strings."""
    return {
        name: value
        if isinstance(value, str | int | float)
        else json.dumps(value)
        for name, value in asdict(config).items()
    }
