"""The recorded runs: what is written about them is what they are."""

import argparse
import csv
import json
import re
import shlex
import shutil
import sys
from dataclasses import fields
from pathlib import Path

import pytest
import torch

pytest.importorskip("accelerate")

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))
import ablations
import finetune
import train_beside
from segformer_tutorial.data import data_folder, read_folder
from segformer_tutorial.evaluate import evaluate
from segformer_tutorial.train import TrainConfig, model_config, parse, train
from segformer_tutorial.weights import load_model

ROOT = Path(__file__).resolve().parents[1]
RUNS = data_folder() / "runs"
TEXT = (RUNS / "README.md").read_text(encoding="utf-8")


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


@pytest.fixture(scope="module")
def few_scenes(tmp_path_factory):
    """Four scenes to learn from and one of each kind to judge by."""
    scenes, root = data_folder() / "scenes", tmp_path_factory.mktemp("scenes")
    shutil.copy(scenes / "classes.txt", root)
    for split, count in (("train", 4), ("val", 1), ("test", 1)):
        for image, label in read_folder(scenes, split).pairs[:count]:
            for kind, path in (("images", image), ("labels", label)):
                folder = root / kind / split
                folder.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, folder)
    return root


@pytest.mark.parametrize("name", train_beside.NETWORKS)
def test_networks_beside_are_trained_by_the_loop(name, few_scenes, tmp_path):
    """So that the row of this package in beside.csv is the run b0."""
    if name == "transformers":
        pytest.importorskip("transformers")
    options = argparse.Namespace(
        data=few_scenes,
        lr=1e-3,
        crop_size=32,
        batch_size=2,
        warmup=0,
        steps=3,
        eval_every=2,
    )
    rows = train_beside.learn(name, options)
    assert [row["step"] for row in rows] == [2, 3]
    assert "test_miou" not in rows[0] and 0 <= rows[1]["test_miou"] < 0.5
    if name == "this package":
        config = train_beside.settings(options, str(tmp_path / "run"), 3)
        metrics = train(config, progress=False)
        assert rows[-1]["loss"] == round(metrics["loss"], 4)
        assert rows[-1]["val_miou"] == round(metrics["val_miou"], 4)


def test_speed_beside_is_that_of_the_steps_of_the_loop(few_scenes):
    pytest.importorskip("resource")
    options = argparse.Namespace(
        data=few_scenes,
        lr=1e-3,
        crop_size=32,
        batch_size=2,
        warmup=0,
        eval_every=2,
    )
    found = train_beside.clock("small conv net", options)
    assert found["seconds"] > 0 and found["parameters"] == 38_444


def test_ablations_change_what_their_names_say(tmp_path, monkeypatch):
    """The initial weights alike: drawn anew, from the seed of the run."""
    config = TrainConfig(model={"dims": [8, 16, 24, 32], "num_heads": [1] * 4})
    model, again = (ablations.alike(config, 0.02) for _ in range(2))
    for name, parameter in model.named_parameters():
        assert torch.equal(parameter, again.get_parameter(name))
        if parameter.dim() > 1 and parameter.numel() > 1000:
            assert parameter.std().item() == pytest.approx(0.02, rel=0.1)
    known = {x.name for x in fields(TrainConfig)} | {"initial_std"}
    for changes in ablations.VARIANTS.values():
        assert changes.keys() <= known


def test_the_new_task_is_the_old_one_grouped_and_seen_otherwise(tmp_path):
    finetune.make_folder(tmp_path, pictures=1, judged=2)
    made, old = (
        read_folder(root, split)
        for root, split in (
            (tmp_path, "train"),
            (data_folder() / "scenes", "val"),
        )
    )
    assert made.classes == ("road", "car", "person", "other")
    assert len(made) == 1 and len(read_folder(tmp_path, "val")) == 2
    (picture, labels), (colour, numbers) = made[0], old[0]
    for label, number in enumerate((11, 10, 5)):
        assert torch.equal(labels == label, numbers == number)
    assert torch.equal(labels == 255, numbers == 255)
    assert torch.equal(picture[0], picture[2])
    grey = colour.double().mean(0)
    both = torch.stack([picture[0].double().flatten(), grey.flatten()])
    assert torch.corrcoef(both)[0, 1] < -0.9


def test_finetuning_differs_from_scratch_in_its_start_alone(tmp_path):
    finetune.make_folder(tmp_path, pictures=1, judged=1)
    short = {"steps": 2, "eval_every": 2, "crop_size": 32, "batch_size": 1}
    for run, changes in finetune.VARIANTS.items():
        assert changes.keys() <= {"init"}
        (row,) = finetune.learn(tmp_path, run, 1, **short)
        assert (row["run"], row["seed"], row["step"]) == (run, 1, 2)
        assert 0 <= float(row["val_miou"]) < 1


def test_recorded_finetuning_has_every_run():
    with open(RUNS / "finetune.csv", newline="", encoding="utf-8") as file:
        rows = [
            (row["run"], int(row["seed"]), int(row["step"]))
            for row in csv.DictReader(file)
        ]
    assert rows == [(finetune.BEFORE, 0, 0)] + [
        (run, seed, step)
        for run in finetune.VARIANTS
        for seed in range(3)
        for step in range(40, 201, 40)
    ]


def test_readme_has_the_recorded_table():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    table = re.search(r"<!-- beside -->\n(.*?)\n<!--", readme, re.DOTALL)[1]
    assert table == train_beside.as_table(RUNS)
