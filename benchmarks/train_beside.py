"""Train this package's B0 beside other networks: same data, steps and recipe.

    python benchmarks/train_beside.py --steps 2000        # all of it, hours
    python benchmarks/train_beside.py --only "small conv net"
    python benchmarks/train_beside.py --steps 0           # speed and memory

Each network is trained from scratch on the CPU, in a process of its own, by
one loop, on the same batches in the same order: SegFormer-B0 of this package
and of transformers, torchvision's LR-ASPP with MobileNetV3, and a conv net of
six layers. This package's row equals, bit for bit, that of

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
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from report import ROOT, put_in_readme, table, write_rows
from segformer_tutorial import SegFormer
from segformer_tutorial.data import read_folder
from segformer_tutorial.data.batches import Augmented, StepSampler, seed_of
from segformer_tutorial.data.transforms import train_transform
from segformer_tutorial.evaluate import evaluate
from segformer_tutorial.train.recipe import (
    learning_rate_factor,
    parameter_groups,
    segmentation_loss,
)

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


def steps_of(
    model: nn.Module, dataset, options: argparse.Namespace, steps: int
) -> Iterator[tuple[float, float]]:
    """Train; after each step its loss and its seconds, without the reading."""
    groups = parameter_groups(model.train(), lr=options.lr, weight_decay=0.01)
    rates = [group["lr"] for group in groups]
    optimizer = torch.optim.AdamW(groups)
    loader = DataLoader(
        Augmented(dataset, train_transform(options.crop_size), seed=0),
        batch_sampler=StepSampler(
            len(dataset), batch_size=options.batch_size, batches=steps, seed=0
        ),
    )
    for step, (images, labels) in enumerate(loader):
        start = time.perf_counter()
        torch.manual_seed(seed_of("step", 0, step, 0, 0))
        factor = learning_rate_factor(
            step, steps=steps, warmup=min(options.warmup, steps // 10)
        )
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate * factor
        loss = segmentation_loss(model(images), labels)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        yield loss.item(), time.perf_counter() - start


def learn(name: str, options: argparse.Namespace) -> list[dict]:
    """Train a network to the end; return its curve."""
    train, val = (read_folder(options.data, x) for x in ("train", "val"))
    model = build(name, len(train.classes))
    rows, losses = [], []
    for step, (loss, _) in enumerate(
        steps_of(model, train, options, options.steps), start=1
    ):
        losses.append(loss)
        if step % options.eval_every and step != options.steps:
            continue
        row = {"network": name, "step": step}
        row["loss"] = round(statistics.fmean(losses), 4)
        row["val_miou"] = round(evaluate(model, val).mean_iou, 4)
        if step == options.steps and (options.data / "images/test").is_dir():
            test = read_folder(options.data, "test")
            row["test_miou"] = round(evaluate(model, test).mean_iou, 4)
        model.train()
        losses.clear()
        rows.append(row)
        print(row, file=sys.stderr, flush=True)
    return rows


def clock(name: str, options: argparse.Namespace) -> dict:
    """Train for ten steps; return the median seconds and the peak memory."""
    import resource  # not on Windows

    train = read_folder(options.data, "train")
    model = build(name, len(train.classes))
    seconds = [s for _, s in steps_of(model, train, options, 10)]
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
