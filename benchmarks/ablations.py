"""Train with each part of the recipe switched off, and record the curves.

    python benchmarks/ablations.py --steps 100

A small SegFormer on the drawn scenes, from scratch, a minute or two a run on
a laptop. Every run differs from the first in what its name says. The losses
and the mIoU go to data/runs/ablations.csv, from which chapter 12 draws them;
runs that are not repeated keep their rows.
"""

import argparse
import csv
import tempfile
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from report import ROOT, write_rows
from segformer_tutorial import SegFormer
from segformer_tutorial.data import data_folder, read_folder
from segformer_tutorial.data.batches import seed_of
from segformer_tutorial.train import TrainConfig, build_model, train

VARIANTS = {
    "the whole recipe": {},
    "no warm-up": {"warmup": 0},
    "constant learning rate": {"power": 0.0},
    "head as slow as the encoder": {"head_lr_factor": 1.0},
    "the same at three times the rate": {"head_lr_factor": 1.0, "lr": 3e-3},
    "no weight decay": {"weight_decay": 0.0},
    "ten times the learning rate": {"lr": 1e-2},
    "a tenth of the learning rate": {"lr": 1e-4},
    "no scaling": {"augment": "flip,colour"},
    "no flip": {"augment": "scale,colour"},
    "no colour changes": {"augment": "scale,flip"},
    "no augmentation but the crop": {"augment": ""},
    "all first weights alike": {"initial_std": 0.02},
    # How much is chance? The whole recipe with other weights and scenes.
    **{f"seed {seed}": {"seed": seed} for seed in range(1, 5)},
}


def alike(config: TrainConfig, std: float) -> SegFormer:
    """Build the model of a run with one standard deviation for all initial
    weights, whatever their layer, as transformers does."""
    classes = read_folder(data_folder() / "scenes", "train").classes
    torch.manual_seed(seed_of("weights", config.seed))
    model = build_model(config, classes)
    for name, parameter in model.named_parameters():
        if parameter.dim() > 1:
            nn.init.normal_(parameter, std=std)
        elif name.endswith("bias"):
            nn.init.zeros_(parameter)
    return model


COLUMNS = ("variant", "step", "loss", "val_miou")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--variant", nargs="+", choices=VARIANTS)
    parser.add_argument(
        "--output", type=Path, default=ROOT / "data" / "runs" / "ablations.csv"
    )
    options = parser.parse_args()
    for variant in options.variant or VARIANTS:
        with tempfile.TemporaryDirectory() as folder:
            config = TrainConfig(
                output=folder,
                model={"dims": [16, 32, 80, 128], "decoder_dim": 64},
                steps=options.steps,
                batch_size=8,
                crop_size=256,
                lr=1e-3,
                warmup=options.steps // 10,
                workers=options.workers,
                log_every=10,
                eval_every=options.steps,
                save_every=options.steps,
            )
            changes = dict(VARIANTS[variant])
            std = changes.pop("initial_std", None)
            config = replace(config, **changes)
            model = alike(config, std) if std else None
            train(config, model=model, progress=False)
            with open(f"{folder}/metrics.csv", newline="") as file:
                rows = [
                    {"variant": variant} | {k: row[k] for k in COLUMNS[1:]}
                    for row in csv.DictReader(file)
                ]
        print(rows[-1], flush=True)
        write_rows(options.output, COLUMNS, list(VARIANTS), rows)


if __name__ == "__main__":
    main()
