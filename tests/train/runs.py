"""Small runs of training, in this process or in others, and what they leave."""

import csv
import multiprocessing
import os
import signal
import socket
import sys
import traceback
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from segformer_tutorial.train import TrainConfig, loop, train

MODEL = {
    "dims": [8, 16, 24, 32],
    "depths": [1, 1, 1, 1],
    "num_heads": [1, 2, 3, 4],
    "decoder_dim": 16,
}
needs_signals = pytest.mark.skipif(
    os.name == "nt", reason="Windows has no signals between processes"
)

# Processes come from a server that has imported the slow packages.
SERVER = multiprocessing.get_context(
    "spawn" if os.name == "nt" else "forkserver"
)
if os.name != "nt":
    SERVER.set_forkserver_preload(
        ["segformer_tutorial.train", "accelerate", "torchvision"]
    )


def draw_data(root: Path) -> Path:
    """Eight pictures of two classes that a colour tells apart, and void."""
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


def settings(data: Path, output: Path) -> TrainConfig:
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
        device="cpu",
        log_every=3,
        eval_every=5,
        save_every=2,
    )


def rows(config: TrainConfig) -> list[dict]:
    """The metrics less the time."""
    with open(f"{config.output}/metrics.csv", newline="") as file:
        found = list(csv.DictReader(file))
    for row in found:
        del row["seconds"]
    return found


def weights(config: TrainConfig, name: str = "last") -> dict[str, list]:
    """The numbers in a file of weights."""
    tensors = load_file(f"{config.output}/{name}.safetensors")
    return {key: tensor.tolist() for key, tensor in tensors.items()}


def ends(config: TrainConfig) -> tuple:
    """All that must not depend on what happened on the way."""
    return weights(config), weights(config, "best"), rows(config)


def checkpoints(config: TrainConfig) -> list[str]:
    """What is in the folder of checkpoints."""
    return sorted(os.listdir(f"{config.output}/checkpoints"))


def error_of(config: TrainConfig) -> str:
    """What a process that failed has printed."""
    return Path(config.output).with_suffix(".error").read_text()


def child(config, resume, prepare, environ) -> None:
    """Train, in a process of its own."""
    os.environ |= environ
    torch.set_num_threads(1)
    # Tests that were started in the background may ignore Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if sys.platform == "linux":  # the workers of a loader; no second server
        multiprocessing.set_start_method("fork", force=True)
    if prepare is not None:
        prepare()
    try:
        train(config, resume=resume, progress=False)
    except BaseException:
        path = Path(config.output).with_suffix(".error")
        with open(path, "a", encoding="utf-8") as file:
            traceback.print_exc(file=file)
        sys.exit(1)


def start(config, *, resume=False, prepare=None, environ=None):
    """Start to train in a process of its own."""
    process = SERVER.Process(
        target=child, args=(config, resume, prepare, environ or {})
    )
    process.start()
    return process


def run(config, *, kill_after=None, **options) -> bool:
    """Train in a process of its own; return whether it came to its end."""
    process = start(config, **options)
    process.join(kill_after)
    if process.is_alive():
        process.kill()
        process.join()
    return process.exitcode == 0


def at_step(number: int, act) -> None:
    """Do something within a step of the loop, before its weights change."""
    step = loop.training_step

    def acting(run, batches):
        if run.state.step == number - 1:
            act()
        return step(run, batches)

    loop.training_step = acting


def run_in_two(config, **options) -> list[int]:
    """Train in two processes at once; return their exit codes."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    pair = [
        start(
            config,
            environ={
                "RANK": str(rank),
                "LOCAL_RANK": str(rank),
                "WORLD_SIZE": "2",
                "LOCAL_WORLD_SIZE": "2",
                "MASTER_ADDR": "127.0.0.1",
                "MASTER_PORT": str(port),
                "GLOO_SOCKET_IFNAME": "lo",
                "OMP_NUM_THREADS": "1",
            },
            **options,
        )
        for rank in range(2)
    ]
    for process in pair:
        process.join(60)
        if process.is_alive():
            process.kill()
            process.join()
    return [process.exitcode for process in pair]
