"""The training loop: one step, and what happens between two steps.

What is random in step n depends on the seed and on n alone: which samples it
takes, how they are augmented, what dropout drops. So a run that was stopped
anywhere goes on from its last checkpoint as if nothing had happened.
"""

import math
import signal
import time
from collections.abc import Iterable
from itertools import islice

import torch
from torch import Tensor, nn

from ..data import task_of
from ..data.batches import seed_of
from .checkpoints import (
    last_checkpoint,
    save_checkpoint,
    save_model,
    update_state,
)
from .processes import agree, on_main, to_device
from .progress import Progress
from .recipe import learning_rate_factor
from .run import Run, set_up
from .samples import workers_of
from .settings import TrainConfig, TrainError
from .signals import Stopped, StopSignals
from .validation import validate


def train(
    config: TrainConfig,
    *,
    model: nn.Module | None = None,
    resume: bool = False,
    progress: bool = True,
) -> dict[str, float]:
    """Train, validate, save; return the last row of metrics.csv.

    Writes into `config.output`: config.json, metrics.csv, best.safetensors
    and last.safetensors (for `load_model`), and checkpoints/step-N, of which
    the newest one is kept. With `resume` the run goes on from there.

    A given `model` is trained in place of the one that the config describes:
    any network, `b c h w -> b k h' w'`, whose parameters are all in its parts
    `encoder` and `decoder`. It ends on the run's device, in training mode;
    unless it is a SegFormer, its files hold a plain state dict.

    Ctrl-C and SIGTERM end the run after a step, with a checkpoint: Stopped.
    Raises TrainError, DataError and WeightsError; the last checkpoint is then
    still good.
    """
    run = set_up(config, model=model, resume=resume)
    state, accelerator = run.state, run.accelerator
    bar = Progress(
        step=state.step,
        steps=config.steps,
        show=progress,
        quiet=not accelerator.is_main_process,
    )
    with bar, workers_of(run.batches), StopSignals() as stop:
        stopped = not measure(run, bar, stop)  # a resumed run may owe this
        while not stopped and not is_finished(run):
            parts = training_step(run, islice(run.batches, config.accumulation))
            # All processes stop, save and fail together.
            losses, (stopped, overdue) = agree(
                accelerator,
                parts,
                (stop.received is not None, is_overdue(run)),
            )
            loss = sum(part / config.accumulation for part in losses)
            check_loss(run, loss)
            state.losses.append(loss)
            bar.step(loss)
            # The checkpoint comes first, because validation can fail.
            if overdue or is_due(run, config.save_every):
                save(run)
            stopped = stopped or not measure(run, bar, stop)
        save(run)  # after a signal, or where patience has ended
        if not stopped:
            save_weights(run, "last")
    accelerator.unwrap_model(run.model, keep_fp32_wrapper=False)
    accelerator.end_training()
    if stopped:
        raise Stopped(
            f"stopped after step {state.step} of {config.steps}, with a "
            f"checkpoint; --resume {run.output} goes on from there",
            stop.received or signal.SIGTERM,  # another process received one
        )
    return run.log.last


def training_step(
    run: Run, batches: Iterable[tuple[Tensor, Tensor]]
) -> list[Tensor]:
    """Change the weights once, and return the loss of each batch.

    batches: as many as `accumulation` says, images `b c h w` and labels
    `b h w`; their gradients are averaged. The losses stay on the device.
    """
    config, state, accelerator = run.config, run.state, run.accelerator
    for group, rate in zip(run.optimizer.param_groups, run.rates, strict=True):
        group["lr"] = rate * rate_factor(run, state.step)
    losses = []
    for part, batch in enumerate(batches):
        images, labels = to_device(batch, accelerator.device)
        process = accelerator.process_index
        torch.manual_seed(
            seed_of("step", config.seed, state.step, part, process)
        )
        with accelerator.accumulate(run.model):
            loss = run.loss(run.model(images), labels)
            accelerator.backward(loss)
            run.optimizer.step()
            run.optimizer.zero_grad()
        losses.append(loss.detach())
        state.seen += len(images) * accelerator.num_processes
    state.step += 1
    return losses


def measure(run: Run, bar: Progress, stop: StopSignals) -> bool:
    """Write the row of this step, with the loss and the mIoU if they are due.

    Returns False where a signal came before the end. Nothing has changed
    then, and the resumed run measures anew.
    """
    config, state = run.config, run.state
    if state.measured == state.step:
        return True
    row = {}
    if is_due(run, config.log_every):
        row["loss"] = sum(state.losses) / len(state.losses)
    if is_due(run, config.eval_every):
        matrix = validate(
            run.network, run.val_set, config, run.accelerator, stop
        )
        if matrix is None:
            return False
        row["val_miou"] = matrix.mean_iou
        row["val_accuracy"] = matrix.pixel_accuracy
        bar.say(f"step {state.step}: mIoU {matrix.mean_iou:.4f}")
        state.worse += 1
        if matrix.mean_iou > state.best:
            save_weights(run, "best")
            state.best, state.worse = matrix.mean_iou, 0
        if state.worse == config.patience:
            bar.say(
                f"the last {state.worse} validations have not found a better "
                f"mIoU than {state.best:.4f}, so the run ends"
            )
    if "loss" in row:
        state.losses.clear()
    if row:
        state.seconds = time.monotonic() - run.started
        run.log.write(
            {
                "step": state.step,
                "epoch": state.seen / len(run.train_set),
                "lr": config.lr * rate_factor(run, state.step - 1),
                **row,
                "seconds": state.seconds,
            }
        )
    state.measured = state.step
    if row and run.saved == state.step:
        on_main(run.accelerator, lambda: update_state(run.output, state))
    return True


def save(run: Run) -> None:
    """Save a checkpoint, unless there is one of this step."""
    state, accelerator = run.state, run.accelerator
    if run.saved == state.step:
        return
    # A gradient may overflow where the loss does not.
    if not all(p.isfinite().all() for p in run.network.parameters()):
        raise TrainError(
            f"a weight is not finite after step {state.step}; a smaller lr "
            f"than {run.config.lr} may help. {last_checkpoint(run.output)}"
        )
    state.seconds = time.monotonic() - run.started
    scaler = accelerator.scaler
    tensors = {
        "model": run.network.state_dict(),
        "optimizer": run.optimizer.state_dict(),
        "scaler": scaler and scaler.state_dict(),
    }
    on_main(
        accelerator,
        lambda: save_checkpoint(
            run.output, state, task_of(run.network), tensors
        ),
    )
    run.saved, run.saved_at = state.step, time.monotonic()


def save_weights(run: Run, name: str) -> None:
    """Write the weights as they are to NAME.safetensors."""
    path = run.output / f"{name}.safetensors"
    on_main(run.accelerator, lambda: save_model(run.network, path))


def check_loss(run: Run, loss: float) -> None:
    """Raise TrainError for a loss that is not finite."""
    if not math.isfinite(loss):
        raise TrainError(
            f"the loss is {loss} at step {run.state.step}; a smaller lr than "
            f"{run.config.lr} may help. {last_checkpoint(run.output)}"
        )


def rate_factor(run: Run, step: int) -> float:
    """The factor of the learning rates at a step, counted from 0."""
    config = run.config
    return learning_rate_factor(
        step, steps=config.steps, warmup=config.warmup, power=config.power
    )


def is_due(run: Run, every: int) -> bool:
    """Is it time for what happens every so many steps, and at the end?"""
    step = run.state.step
    return step % every == 0 or step == run.config.steps


def is_overdue(run: Run) -> bool:
    """Is the last checkpoint older than `save_minutes`?"""
    limit = run.config.save_minutes
    age = (time.monotonic() - run.saved_at) / 60
    return limit is not None and age >= limit


def is_finished(run: Run) -> bool:
    """Are all steps made, or has the mIoU stopped getting better?"""
    config, state = run.config, run.state
    return state.step >= config.steps or state.worse == config.patience
