"""Fine-tune the small model for a new task, beside a model from scratch.

    python benchmarks/finetune.py

The task: grey negatives, which stand for another camera, in four classes, with
16 labelled pictures. They are made from scenes on which the small model of
data/runs was not trained: the first ones of the validation split to learn
from, of the test split to judge by. A run takes about half a minute on one
core. The mIoU of each validation goes to data/runs/finetune.csv, from which
chapter 14 draws it; runs that are not repeated keep their rows.
"""

import argparse
import csv
import tempfile
from pathlib import Path

import torch
from PIL import Image, ImageOps

from report import ROOT, write_rows
from segformer_tutorial.data import VOID, data_folder, read_folder
from segformer_tutorial.evaluate import ConfusionMatrix
from segformer_tutorial.predict import predict
from segformer_tutorial.train import TrainConfig, train
from segformer_tutorial.weights import load_model

CLASSES = {"road": 11, "car": 10, "person": 5}  # the numbers in the scenes
OTHER = len(CLASSES)
WEIGHTS = data_folder() / "runs" / "small" / "best.safetensors"
BEFORE = "before training"
VARIANTS = {"from scratch": {}, "fine-tuned": {"init": str(WEIGHTS)}}
COLUMNS = ("run", "seed", "step", "val_miou")


def new_class() -> torch.Tensor:
    """The class in the new task for each number in the scenes: `256`."""
    table = torch.full((VOID + 1,), OTHER)
    table[VOID] = VOID
    for label, number in enumerate(CLASSES.values()):
        table[number] = label
    return table


def make_folder(root: Path, *, pictures: int = 16, judged: int = 20) -> None:
    """Write the new task as a folder that training reads."""
    root.mkdir(parents=True, exist_ok=True)
    lines = [*CLASSES, "other"]
    (root / "classes.txt").write_text("".join(f"{x}\n" for x in lines))
    for split, source, count in (
        ("train", "val", pictures),
        ("val", "test", judged),
    ):
        for kind in ("images", "labels"):
            (root / kind / split).mkdir(parents=True)
        scenes = read_folder(data_folder() / "scenes", source)
        for index, (path, _) in enumerate(scenes.pairs[:count]):
            negative = ImageOps.invert(Image.open(path).convert("L"))
            negative.save(root / "images" / split / f"{path.stem}.png")
            labels = new_class()[scenes.labels_of(index)].byte().numpy()
            Image.fromarray(labels).save(
                root / "labels" / split / f"{path.stem}.png"
            )


def before(root: Path) -> float:
    """The mIoU of the small model, its twelve classes grouped into ours."""
    model, dataset = load_model(WEIGHTS), read_folder(root, "val")
    matrix, group = ConfusionMatrix(len(dataset.classes)), new_class()
    for picture, labels in dataset:
        matrix.update(group[predict(model, picture)], labels)
    return matrix.mean_iou


def learn(root: Path, variant: str, seed: int, **changes) -> list[dict]:
    """Train once; a row for each validation."""
    with tempfile.TemporaryDirectory() as output:
        settings = {
            "data": str(root),
            "output": output,
            "model": {"dims": [16, 32, 80, 128], "decoder_dim": 64},
            "batch_size": 4,
            "crop_size": 128,
            "lr": 1e-3,
            "workers": 0,
            "device": "cpu",
            "seed": seed,
        }
        config = TrainConfig(**settings | VARIANTS[variant] | changes)
        train(config, progress=False)
        with open(f"{output}/metrics.csv", newline="") as file:
            return [
                row(variant, seed, int(x["step"]), float(x["val_miou"]))
                for x in csv.DictReader(file)
                if x["val_miou"]
            ]


def row(run: str, seed: int, step: int, miou: float) -> dict:
    return dict(zip(COLUMNS, (run, seed, step, f"{miou:.4f}"), strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--run", nargs="+", choices=[BEFORE, *VARIANTS])
    parser.add_argument(
        "--output", type=Path, default=ROOT / "data" / "runs" / "finetune.csv"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        make_folder(root)
        for run in options.run or [BEFORE, *VARIANTS]:
            if run == BEFORE:
                rows = [row(run, 0, 0, before(root))]
            else:
                rows = []
                for seed in range(options.seeds):
                    rows += learn(
                        root,
                        run,
                        seed,
                        steps=options.steps,
                        eval_every=40,
                        save_every=options.steps,
                    )
            write_rows(options.output, COLUMNS, [BEFORE, *VARIANTS], rows)


if __name__ == "__main__":
    main()
