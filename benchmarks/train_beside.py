"""Train this package's B0 beside other networks: same data, steps and recipe.

    python benchmarks/train_beside.py --steps 2000        # all of it, hours
    python benchmarks/train_beside.py --only "small conv net"
    python benchmarks/train_beside.py --steps 0           # speed and memory

Each network is trained from scratch on the CPU, in a process of its own, by
this package's loop, on the same batches in the same order: SegFormer-B0 of
this package and of transformers, torchvision's LR-ASPP with MobileNetV3, and
a conv net of six layers. This package's row equals, bit for bit, that of

    python -m segformer_tutorial.train --lr 1e-3 --warmup 50 --steps 2000 \
        --batch-size 8 --crop-size 256

The curves go to data/runs/beside.csv. Speed and memory are measured apart, in
rounds of a few steps in which the networks take turns, and go to
data/runs/beside_speed.csv. The README has both as a table.
"""

import argparse
import csv
import json
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import redirect_stdout
from pathlib import Path

import torch
from torch import Tensor, nn

from report import ROOT, put_in_readme, table, write_rows
from segformer_tutorial import SegFormer
from segformer_tutorial.data import read_folder
from segformer_tutorial.data.batches import seed_of
from segformer_tutorial.evaluate import evaluate
from segformer_tutorial.train import TrainConfig, train
from segformer_tutorial.train.loop import training_step
from segformer_tutorial.train.run import set_up

RUNS = ROOT / "data" / "runs"
NETWORKS = (
    "this package",
    "transformers",
    "LR-ASPP MobileNetV3",
    "small conv net",
)
CURVE = ("network", "step", "loss", "val_miou", "test_miou")
SPEED = ("network", "parameters", "images_per_second", "peak_mb", "threads")


class Network(nn.Module):
    """A network of somebody else with the two parts that the recipe needs."""

    def __init__(self, network: nn.Module, encoder: str, decoder: str):
        super().__init__()
        self.network = network
        self.parts = encoder, decoder

    @property
    def encoder(self) -> nn.Module:
        return getattr(self.network, self.parts[0])

    @property
    def decoder(self) -> nn.Module:
        return getattr(self.network, self.parts[1])

    def forward(self, images: Tensor) -> Tensor:
        output = self.network(images)
        return output["out" if "out" in output else "logits"]


class ConvNet(nn.Module):
    """Six layers at half size; a pixel sees 63 x 63 pixels around itself."""

    def __init__(self, classes: int, dim: int = 32):
        super().__init__()
        layers = []
        for i, dilation in enumerate((1, 1, 2, 4, 8)):
            layers += [
                nn.Conv2d(
                    dim if i else 3,
                    dim,
                    3,
                    stride=1 if i else 2,
                    padding=dilation,
                    dilation=dilation,
                    bias=False,
                ),
                nn.BatchNorm2d(dim),
                nn.ReLU(),
            ]
        self.encoder = nn.Sequential(*layers)
        self.decoder = nn.Conv2d(dim, classes, 1)

    def forward(self, images: Tensor) -> Tensor:
        return self.decoder(self.encoder(images))


def build(name: str, classes: int) -> nn.Module:
    """A network with fresh weights."""
    torch.manual_seed(seed_of("weights", 0))
    if name == "this package":
        return SegFormer.from_preset("b0", num_classes=classes)
    if name == "transformers":
        import transformers

        config = transformers.SegformerConfig(num_labels=classes)
        network = transformers.SegformerForSemanticSegmentation(config)
        return Network(network, "segformer", "decode_head")
    if name == "small conv net":
        return ConvNet(classes)
    from torchvision.models.segmentation import lraspp_mobilenet_v3_large

    network = lraspp_mobilenet_v3_large(
        weights=None, weights_backbone=None, num_classes=classes
    )
    return Network(network, "backbone", "classifier")


def settings(
    options: argparse.Namespace, output: str, steps: int
) -> TrainConfig:
    """The settings of a run, whose model is given apart."""
    return TrainConfig(
        data=str(options.data),
        output=output,
        device="cpu",
        steps=steps,
        batch_size=options.batch_size,
        crop_size=options.crop_size,
        lr=options.lr,
        warmup=min(options.warmup, steps // 10),
        workers=0,
        log_every=options.eval_every,
        eval_every=options.eval_every,
        save_every=steps,
    )


def learn(name: str, options: argparse.Namespace) -> list[dict]:
    """Train a network to the end; return its curve."""
    model = build(name, len(read_folder(options.data, "train").classes))
    with tempfile.TemporaryDirectory() as folder:
        config = settings(options, folder, options.steps)
        with redirect_stdout(sys.stderr):
            train(config, model=model)
        with open(f"{folder}/metrics.csv", newline="") as file:
            rows = [
                {
                    "network": name,
                    "step": int(row["step"]),
                    "loss": round(float(row["loss"]), 4),
                    "val_miou": round(float(row["val_miou"]), 4),
                }
                for row in csv.DictReader(file)
            ]
    if (options.data / "images/test").is_dir():
        test = read_folder(options.data, "test")
        rows[-1]["test_miou"] = round(evaluate(model, test).mean_iou, 4)
    return rows


def clock(name: str, options: argparse.Namespace) -> dict:
    """Train for ten steps; return the median seconds and the peak memory."""
    import resource  # not on Windows

    model = build(name, len(read_folder(options.data, "train").classes))
    seconds = []
    with tempfile.TemporaryDirectory() as folder:
        run = set_up(settings(options, folder, 10), model=model)
        for batch in run.batches:
            start = time.perf_counter()
            training_step(run, [batch])
            seconds.append(time.perf_counter() - start)
    return {
        "network": name,
        "parameters": sum(p.numel() for p in model.parameters()),
        "seconds": statistics.median(seconds[2:]),
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "threads": torch.get_num_threads(),
    }


def alone(task: str, name: str) -> list[dict] | dict:
    """What a task prints that runs for one network in a fresh process."""
    command = [sys.executable, *sys.argv, "--task", task, name]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(f"{task} of {name} failed")
    return json.loads(done.stdout.splitlines()[-1])


def as_table(folder: Path) -> str:
    """The ends of the curves, and speed and memory, as a Markdown table."""
    found = {name: dict.fromkeys(CURVE + SPEED, "") for name in NETWORKS}
    for file_name in ("beside_speed.csv", "beside.csv"):
        if (folder / file_name).exists():
            with open(folder / file_name, newline="", encoding="utf-8") as file:
                for row in csv.DictReader(file):
                    found[row["network"]] |= row  # a curve's last row stays

    def cell(row: dict, key: str, form: str) -> str:
        return form.format(float(row[key])) if row[key] else ""

    return table(
        ["", "parameters", "images/s", "peak memory", "val mIoU", "test mIoU"],
        [
            [
                name,
                cell(row, "parameters", "{:,.0f}"),
                cell(row, "images_per_second", "{:.1f}"),
                cell(row, "peak_mb", "{:,.0f} MB"),
                cell(row, "val_miou", "{:.1%}"),
                cell(row, "test_miou", "{:.1%}"),
            ]
            for name, row in found.items()
        ],
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=ROOT / "data" / "scenes")
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--crop-size", type=int, default=256)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--warmup", type=int, default=50)
    parser.add_argument("--eval-every", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3, help="0: no timing")
    parser.add_argument("--output", type=Path, default=RUNS)
    parser.add_argument("--only", nargs="+", choices=NETWORKS)
    parser.add_argument("--task", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.task:
        task, name = options.task
        print(json.dumps({"learn": learn, "clock": clock}[task](name, options)))
        return
    names = options.only or NETWORKS
    rounds = [
        [alone("clock", name) for name in names] for _ in range(options.rounds)
    ]
    rows = [
        {
            "network": found[0]["network"],
            "parameters": found[0]["parameters"],
            "images_per_second": round(
                options.batch_size
                / statistics.median(x["seconds"] for x in found),
                2,
            ),
            "peak_mb": round(max(x["peak"] for x in found)),
            "threads": found[0]["threads"],
        }
        for found in zip(*rounds, strict=True)
    ]
    if rows:
        write_rows(options.output / "beside_speed.csv", SPEED, NETWORKS, rows)
    for name in names if options.steps else ():
        rows = alone("learn", name)
        write_rows(options.output / "beside.csv", CURVE, NETWORKS, rows)
    if options.output == RUNS:
        put_in_readme("beside", as_table(RUNS))


if __name__ == "__main__":
    main()
