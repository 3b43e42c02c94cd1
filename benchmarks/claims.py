"""Try the paper's claims at small scale: the same run, one thing changed.

    python benchmarks/claims.py                   # all arms, five seeds
    python benchmarks/claims.py --arms base "plain FFN" --seeds 0 1
    python benchmarks/claims.py --collect         # only gather what there is

Each run trains a network of about 0.9 million parameters from scratch on the
drawn scenes, 160 steps of 8 crops of 128 pixels, which takes 25 to 80 seconds
on one core of a CPU; the arms "..., longer" have three times the steps. Seeds
are paired: seed k means the same crops in the same order for every arm that
learns from the same scenes. A finished run is a file in runs/claims, so that a
set of runs that was killed goes on where it was, and several processes can
share it with different --seeds. (Drawing the scenes for the arm with 640 takes
about 25 minutes, once.) The seeds that all arms of one length have go to
data/runs/claims.csv.
"""

import argparse
import csv
import io
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar
from unittest import mock

import torch
import torch.nn.functional as F
from einops import rearrange
from PIL import Image
from torch import Tensor, nn

from report import ROOT
from segformer_tutorial import SegFormer, SegFormerConfig, resize
from segformer_tutorial.data import LabelledImages, data_folder, read_folder
from segformer_tutorial.data.atomic import write_whole
from segformer_tutorial.data.batches import Augmented, seed_of
from segformer_tutorial.decoder import FoldedMLPDecoder
from segformer_tutorial.evaluate import evaluate
from segformer_tutorial.predict.network import evaluation_mode
from segformer_tutorial.see.fields import squared_gradients
from segformer_tutorial.see.inputs import network_input
from segformer_tutorial.train import TrainConfig, train

STEPS, CROP, BATCH, RATE = 160, 128, 8, 1e-3
SMALL = SegFormerConfig(dims=(16, 32, 80, 128), decoder_dim=64, num_classes=12)
COLUMNS = ("arm", "seed", "steps", "parameters", "measure", "value")
TABLE = ROOT / "data" / "runs" / "claims.csv"
FOLDER = ROOT / "runs" / "claims"


class Position(nn.Module):
    """A learned positional code, added and resized to the map: b h w c."""

    def __init__(self, dim: int, side: int):
        super().__init__()
        self.code = nn.Parameter(torch.zeros(1, dim, side, side))
        nn.init.trunc_normal_(self.code, std=0.02)

    def forward(self, x: Tensor) -> Tensor:
        code = resize(self.code, x.shape[1:3])
        return x + rearrange(code, "1 c h w -> 1 h w c")


def without_mixing(model: SegFormer) -> SegFormer:
    """Take the convolutions out of Mix-FFN: a plain feed-forward network."""
    for stage in model.encoder.stages:
        for block in stage.blocks:
            block.ffn.dwconv = nn.Identity()
    return model


def with_position(model: SegFormer) -> SegFormer:
    """The same with a learned positional code behind each patch embedding."""
    side = CROP
    for stage, stride in zip(
        model.encoder.stages, model.config.strides, strict=True
    ):
        side //= stride
        dim = stage.norm.normalized_shape[0]
        stage.patch_embedding = nn.Sequential(
            stage.patch_embedding, Position(dim, side)
        )
    return without_mixing(model)


def without_zeros(model: SegFormer) -> SegFormer:
    """Pad by repeating the border: no zeros say where a picture ends."""
    for module in model.encoder.modules():
        if isinstance(module, nn.Conv2d) and any(module.padding):
            module.padding_mode = "replicate"
    return model


def without_overlap() -> SegFormer:
    """Patches that tile the map: as large as their stride, no padding."""
    model = SegFormer(replace(SMALL, patch_sizes=SMALL.strides))
    for stage in model.encoder.stages:
        stage.patch_embedding.proj.padding = (0, 0)
    return model


class Residual(nn.Module):
    """Two 3 x 3 convolutions and a shortcut: b c h w -> b c h w."""

    def __init__(self, dim: int):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(dim, dim, 3, padding=1, bias=False),
            nn.BatchNorm2d(dim),
            nn.ReLU(),
            nn.Conv2d(dim, dim, 3, padding=1, bias=False),
            nn.BatchNorm2d(dim),
        )

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.layers(x))


class ConvEncoder(nn.Module):
    """A residual network with the strides of the Mix Transformer.

    b 3 h w -> [b dims[i] h/s_i w/s_i] with s = 4, 8, 16, 32.
    """

    def __init__(self, dims: Sequence[int] = (16, 32, 64, 128)):
        super().__init__()
        self.stages = nn.ModuleList()
        in_channels = 3
        for i, dim in enumerate(dims):
            size, stride = (7, 4) if i == 0 else (3, 2)
            self.stages.append(
                nn.Sequential(
                    nn.Conv2d(
                        in_channels, dim, size, stride, size // 2, bias=False
                    ),
                    nn.BatchNorm2d(dim),
                    nn.ReLU(),
                    Residual(dim),
                    Residual(dim),
                )
            )
            in_channels = dim

    def forward(self, images: Tensor) -> list[Tensor]:
        maps = []
        for stage in self.stages:
            images = stage(images)
            maps.append(images)
        return maps


class Network(nn.Module):
    """An encoder, and a decoder that sees the maps that `used` names."""

    def __init__(self, encoder: nn.Module, dims: Sequence[int], used: slice):
        super().__init__()
        self.encoder, self.used = encoder, used
        self.decoder = FoldedMLPDecoder(dims[used], dim=64, num_classes=12)

    def forward(self, images: Tensor) -> Tensor:
        logits = self.decoder(self.encoder(images)[self.used])
        size = [-(-side // 4) for side in images.shape[2:]]
        return resize(logits, size)


def segformer(**changes) -> Callable[[], nn.Module]:
    return lambda: SegFormer(replace(SMALL, **changes))


def last_stage() -> nn.Module:
    model = SegFormer(SMALL)
    return Network(model.encoder, SMALL.dims, slice(3, 4))


def conv_net() -> nn.Module:
    encoder = ConvEncoder()
    encoder.apply(init_weights_of_convolutions)
    return Network(encoder, (16, 32, 64, 128), slice(0, 4))


def init_weights_of_convolutions(module: nn.Module) -> None:
    """As in residual networks, which scale by the fan-out and have no bias."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out")


# name: how the network is built. The letters are those of the chapter.
ARMS: dict[str, Callable[[], nn.Module]] = {
    "base": segformer(),
    # (a) Table 1c: a code in place of the convolution in Mix-FFN, neither of
    # them, and the convolution without the zeros at the border
    "plain FFN and code": lambda: with_position(SegFormer(SMALL)),
    "plain FFN": lambda: without_mixing(SegFormer(SMALL)),
    "no zero padding": lambda: without_zeros(SegFormer(SMALL)),
    # (b) Table 1b: the width of the decoder
    "decoder 16": segformer(decoder_dim=16),
    "decoder 256": segformer(decoder_dim=256),
    # (c) Table 1d: the decoder needs a transformer's last stage
    "last stage alone": last_stage,
    "conv encoder": conv_net,
    # (d) the parts of the encoder
    "no overlap": without_overlap,
    "no reduction": segformer(reduction_ratios=(1, 1, 1, 1)),
    "twice the reduction": segformer(reduction_ratios=(16, 8, 4, 2)),
    "expansion 8 8 4 4": segformer(expansion_ratios=(8, 8, 4, 4)),
    # (f) the same steps on the first 40 of the 160 scenes, and on 640, of
    # which 480 are drawn for this
    "40 scenes": segformer(),
    "640 scenes": segformer(),
}
# Does it depend on the length of the run? Some with three times the steps.
LONGER = ("base", "conv encoder")
ARMS |= {f"{arm}, longer": ARMS[arm] for arm in LONGER}


def is_longer(arm: str) -> bool:
    return arm.endswith(", longer")


POSITION = ("base", "plain FFN and code", "plain FFN", "no zero padding")
CONV = ("base", "conv encoder")  # for robustness and receptive fields


def noise(image: Tensor, deviation: float) -> Tensor:
    """Add normal noise, the same to each picture, on the scale 0..255."""
    generator = torch.Generator().manual_seed(0)
    added = torch.randn(image.shape, generator=generator) * deviation
    return (image + added).round().clamp(0, 255).to(torch.uint8)


def blur(image: Tensor, deviation: int) -> Tensor:
    from torchvision.transforms.v2.functional import gaussian_blur

    side = 6 * deviation + 1
    return gaussian_blur(image, [side, side], [deviation, deviation])


def dark(image: Tensor, factor: float) -> Tensor:
    return (image * factor).round().to(torch.uint8)


def jpeg(image: Tensor, quality: int) -> Tensor:
    picture = Image.fromarray(rearrange(image, "c h w -> h w c").numpy())
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=quality)
    pixels = bytearray(Image.open(file).convert("RGB").tobytes())
    again = torch.frombuffer(pixels, dtype=torch.uint8)
    _, h, w = image.shape
    return rearrange(again, "(h w c) -> c h w", h=h, w=w)


# each with three strengths, the weakest first
CORRUPTIONS: dict[str, tuple[Callable, tuple[float, ...]]] = {
    "noise": (noise, (10, 25, 50)),
    "blur": (blur, (1, 2, 4)),
    "dark": (dark, (0.75, 0.5, 0.25)),
    "jpeg": (jpeg, (30, 10, 5)),
}


class Changed:
    """A data set whose pictures are corrupted with some strength."""

    def __init__(
        self, dataset: LabelledImages, change: Callable, strength: float
    ):
        self.dataset, self.change = dataset, change
        self.strength = strength
        self.classes = dataset.classes

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        image, labels = self.dataset[index]
        return self.change(image, self.strength), labels


def half_side(field: Tensor, rows: int) -> float:
    """Side in pixels of the square that holds half of a receptive field.

    The field is square, h h, that of the middle position of `rows` x `rows`;
    the square lies around the middle of the pixels of this position.
    """
    side = len(field)
    middle = (rows // 2 + 0.5) * side / rows
    away = (torch.arange(side) + 0.5 - middle).abs()
    away = torch.maximum(away[:, None], away).flatten()
    order = away.argsort()
    inside = field.flatten()[order].cumsum(0)
    first = int((inside < inside[-1] / 2).sum())
    return 2 * float(away[order[first]]) + 1  # to the edges of the pixels


def field_sides(model: nn.Module, pictures: Sequence[Tensor]) -> list[float]:
    """`half_side` of the receptive field of the four maps and the logits.

    The fields are those of `segformer_tutorial.see.receptive_fields`, for
    any network with an encoder and a decoder. Pictures `c h h`.
    """
    signs = torch.Generator().manual_seed(0)
    squares = []
    with evaluation_mode(model):
        for picture in pictures:
            x, size = network_input(model, picture, None)
            at = [side // 2 for side in size]
            squares.append(squared_gradients(model, x, at, size, signs))
    fields = [torch.stack(x).mean(0).sqrt() for x in zip(*squares, strict=True)]
    rows = [len(fields[0]) // stride for stride in (4, 8, 16, 32, 4)]
    return [half_side(*pair) for pair in zip(fields, rows, strict=True)]


def measures(arm: str, model: nn.Module) -> dict[str, float]:
    """mIoU on val and test; for some arms at other sizes, or corrupted."""
    arm = arm.removesuffix(", longer")
    folder = data_folder() / "scenes"
    scenes = {split: read_folder(folder, split) for split in ("val", "test")}
    short = min(scenes["val"][0][0].shape[1:])

    def miou(dataset, **options) -> float:
        return float(evaluate(model, dataset, **options).mean_iou)

    found = {name: miou(dataset) for name, dataset in scenes.items()}
    if arm in POSITION:
        found["val, windows of the crop"] = miou(scenes["val"], window=CROP)
        for factor in (0.5, 1.5):
            side = int(factor * short)
            found[f"val, {factor} x"] = miou(scenes["val"], short_side=side)
    if arm in CONV:
        for name, (change, strengths) in CORRUPTIONS.items():
            for strength in strengths:
                changed = Changed(scenes["val"], change, strength)
                found[f"val, {name} {strength}"] = miou(changed)
        middle = slice(64, 64 + short)
        pictures = [scenes["val"][i][0][:, :, middle] for i in range(8)]
        names = [*(f"stage {i}" for i in range(1, 5)), "logits"]
        sides = field_sides(model, pictures)
        for name, side in zip(names, sides, strict=True):
            found[f"half of the field, {name}"] = side
    return found


class Kept(Augmented):
    """Crops that are made once, for all arms of a seed that learn from them.

    A crop follows from the seed, the epoch and the scene, so that nothing but
    the time is another.
    """

    crops: ClassVar[dict] = {}

    def __getitem__(self, key: tuple[int, int]) -> tuple[Tensor, Tensor]:
        name = (self.seed, *key)
        if name not in self.crops:
            if self.crops and next(iter(self.crops))[0] != self.seed:
                self.crops.clear()
            self.crops[name] = super().__getitem__(key)
        return self.crops[name]


def few_scenes(root: Path, number: int) -> Path:
    """A folder with the first scenes for training, and all for validation."""
    scenes = data_folder() / "scenes"
    shutil.copy(scenes / "classes.txt", root)
    for split in ("train", "val"):
        pairs = read_folder(scenes, split).pairs
        for pair in pairs[:number] if split == "train" else pairs:
            for kind, path in zip(("images", "labels"), pair, strict=True):
                folder = root / kind / split
                folder.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, folder)
    return root


def many_scenes(number: int) -> Path:
    """Draw scenes for training, once; the first are those of the book."""
    folder = FOLDER / f"{number}-scenes"
    if not folder.exists():
        sys.path.insert(0, str(data_folder()))
        from draw_scenes import draw_all

        draw_all(folder, {"train": number, "val": 40, "test": 0})
    return folder


def run(arm: str, seed: int, *, steps: int = STEPS) -> list[dict]:
    """Train one arm with one seed and return its rows of the table."""
    started = time.process_time()
    steps *= 3 if is_longer(arm) else 1
    with tempfile.TemporaryDirectory() as folder:
        data, crops = "", Kept
        if arm.startswith("40 scenes"):
            data, crops = str(few_scenes(Path(folder), 40)), Augmented
        elif arm.startswith("640 scenes"):
            data, crops = str(many_scenes(640)), Augmented
        config = TrainConfig(
            data=data,
            output=f"{folder}/run",
            steps=steps,
            batch_size=BATCH,
            crop_size=CROP,
            lr=RATE,
            warmup=steps // 10,
            seed=seed,
            workers=0,
            log_every=steps,
            eval_every=steps,
            save_every=steps,
        )
        torch.manual_seed(seed_of("weights", seed))
        model = ARMS[arm]()
        with mock.patch("segformer_tutorial.train.samples.Augmented", crops):
            train(config, model=model, progress=False)
    parameters = sum(p.numel() for p in model.parameters())
    found = measures(arm, model)
    found["CPU seconds"] = time.process_time() - started
    return [
        dict(zip(COLUMNS, (arm, seed, steps, parameters, *pair), strict=True))
        for pair in found.items()
    ]


def collect(folder: Path, table: Path) -> None:
    """Gather the seeds that all arms of one length have, arm by arm."""
    rows = [
        row
        for path in folder.glob("*.json")
        for row in json.loads(path.read_text(encoding="utf-8"))
    ]
    runs = {(row["arm"], row["seed"]) for row in rows}
    whole = {
        longer: {
            s
            for _, s in runs
            if all((arm, s) in runs for arm in ARMS if is_longer(arm) == longer)
        }
        for longer in (False, True)
    }
    rows = [x for x in rows if x["seed"] in whole[is_longer(x["arm"])]]
    arms = list(ARMS)
    rows.sort(key=lambda row: (arms.index(row["arm"]), row["seed"]))
    file = io.StringIO()
    writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow(row | {"value": f"{row['value']:.4f}"})
    write_whole(table, file.getvalue().encode())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=list(ARMS))
    parser.add_argument("--seeds", nargs="+", type=int, default=range(5))
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--table", type=Path, default=TABLE)
    parser.add_argument("--collect", action="store_true")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    for seed in () if options.collect else options.seeds:
        for arm in options.arms:
            path = options.folder / f"{arm.replace(' ', '-')}-{seed}.json"
            if path.exists():
                continue
            rows = run(arm, seed, steps=options.steps)
            write_whole(path, json.dumps(rows, indent=1).encode())
            print(f"{arm}, seed {seed}: {rows[0]['value']:.4f}", flush=True)
    collect(options.folder, options.table)


if __name__ == "__main__":
    main()
