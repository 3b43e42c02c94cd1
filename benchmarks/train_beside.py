"""Train this package's B0 beside others: same data, same steps, same recipe.

    python benchmarks/train_beside.py --data data/scenes --steps 1000

Each network is trained from scratch by the same loop, on the same batches in
the same order, in a process of its own: SegFormer-B0 of this package and of
transformers, and torchvision's LR-ASPP with MobileNetV3. The rows go to
benchmarks/training.csv, one a network, and are printed as a table.
"""

import argparse
import csv
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import DataLoader

from segformer_tutorial import SegFormer
from segformer_tutorial.data import read_folder
from segformer_tutorial.evaluate import evaluate
from segformer_tutorial.recipe import (
    learning_rate_factor,
    parameter_groups,
    segmentation_loss,
)
from segformer_tutorial.train import StepSampler
from segformer_tutorial.transforms import Augmented, seed_of, train_transform

ROOT = Path(__file__).resolve().parent.parent
NAMES = ("this package", "transformers", "LR-ASPP MobileNetV3")
COLUMNS = (
    "network",
    "parameters",
    "steps",
    "images a second",
    "peak memory, MB",
    "val mIoU",
    "test mIoU",
)


class Other(nn.Module):
    """A network of somebody else with the parts that our recipe asks for."""

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

    def forward(self, images):
        output = self.network(images)
        return output["out" if "out" in output else "logits"]


def build(name: str, classes: int) -> nn.Module:
    """A network with fresh weights."""
    torch.manual_seed(0)
    if name == "this package":
        return SegFormer.from_preset("b0", num_classes=classes)
    if name == "transformers":
        import transformers

        config = transformers.SegformerConfig(num_labels=classes)
        network = transformers.SegformerForSemanticSegmentation(config)
        return Other(network, "segformer", "decode_head")
    from torchvision.models.segmentation import lraspp_mobilenet_v3_large

    network = lraspp_mobilenet_v3_large(
        weights=None, weights_backbone=None, num_classes=classes
    )
    return Other(network, "backbone", "classifier")


def run(options: argparse.Namespace) -> dict:
    """Train and evaluate one network; return its row."""
    data = {}
    for split in ("train", "val", "test"):
        if (options.data / "images" / split).is_dir():
            data[split] = read_folder(options.data, split)
    model = build(options.network, len(data["train"].classes)).train()
    groups = parameter_groups(model, lr=options.lr, weight_decay=0.01)
    rates = [group["lr"] for group in groups]
    optimizer = torch.optim.AdamW(groups)
    loader = DataLoader(
        Augmented(data["train"], train_transform(options.crop_size), seed=0),
        batch_sampler=StepSampler(
            len(data["train"]),
            batch_size=options.batch_size,
            batches=options.steps,
            seed=0,
        ),
    )
    seconds = 0.0
    for step, (images, labels) in enumerate(loader):
        start = time.perf_counter()
        torch.manual_seed(seed_of("step", 0, step))
        factor = learning_rate_factor(
            step, steps=options.steps, warmup=options.warmup
        )
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate * factor
        loss = segmentation_loss(model(images), labels)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        seconds += time.perf_counter() - start
        if step % 50 == 0:
            print(
                f"{options.network}: step {step}, loss {loss:.3f}", flush=True
            )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    scores = {
        name: evaluate(model, data[name]) for name in data if name != "train"
    }
    values = (
        options.network,
        sum(p.numel() for p in model.parameters()),
        options.steps,
        round(options.steps * options.batch_size / seconds, 2),
        round(peak),
        *(
            round(scores[name].mean_iou, 4) if name in scores else ""
            for name in ("val", "test")
        ),
    )
    return dict(zip(COLUMNS, values, strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=ROOT / "data" / "scenes")
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--crop-size", type=int, default=256)
    parser.add_argument("--lr", type=float, default=5e-4)
    parser.add_argument("--warmup", type=int, default=50)
    parser.add_argument("--output", type=Path, default=ROOT / "benchmarks")
    parser.add_argument("--network", choices=NAMES, help="only this one")
    options = parser.parse_args()
    if options.network:
        print(json.dumps(run(options)))
        return
    rows = []
    for name in NAMES:
        command = [sys.executable, *sys.argv, "--network", name]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
        if done.returncode:
            sys.exit(f"{name} failed")
        rows.append(json.loads(done.stdout.splitlines()[-1]))
        print(rows[-1], flush=True)
    with open(options.output / "training.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
