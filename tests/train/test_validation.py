"""What validation cannot do is known before the first step, or costs none."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import runs
import torch
from PIL import Image

from segformer_tutorial.data import DataError, read_folder
from segformer_tutorial.evaluate import evaluate
from segformer_tutorial.train import (
    TrainError,
    build_model,
    loop,
    run,
    train,
    validation,
)
from segformer_tutorial.weights import load_model


@pytest.fixture
def own(config, data):
    """Settings with data that a test may spoil, and where that data is."""
    folder = Path(config.output).with_name("own")
    shutil.copytree(data, folder)
    return replace(config, data=str(folder)), folder


def relabel(folder: Path, split: str, old: int, new: int) -> None:
    for path in (folder / "labels" / split).iterdir():
        labels = np.array(Image.open(path))
        labels[labels == old] = new
        Image.fromarray(labels).save(path)


def test_validation_sees_pictures_at_the_size_of_training(config, data):
    small = replace(config, steps=1, short_side=32)
    found = train(small, progress=False)["val_miou"]
    model = load_model(f"{config.output}/last.safetensors")
    val = read_folder(data, "val")
    assert found == evaluate(model, val, short_side=32).mean_iou
    assert found != evaluate(model, val, short_side=40).mean_iou


def test_validation_by_a_sliding_window(config, data):
    config = replace(config, steps=1, eval_window=32, eval_stride=16)
    found = train(config, progress=False)["val_miou"]
    model = load_model(f"{config.output}/last.safetensors")
    val = read_folder(data, "val")
    assert found == evaluate(model, val, window=32, stride=16).mean_iou
    assert found != evaluate(model, val).mean_iou


def test_a_bad_validation_picture_is_found_before_the_first_step(own):
    config, folder = own
    (folder / "images/val/0.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"val/0\.png"):
        train(config, progress=False)
    assert not Path(config.output, "metrics.csv").exists()


def test_the_checkpoint_comes_before_validation(config, whole, monkeypatch):
    """Too little memory at step 10, say; the resumed run owes it the row."""
    validate = loop.validate

    def failing(*arguments):
        raise RuntimeError("out of memory")

    monkeypatch.setattr(loop, "validate", failing)
    config = replace(config, save_every=5)
    with pytest.raises(RuntimeError, match="out of memory"):
        train(config, progress=False)
    assert runs.checkpoints(config) == ["step-0000005"]
    assert [row["step"] for row in runs.rows(config)] == ["3"]
    monkeypatch.setattr(loop, "validate", validate)
    train(config, resume=True, progress=False)
    assert runs.ends(config) == whole[1]


@pytest.mark.parametrize("split", ["train", "val"])
def test_a_split_without_labels(own, split):
    config, folder = own
    for label in (0, 1):
        relabel(folder, split, label, 255)
    with pytest.raises(TrainError, match=f"{split}: every pixel .* is void"):
        train(config, progress=False)


def test_no_labels_in_what_was_not_counted(own, monkeypatch):
    """Of large splits only a part is counted; no mIoU is not a success."""
    config, folder = own
    for label in (0, 1):
        relabel(folder, "val", label, 255)
    monkeypatch.setattr(run, "check_classes", lambda *arguments: None)
    with pytest.raises(TrainError, match="val: no pixel has a label"):
        train(config, progress=False)
    assert runs.checkpoints(config) == ["step-0000004"]


def test_classes_that_are_missing_are_said(own, capsys):
    config, folder = own
    relabel(folder, "val", 1, 255)
    with open(folder / "classes.txt", "a") as file:
        file.write("blue\n")
    train(replace(config, steps=1), progress=False)
    lines = capsys.readouterr().err.splitlines()
    assert [line for line in lines if line.startswith("warning: train: ")] == [
        "warning: train: no pixel in 5 label files is blue"
    ]
    assert any("warning: val: dark is the only class" in x for x in lines)


def test_no_warning_without_cause(config, capsys):
    train(replace(config, steps=1), progress=False)
    assert capsys.readouterr().err == ""


def test_nothing_is_drawn_by_a_validation(config, data):
    """So that step n is the same with and without one before it."""
    torch.manual_seed(0)
    expected = torch.rand(3)
    model = build_model(config, ("dark", "red"))
    state = {name: x.clone() for name, x in model.state_dict().items()}
    torch.manual_seed(0)
    validation.try_validation(model.train(), read_folder(data, "val"), config)
    assert torch.equal(torch.rand(3), expected)
    assert model.training
    for name, x in model.state_dict().items():
        assert torch.equal(x, state[name])
