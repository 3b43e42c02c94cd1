"""Training learns, from whatever network, and fails before it spoils."""

import json
import os
import shutil
import threading
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import runs
import torch
from PIL import Image
from torch import nn

from segformer_tutorial import SegFormer
from segformer_tutorial.train import (
    TrainError,
    loop,
    model_config,
    newest_checkpoint,
    train,
)
from segformer_tutorial.train import run as set_up_module
from segformer_tutorial.train.run import set_up
from segformer_tutorial.train.settings import read_config
from segformer_tutorial.weights import load_model, read_task


def test_learns(config):
    config = replace(config, steps=60, eval_every=30, save_every=30, lr=3e-3)
    metrics = train(config, progress=False)
    losses = [float(row["loss"]) for row in runs.rows(config) if row["loss"]]
    assert losses[-1] < 0.5 * losses[0]
    assert metrics["val_miou"] > 0.8
    model = load_model(f"{config.output}/best.safetensors")
    assert model.config.num_classes == 2
    assert read_config(Path(config.output) / "config.json") == (
        json.loads(json.dumps(asdict(config)))
    )


def test_no_augmentation(config):
    train(replace(config, steps=1, augment="none"), progress=False)


def test_files_know_their_task(config):
    config = replace(config, steps=1, short_side=32, mean=(9.0, 8.0, 7.0))
    train(config, progress=False)
    for name in ("best", "last"):
        task = read_task(f"{config.output}/{name}.safetensors")
        assert task.classes == ("dark", "red")
        assert (task.short_side, task.mean) == (32, (9.0, 8.0, 7.0))
        assert task.std == config.std


def test_labels_that_count_from_one(config, tmp_path, data):
    """Evaluation then reads a folder's label files in the same way."""
    root = shutil.copytree(data, tmp_path / "data")
    for path in root.glob("labels/*/*.png"):
        labels = np.array(Image.open(path)).astype(int)
        labels = np.where(labels == 255, 0, labels + 1).astype("uint8")
        Image.fromarray(labels).save(path)
    config = replace(config, data=str(root), labels="from-one", steps=1)
    train(config, progress=False)
    for name in ("best", "last"):
        task = read_task(f"{config.output}/{name}.safetensors")
        assert task.labels_from_one


class Network(nn.Module):
    """Two layers, one of them with statistics of its own."""

    def __init__(self, classes: int = 2):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(3, 8, 3, stride=4), nn.BatchNorm2d(8)
        )
        self.decoder = nn.Conv2d(8, classes, 1)

    def forward(self, images):
        return self.decoder(self.encoder(images).relu())


def test_any_network_can_be_trained(config):
    """It is trained in place, and its files hold its state dict."""
    network = Network()
    before = network.decoder.weight.detach().clone()
    train(replace(config, steps=4), model=network, progress=False)
    assert not torch.equal(network.decoder.weight, before)
    state = {k: x.tolist() for k, x in network.state_dict().items()}
    assert runs.weights(config) == state
    resumed = Network()
    config = replace(config, steps=4)
    train(config, model=resumed, resume=True, progress=False)
    assert torch.equal(resumed.decoder.weight, network.decoder.weight)


def test_a_given_segformer_is_trained_as_the_one_of_the_config(config, whole):
    torch.manual_seed(loop.seed_of("weights", config.seed))
    model = SegFormer(model_config(config.model, 2))
    train(config, model=model, progress=False)
    assert runs.ends(config) == whole[1]
    assert load_model(f"{config.output}/last.safetensors").config == (
        model.config
    )


def test_given_networks_that_cannot_be_trained(config):
    with pytest.raises(TrainError, match="Linear has no encoder"):
        train(config, model=nn.Linear(2, 2), progress=False)
    network = Network()
    network.scale = nn.Parameter(torch.ones(()))
    with pytest.raises(TrainError, match="scale is in neither"):
        train(config, model=network, progress=False)
    with pytest.raises(TrainError, match="2 classes, .* got 3"):
        train(config, model=Network(3), progress=False)


def test_one_step_can_be_taken_alone(config):
    """As the benchmarks take it; its losses are those of the loop."""
    run = set_up(config)
    found = [
        loss.item()
        for _ in range(3)
        for loss in loop.training_step(run, [next(run.batches)])
    ]
    assert (run.state.step, run.state.seen) == (3, 9)
    config = replace(config, output=config.output + "2", log_every=1)
    train(config, progress=False)
    rows = runs.rows(config)[:3]
    assert [float(row["loss"]) for row in rows] == found


def test_a_loss_that_is_not_a_number(config):
    """The first step spoils the weights, so no checkpoint is ever saved."""
    config = replace(config, lr=1e30, weight_decay=0.0)
    words = (
        r"loss is (nan|inf) at step 2; a smaller lr than 1e\+30.*no checkpoint"
    )
    with pytest.raises(TrainError, match=words):
        train(config, progress=False)
    assert newest_checkpoint(Path(config.output)) is None


def test_weights_that_are_not_numbers_are_not_saved(config, monkeypatch):
    """The loss of step 4 is a number and its gradient is not."""
    build_loss, calls = set_up_module.build_loss, []

    def poisoned(*arguments):
        loss = build_loss(*arguments)

        def poison(logits, labels):
            calls.append(1)
            bad = (logits * 0).sum().sqrt() if len(calls) == 4 else 0
            return loss(logits, labels) + bad

        return poison

    monkeypatch.setattr(set_up_module, "build_loss", poisoned)
    words = r"not finite after step 4.*step-0000002 \(--resume"
    with pytest.raises(TrainError, match=words):
        train(config, progress=False)
    assert os.listdir(f"{config.output}/checkpoints") == ["step-0000002"]


def test_a_frozen_encoder_stays_as_it_is(config):
    """Also in its mode: drop path would change what the decoder sees."""
    torch.manual_seed(1)
    model = SegFormer(model_config(config.model, 2))
    before = {k: x.clone() for k, x in model.encoder.state_dict().items()}
    weight = model.decoder.classify.weight.detach().clone()
    modes = set()
    model.encoder.register_forward_hook(
        lambda module, *_: modes.update(m.training for m in module.modules())
    )
    config = replace(config, steps=2, eval_every=1, freeze_encoder=True)
    train(config, model=model, progress=False)
    assert modes == {False} and model.decoder.training
    for name, tensor in model.encoder.state_dict().items():
        assert torch.equal(tensor, before[name])
    assert not torch.equal(model.decoder.classify.weight, weight)


def test_patience_ends_a_run(config, capsys, monkeypatch):
    found = iter([0.3, 0.5, 0.4, 0.5, 0.2])

    def validate(*arguments):
        return SimpleNamespace(mean_iou=next(found), pixel_accuracy=1.0)

    monkeypatch.setattr(loop, "validate", validate)
    config = replace(config, eval_every=1, save_every=50, patience=3)
    assert train(config, progress=False)["step"] == 5
    assert "last 3 validations" in capsys.readouterr().out
    assert runs.checkpoints(config) == ["step-0000005"]
    assert train(config, resume=True, progress=False)["step"] == 5
    assert len(runs.rows(config)) == 5


def test_more_steps(config, capsys):
    """The learning rate follows the schedule of the new number."""
    train(replace(config, steps=4), progress=False)
    capsys.readouterr()
    config = replace(config, steps=8)
    assert train(config, resume=True, progress=False)["step"] == 8
    out = capsys.readouterr().out
    assert "8 steps instead of 4" in out and "after step 4 of 8" in out
    rows = {row["step"]: row for row in runs.rows(config)}
    assert float(rows["6"]["lr"]) == config.lr * (1 - 5 / 8)
    with pytest.raises(TrainError, match="has made 8 steps.* after 6"):
        train(replace(config, steps=6), resume=True, progress=False)
    written = read_config(Path(config.output) / "config.json")
    assert written["steps"] == 8  # the run can still go on


def test_a_checkpoint_by_minutes(config, monkeypatch):
    saved = []
    save = loop.save_checkpoint

    def noted(output, state, *rest):
        saved.append(state.step)
        save(output, state, *rest)

    monkeypatch.setattr(loop, "save_checkpoint", noted)
    config = replace(config, steps=4, save_every=1000, save_minutes=1e-9)
    train(config, progress=False)
    assert saved == [1, 2, 3, 4]
    saved.clear()
    config = replace(config, output=config.output + "2", save_minutes=None)
    train(config, progress=False)
    assert saved == [4]


def test_outside_the_main_thread(config):
    """As in a notebook's thread, where Python allows no signal handlers."""
    found = []

    def work():
        found.append(train(replace(config, steps=1), progress=False))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found[0]["step"] == 1
