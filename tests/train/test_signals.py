"""A run that gets a signal ends after its step, with a checkpoint."""

import json
import os
import signal
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import runs
import torch
from runs import needs_signals, run

from segformer_tutorial.train import Stopped, loop, train
from segformer_tutorial.train.__main__ import main
from segformer_tutorial.train.signals import StopSignals


def interrupt_in_step_3():
    runs.at_step(3, lambda: os.kill(os.getpid(), signal.SIGINT))


def interrupt_the_group_in_step_3():
    """As a terminal does it: the workers get the signal too."""
    os.setsid()
    runs.at_step(3, lambda: os.killpg(0, signal.SIGINT))


def terminate_the_group_in_step_3():
    os.setsid()
    runs.at_step(3, lambda: os.killpg(0, signal.SIGTERM))


def interrupt_twice_in_step_3():
    def twice():
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    runs.at_step(3, twice)


def terminate_in_the_validation_of_step_5():
    evaluate = loop.validate

    def terminated(*arguments):
        os.kill(os.getpid(), signal.SIGTERM)
        return evaluate(*arguments)

    loop.validate = terminated


@needs_signals
@pytest.mark.parametrize(
    ("prepare", "workers", "step"),
    [
        (interrupt_in_step_3, 0, 3),
        (interrupt_the_group_in_step_3, 2, 3),
        (terminate_the_group_in_step_3, 2, 3),
        (terminate_in_the_validation_of_step_5, 0, 5),
    ],
)
def test_a_stopped_run_ends_the_same(config, whole, prepare, workers, step):
    config = replace(config, workers=workers)
    assert not run(config, prepare=prepare)
    assert f"Stopped: stopped after step {step} of 10" in runs.error_of(config)
    assert runs.checkpoints(config) == [f"step-{step:07d}"]
    assert run(config, resume=True)
    assert runs.ends(config) == whole[1]


@needs_signals
def test_a_second_interrupt_stops_at_once(config):
    assert not run(config, prepare=interrupt_twice_in_step_3)
    assert "Stopped" not in runs.error_of(config)
    assert "KeyboardInterrupt" in runs.error_of(config)
    assert runs.checkpoints(config) == ["step-0000002"]


def command(arguments, errors):
    """What `python -m segformer_tutorial.train` does, with stderr in a file."""
    os.dup2(os.open(errors, os.O_WRONLY | os.O_CREAT), 2)
    torch.set_num_threads(1)
    step = loop.training_step

    def slow(run, batches):  # it must not be at its end before the signal
        time.sleep(0.5)
        return step(run, batches)

    loop.training_step = slow
    sys.exit(main(arguments))


@needs_signals
def test_the_command_stops_and_goes_on(config, whole, tmp_path):
    """With a signal from outside, at any moment."""
    path, errors = tmp_path / "config.json", tmp_path / "errors"
    path.write_text(json.dumps(asdict(config)))
    process = runs.SERVER.Process(
        target=command, args=(["--config", str(path)], errors)
    )
    process.start()
    log = Path(config.output) / "metrics.csv"
    while process.is_alive():
        if log.exists() and len(log.read_text().splitlines()) > 1:
            process.terminate()
            break
        time.sleep(0.01)
    process.join()
    assert process.exitcode == 143
    assert "stopped after step" in errors.read_text().splitlines()[-1]
    assert f"--resume {config.output} goes on" in errors.read_text()
    assert run(config, resume=True)
    assert runs.ends(config) == whole[1]


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)]
)
def test_exit_codes(config, monkeypatch, capsys, number, code, tmp_path):
    path = tmp_path / "config.json"
    path.write_text(json.dumps(asdict(config)))
    monkeypatch.setattr(
        loop, "agree", lambda accelerator, losses, flags: ([1.0], [True, False])
    )
    monkeypatch.setattr(StopSignals, "received", number)
    assert main(["--config", str(path)]) == code
    err = capsys.readouterr().err
    assert "stopped after step 1 of 10" in err


def test_handlers_are_put_back(config):
    before = [signal.getsignal(x) for x in (signal.SIGINT, signal.SIGTERM)]
    train(replace(config, steps=1), progress=False)
    after = [signal.getsignal(x) for x in (signal.SIGINT, signal.SIGTERM)]
    assert after == before


def test_an_ignored_signal_stays_ignored():
    """As in a job of a shell's background."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with StopSignals() as stop:
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
            signal.raise_signal(signal.SIGINT)
            assert stop.received is None
    finally:
        signal.signal(signal.SIGINT, before)


def test_stopped_is_an_interrupt_that_nobody_catches_by_mistake():
    assert issubclass(Stopped, KeyboardInterrupt)
    assert not issubclass(Stopped, Exception)
