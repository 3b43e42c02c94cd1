"""What a run prints, and where else it writes its metrics."""

import os
import shutil
import sys
import warnings
from dataclasses import replace
from pathlib import Path

import pytest
import runs

from segformer_tutorial.data import DataError
from segformer_tutorial.train import train
from segformer_tutorial.train.progress import Progress


def talk(path):
    """Progress, messages and warnings, all into one file."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT)
    os.dup2(file, 1)
    os.dup2(file, 2)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)
    with Progress(step=0, steps=3, show=True, quiet=False) as bar:
        for k in range(3):
            bar.step(0.5)
            bar.bar.refresh()
            bar.say(f"message {k}")
            warnings.warn(f"warning {k}", stacklevel=1)


def test_nothing_stands_on_the_line_of_the_bar(tmp_path):
    """Read as a terminal shows it: \\r goes back to the start of the line."""
    path = tmp_path / "output"
    process = runs.SERVER.Process(target=talk, args=(path,))
    process.start()
    process.join()
    lines = path.read_bytes().decode().replace("\r\n", "\n").split("\n")
    shown = [line.split("\r")[-1].strip() for line in lines]
    for k in range(3):
        assert f"message {k}" in shown
        assert any(x.endswith(f"UserWarning: warning {k}") for x in shown)
    pieces = [piece for line in lines for piece in line.split("\r")]
    assert any("3/3" in piece for piece in pieces)
    for piece in pieces:
        assert not ("step" in piece and "arning" in piece)


def test_warnings_are_shown_as_before_afterwards():
    before = warnings.showwarning
    with Progress(step=0, steps=1, show=True, quiet=False):
        assert warnings.showwarning != before
    assert warnings.showwarning == before


def test_all_processes_but_one_are_quiet(capsys):
    with Progress(step=0, steps=1, show=True, quiet=True) as bar:
        bar.step(1.0)
        bar.say("words")
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("workers", [0, 1])
def test_unreadable_picture_names_the_file(config, data, tmp_path, workers):
    broken = tmp_path / "broken"
    shutil.copytree(data, broken)
    path = broken / "images/train/3.png"
    path.write_bytes(path.read_bytes()[:100])
    config = replace(config, data=str(broken), workers=workers)
    with pytest.raises(DataError, match=r"3\.png: cannot be read"):
        train(config, progress=False)


def test_columns(config):
    train(replace(config, steps=5), progress=False)
    found = [
        {name for name, value in row.items() if value}
        for row in runs.rows(config)
    ]
    always = {"step", "epoch", "lr", "loss"}
    assert found == [always, always | {"val_miou", "val_accuracy"}]


def test_tensorboard(config):
    pytest.importorskip("tensorboard")
    train(replace(config, steps=1, log_with="tensorboard"), progress=False)
    assert list(Path(config.output).rglob("events.out.tfevents*"))


def test_wandb_offline(config, monkeypatch):
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    train(replace(config, steps=1, log_with="wandb"), progress=False)
    assert list(Path(config.output).glob("wandb/offline-run-*/run-*.wandb"))


@pytest.mark.filterwarnings("ignore:.*no supported trackers")
def test_missing_tracker(config, monkeypatch):
    monkeypatch.setattr("accelerate.tracking._available_trackers", [])
    with pytest.raises(ModuleNotFoundError, match="pip install wandb"):
        train(replace(config, log_with="wandb"), progress=False)
