"""Several processes train as one, wait for each other, and fail together."""

import time
import warnings
from dataclasses import replace
from pathlib import Path

import pytest
import runs
import torch
from runs import needs_signals, run_in_two

from segformer_tutorial.data import read_folder
from segformer_tutorial.data.batches import StepSampler
from segformer_tutorial.evaluate import evaluate
from segformer_tutorial.train import loop, newest_checkpoint, samples, train
from segformer_tutorial.train.processes import to_device
from segformer_tutorial.train.run import set_up
from segformer_tutorial.train.state import RunState
from segformer_tutorial.train.validation import options
from segformer_tutorial.weights import load_model

pytestmark = needs_signals


@pytest.fixture
def config(config):
    return replace(
        config, steps=2, eval_every=1, batch_size=2, log_every=1, save_every=1
    )


def strides_are_errors():
    """Old libraries warn of other things, which are no faults here."""
    warnings.filterwarnings("error", "Grad strides do not match")


def test_two_processes(config):
    """Three pictures of val are shared out, and all are counted once. DDP
    does not warn of gradients with other strides than it expects."""
    assert run_in_two(config, prepare=strides_are_errors) == [0, 0]
    model = load_model(f"{config.output}/last.safetensors")
    alone = evaluate(model, read_folder(config.data, "val"))
    assert float(runs.rows(config)[-1]["val_miou"]) == alone.mean_iou
    assert [float(row["epoch"]) for row in runs.rows(config)] == [0.8, 1.6]


def delay_one_process():
    save = loop.save

    def late(run):
        if run.accelerator.process_index == 1:
            time.sleep(2)
        save(run)

    loop.save = late


def test_a_slow_process_is_waited_for(config):
    config = replace(config, eval_every=9)
    assert run_in_two(config, prepare=delay_one_process) == [0, 0]
    assert runs.checkpoints(config) == ["step-0000002"]


def test_other_numbers_of_processes_share_the_samples(config, monkeypatch):
    """Two processes see 8 of 5 samples, one goes on with the ninth."""
    first = []

    def sampler(*arguments, **options):
        first.append(options["first"])
        return StepSampler(*arguments, **options)

    assert run_in_two(config) == [0, 0]
    monkeypatch.setattr(samples, "StepSampler", sampler)
    config = replace(config, steps=4)
    train(config, resume=True, progress=False)
    assert first == [8]
    epochs = [float(row["epoch"]) for row in runs.rows(config)]
    assert epochs == [0.8, 1.6, 2.0, 2.4]
    path = newest_checkpoint(Path(config.output)) / "state.json"
    assert RunState.from_json(path.read_text()).seen == 12


def fail_in_one_process():
    step = loop.training_step

    def failing(run, batches):
        if run.accelerator.process_index == 1:
            raise OSError("this process cannot read")
        return step(run, batches)

    loop.training_step = failing


def test_one_that_fails_does_not_leave_the_other_waiting(config):
    start = time.monotonic()
    assert run_in_two(config, prepare=fail_in_one_process) == [1, 1]
    assert time.monotonic() - start < 50
    assert "this process cannot read" in runs.error_of(config)


def fail_to_save():
    def failing(*arguments):
        raise OSError("no space left")

    loop.save_checkpoint = failing


def test_a_save_that_fails_is_everyones_failure(config):
    assert run_in_two(config, prepare=fail_to_save) == [1, 1]
    text = runs.error_of(config)
    assert "OSError: no space left" in text
    assert "TrainError: the main process failed: no space left" in text


def stop_one_process():
    import os
    import signal

    step = loop.training_step

    def stopping(run, batches):
        if run.accelerator.process_index == 1:
            os.kill(os.getpid(), signal.SIGTERM)
        return step(run, batches)

    loop.training_step = stopping


def test_a_signal_to_one_process_stops_both(config):
    assert run_in_two(config, prepare=stop_one_process) == [1, 1]
    assert runs.error_of(config).count("Stopped: stopped after step 1") == 2
    assert runs.checkpoints(config) == ["step-0000001"]


def test_only_pinned_memory_is_sent_beside_other_work(monkeypatch):
    """Sent so to MPS, a tensor of ordinary memory would arrive damaged."""
    sent = []

    def to(tensor, device, *, non_blocking):
        sent.append((device.type, non_blocking))
        return tensor

    monkeypatch.setattr(torch.Tensor, "to", to)
    for device in ("mps", "cuda"):
        to_device([torch.zeros(2)], torch.device(device))
    monkeypatch.setattr(torch.Tensor, "is_pinned", lambda tensor: True)
    to_device([torch.zeros(2)], torch.device("cuda"))
    assert sent == [("mps", False), ("cuda", False), ("cuda", True)]


class Doubles(torch.utils._python_dispatch.TorchDispatchMode):
    """Note the operations that make a tensor of float64."""

    def __init__(self):
        super().__init__()
        self.found = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        outputs = result if isinstance(result, tuple | list) else [result]
        for x in outputs:
            if isinstance(x, torch.Tensor) and x.dtype == torch.float64:
                self.found.append(str(function))
        return result


def test_nothing_is_computed_in_float64(config):
    """MPS has none; only the measures themselves, on the CPU, are double."""
    run = set_up(replace(config, eval_window=32))
    with Doubles() as doubles:
        torch.zeros((), dtype=torch.float64)
    assert doubles.found
    with Doubles() as doubles:
        losses = loop.training_step(run, [next(run.batches)])
        loop.agree(run.accelerator, losses, (True, False))
        evaluate(run.network, run.val_set, **options(run.config))
    assert doubles.found == []


def test_sampler_goes_on_from_any_sample():
    """Seven samples in batches of three, for one process or for three."""
    alone = list(StepSampler(7, batch_size=3, batches=14, seed=0))
    row = [key for batch in alone for key in batch]
    for world in (1, 2, 3):
        for first in (0, 5, 15):
            shares = [
                list(
                    StepSampler(
                        7,
                        batch_size=2,
                        batches=4,
                        first=first,
                        rank=rank,
                        world=world,
                        seed=0,
                    )
                )
                for rank in range(world)
            ]
            found = [
                key
                for batches in zip(*shares, strict=True)
                for batch in batches
                for key in batch
            ]
            assert found == row[first : first + 8 * world]
