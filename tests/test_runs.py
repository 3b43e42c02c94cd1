"""The recorded runs: what is written about them is what they are."""

import argparse
import csv
import json
import re
import shlex
import sys
from pathlib import Path

import pytest
import torch

pytest.importorskip("accelerate")

from segformer_tutorial.data import data_folder, read_folder
from segformer_tutorial.evaluate import evaluate
from segformer_tutorial.train import TrainConfig, model_config, parse, train
from segformer_tutorial.weights import load_model

ROOT = Path(__file__).resolve().parents[1]
RUNS = data_folder() / "runs"
TEXT = (RUNS / "README.md").read_text(encoding="utf-8")
sys.path.insert(0, str(ROOT / "benchmarks"))


@pytest.mark.parametrize("name", ["b0", "small"])
def test_command_makes_the_recorded_config(name, monkeypatch):
    monkeypatch.chdir(ROOT)
    line = re.search(rf"`python -m segformer_tutorial.train (.*{name})`", TEXT)
    config, resume = parse(shlex.split(line[1]))
    recorded = json.loads((RUNS / name / "config.json").read_text())
    assert config == TrainConfig(**recorded)
    assert not resume


def test_small_model_is_what_the_text_says():
    path = RUNS / "small" / "best.safetensors"
    assert path.stat().st_size < 4_000_000
    model = load_model(path)
    recorded = json.loads((RUNS / "small" / "config.json").read_text())
    assert model.config == model_config(recorded["model"], 12)
    scenes = data_folder() / "scenes"
    said = re.search(r"`small` ([\d.]+) on val and ([\d.]+) on test", TEXT)
    for split, text in zip(("val", "test"), said.groups(), strict=True):
        found = evaluate(model, read_folder(scenes, split)).mean_iou
        assert float(text) == pytest.approx(found, abs=2e-3)


def test_networks_beside_are_trained_by_the_loop_of_the_package(tmp_path):
    """So that the row of this package in beside.csv is the run b0."""
    import train_beside

    if torch.cuda.is_available() or torch.backends.mps.is_available():
        pytest.skip("the comparison runs on the CPU")
    scenes = data_folder() / "scenes"
    train_set = read_folder(scenes, "train")
    settings = {"lr": 1e-3, "crop_size": 32, "batch_size": 2, "warmup": 0}
    config = TrainConfig(
        output=str(tmp_path), steps=3, workers=0, log_every=1, **settings
    )
    train(config, progress=False)
    with open(tmp_path / "metrics.csv", newline="") as file:
        losses = [float(row["loss"]) for row in csv.DictReader(file)]
    model = train_beside.build("this package", len(train_set.classes))
    options = argparse.Namespace(**settings)
    steps = train_beside.steps_of(model, train_set, options, 3)
    assert [loss for loss, _ in steps] == losses


def test_readme_has_the_recorded_table():
    import train_beside

    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    table = re.search(r"<!-- beside -->\n(.*?)\n<!--", readme, re.DOTALL)[1]
    assert table == train_beside.as_table(RUNS)
