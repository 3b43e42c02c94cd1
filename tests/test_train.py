"""Training learns, and nothing is lost: killed anywhere, it ends the same."""

import csv
import json
import multiprocessing
import os
import random
import shutil
import signal
import socket
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch

pytest.importorskip("accelerate")
pytest.importorskip("torchvision")
import numpy as np
from accelerate.state import AcceleratorState
from PIL import Image

from segformer_tutorial.data import DataError, read_folder
from segformer_tutorial.evaluate import evaluate
from segformer_tutorial.train import (
    TrainConfig,
    TrainError,
    checkpoints,
    model_config,
    newest_checkpoint,
    parse,
    train,
)
from segformer_tutorial.train import loop as training
from segformer_tutorial.train.__main__ import main
from segformer_tutorial.train.recipe import segmentation_loss
from segformer_tutorial.train.settings import read_config
from segformer_tutorial.weights import load_model

MODEL = {
    "dims": [8, 16, 24, 32],
    "depths": [1, 1, 1, 1],
    "num_heads": [1, 2, 3, 4],
    "decoder_dim": 16,
}


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """As in the child processes: sums have one order."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Eight pictures of two classes that a colour tells apart, and void."""
    root = tmp_path_factory.mktemp("data")
    noise = np.random.default_rng(0)
    for split, count in (("train", 5), ("val", 3)):
        for k in range(count):
            labels = np.zeros((40, 48), "uint8")
            labels[:, 8 + 4 * k :] = 1
            image = noise.integers(0, 90, (40, 48, 3), "uint8")
            image[..., 0] += 120 * labels
            labels[:3] = 255
            for kind, array in (("images", image), ("labels", labels)):
                folder = root / kind / split
                folder.mkdir(parents=True, exist_ok=True)
                Image.fromarray(array).save(folder / f"{k}.png")
    (root / "classes.txt").write_text("dark\nred\n")
    return root


def settings(data, output) -> TrainConfig:
    """Ten steps; an epoch is one step and two thirds of the next."""
    return TrainConfig(
        data=str(data),
        output=str(output),
        model=MODEL,
        steps=10,
        batch_size=3,
        crop_size=32,
        warmup=0,
        lr=1e-3,
        workers=0,
        log_every=3,
        eval_every=5,
        save_every=2,
    )


@pytest.fixture
def config(data, tmp_path) -> TrainConfig:
    return settings(data, tmp_path / "run")


def rows(config) -> list[dict]:
    """The metrics less the time."""
    with open(f"{config.output}/metrics.csv", newline="") as file:
        found = list(csv.DictReader(file))
    for row in found:
        del row["seconds"]
    return found


def ends(config) -> tuple:
    """All that must not depend on what happened on the way."""
    models = {
        name: {
            key: tensor.tolist()
            for key, tensor in load_model(f"{config.output}/{name}.safetensors")
            .state_dict()
            .items()
        }
        for name in ("last", "best")
    }
    return models, rows(config)


# Processes come from a server that has imported the slow packages.
SERVER = multiprocessing.get_context(
    "spawn" if os.name == "nt" else "forkserver"
)
if os.name != "nt":
    SERVER.set_forkserver_preload(["segformer_tutorial.train", "accelerate"])


def child(config, resume, prepare):
    torch.set_num_threads(1)
    if prepare is not None:
        prepare()
    try:
        train(config, resume=resume, progress=False)
    except TrainError as error:
        Path(config.output).with_suffix(".error").write_text(str(error))
        sys.exit(1)


def run(config, *, resume=False, prepare=None, kill_after=None) -> bool:
    """Train in a process of its own; return whether it came to its end."""
    process = SERVER.Process(target=child, args=(config, resume, prepare))
    process.start()
    process.join(kill_after)
    if process.is_alive():
        process.kill()
        process.join()
    return process.exitcode == 0


@pytest.fixture(scope="module")
def whole(data, tmp_path_factory):
    """What the uninterrupted run ends with, and how long a run takes."""
    config = settings(data, tmp_path_factory.mktemp("whole") / "run")
    run(config)  # the first process waits for the server
    shutil.rmtree(config.output)
    start = time.perf_counter()
    assert run(config)
    return time.perf_counter() - start, ends(config)


needs_kill = pytest.mark.skipif(os.name == "nt", reason="no SIGKILL there")


@needs_kill
@pytest.mark.parametrize("workers", [0, 2])
def test_killed_at_random_moments(config, whole, workers):
    """Five times each; the moments differ from run to run, the end does not."""
    seconds, end = whole
    config = replace(config, workers=workers)
    output = Path(config.output)
    moments, kills = random.SystemRandom(), 0
    while kills < 5:
        moment = moments.uniform(0.05, 0.9) * seconds
        resume = (output / "config.json").exists()
        if run(config, resume=resume, kill_after=moment):
            shutil.rmtree(output)  # faster than we thought: once more
            seconds *= 0.8
        else:
            kills += 1
    assert run(config, resume=(output / "config.json").exists())
    assert ends(config) == end


def die_in_the_second_save():
    sync = checkpoints._sync

    def dying(path):
        if ".step-0000004" in str(path):
            os.kill(os.getpid(), signal.SIGKILL)
        sync(path)

    checkpoints._sync = dying


@needs_kill
def test_killed_in_the_middle_of_a_save(config, whole):
    assert not run(config, prepare=die_in_the_second_save)
    left = os.listdir(f"{config.output}/checkpoints")
    assert sorted(left) == [".step-0000004", "step-0000002"]
    assert run(config, resume=True)
    assert ends(config) == whole[1]
    assert os.listdir(f"{config.output}/checkpoints") == ["step-0000010"]


def limit_files():
    """From the second checkpoint on, no file may pass 20 kB."""
    import resource

    save, saves = training.save_checkpoint, []

    def limited(*arguments):
        saves.append(1)
        if len(saves) == 2:
            resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
        save(*arguments)

    training.save_checkpoint = limited


@needs_kill
def test_full_disk_leaves_the_last_checkpoint(config, whole):
    assert not run(config, prepare=limit_files)
    error = Path(config.output).with_suffix(".error").read_text()
    assert "step-0000004: not saved" in error and "File too large" in error
    assert "step-0000002 (--resume" in error
    assert os.listdir(f"{config.output}/checkpoints") == ["step-0000002"]
    assert run(config, resume=True)
    assert ends(config) == whole[1]


@needs_kill
def test_accumulation_resumes_too(config):
    config = replace(config, accumulation=2, batch_size=2)
    assert run(config)
    other = replace(config, output=config.output + "2")
    assert not run(other, prepare=die_in_the_second_save)
    assert run(other, resume=True)
    assert ends(other) == ends(config)


def test_learns(config, capsys):
    config = replace(config, steps=60, eval_every=30, save_every=30, lr=3e-3)
    metrics = train(config, progress=False)
    losses = [float(row["loss"]) for row in rows(config) if row["loss"]]
    assert losses[-1] < 0.5 * losses[0]
    assert metrics["val_miou"] > 0.8
    model = load_model(f"{config.output}/best.safetensors")
    assert model.config.num_classes == 2
    assert read_config(Path(config.output) / "config.json") == (
        json.loads(json.dumps(asdict(config)))
    )


def test_validation_sees_pictures_at_the_size_of_training(config, data):
    small = replace(config, steps=1, short_side=32)
    found = train(small, progress=False)["val_miou"]
    model = load_model(f"{config.output}/last.safetensors")
    val = read_folder(data, "val")
    assert found == evaluate(model, val, short_side=32).mean_iou
    assert found != evaluate(model, val).mean_iou


def test_a_run_is_not_overwritten(config):
    config = replace(config, steps=1)
    train(config, progress=False)
    with pytest.raises(TrainError, match=r"holds a run already.*--resume"):
        train(config, progress=False)
    metrics = train(config, resume=True, progress=False)
    assert metrics["step"] == 1


def test_loss_that_is_not_a_number(config):
    config = replace(config, lr=1e30, warmup=0, weight_decay=0.0)
    with pytest.raises(TrainError, match=r"smaller lr than 1e\+30") as error:
        train(config, progress=False)
    path = newest_checkpoint(Path(config.output))
    assert (path is None) == ("no checkpoint yet" in str(error.value))


def test_weights_that_are_not_numbers_are_not_saved(config, monkeypatch):
    """The loss of step 4 is a number and its gradient is not."""
    calls = []

    def poisoned(logits, labels):
        calls.append(1)
        loss = segmentation_loss(logits, labels)
        return loss + (logits * 0).sum().sqrt() if len(calls) == 4 else loss

    monkeypatch.setattr(training, "segmentation_loss", poisoned)
    words = r"not finite after step 4.*step-0000002 \(--resume"
    with pytest.raises(TrainError, match=words):
        train(config, progress=False)
    assert os.listdir(f"{config.output}/checkpoints") == ["step-0000002"]


@pytest.mark.parametrize("workers", [0, 1])
def test_unreadable_picture_names_the_file(config, data, tmp_path, workers):
    broken = tmp_path / "broken"
    shutil.copytree(data, broken)
    path = broken / "images/train/3.png"
    path.write_bytes(path.read_bytes()[:100])
    config = replace(config, data=str(broken), workers=workers)
    with pytest.raises(DataError, match=r"3\.png: cannot be read"):
        train(config, progress=False)


def test_saved_config_resumes(config, capsys):
    config = replace(config, steps=2)
    train(config, progress=False)
    assert main(["--resume", config.output]) == 0
    again = parse(["--resume", config.output])[0]
    assert again == replace(config, model=again.model)
    assert model_config(again.model, 2) == model_config(config.model, 2)


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


def test_half_precision_on_a_cpu(config):
    if torch.cuda.is_available() or torch.backends.mps.is_available():
        pytest.skip("there is a GPU")
    losses = {}
    for precision in ("fp16", "bf16", "no"):
        AcceleratorState._reset_state(
            reset_partial_state=True
        )  # once a process
        changes = {"precision": precision, "output": config.output + precision}
        half = replace(config, steps=2, **changes)
        if precision == "fp16":
            with pytest.raises(TrainError, match="fp16 needs a GPU"):
                train(half, progress=False)
        else:
            losses[precision] = train(half, progress=False)["loss"]
    assert losses["bf16"] != losses["no"]
    assert losses["bf16"] == pytest.approx(losses["no"], rel=0.02)


def in_two(rank, config, port):
    os.environ |= {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": "2",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "GLOO_SOCKET_IFNAME": "lo",
    }
    child(config, False, None)


@needs_kill
def test_two_processes(config):
    """Three pictures of val are shared out, and all are counted once."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = replace(config, steps=2, eval_every=1, batch_size=2, log_every=1)
    pair = [
        SERVER.Process(target=in_two, args=(rank, config, port))
        for rank in range(2)
    ]
    for process in pair:
        process.start()
    for process in pair:
        process.join()
    assert [process.exitcode for process in pair] == [0, 0]
    model = load_model(f"{config.output}/last.safetensors")
    alone = evaluate(model, read_folder(config.data, "val"))
    assert float(rows(config)[-1]["val_miou"]) == alone.mean_iou
    assert [float(row["epoch"]) for row in rows(config)] == [0.8, 1.6]
