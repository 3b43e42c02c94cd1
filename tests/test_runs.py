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
import claims
import finetune
import train_beside
from segformer_tutorial.data import data_folder, read_folder
from segformer_tutorial.data.batches import Augmented
from segformer_tutorial.data.transforms import train_transform
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


def of_arm(arm: str) -> torch.nn.Module:
    torch.manual_seed(0)
    return claims.ARMS[arm]().eval()


@pytest.mark.parametrize("arm", claims.ARMS)
def test_arms_are_networks_of_like_form(arm):
    model = of_arm(arm)
    with torch.no_grad():
        maps = model.encoder(torch.zeros(1, 3, 64, 128))
        logits = model(torch.zeros(1, 3, 64, 128))
    sides = [tuple(x.shape[2:]) for x in maps]
    assert sides == [(16, 32), (8, 16), (4, 8), (2, 4)]
    assert logits.shape == (1, 12, 16, 32)


def test_arms_of_position_begin_with_the_weights_of_base():
    base = of_arm("base").state_dict()
    for arm in ("plain FFN", "plain FFN and code", "no zero padding"):
        found = {
            name.replace("patch_embedding.0.", "patch_embedding."): x
            for name, x in of_arm(arm).state_dict().items()
        }
        codes = {name: x for name, x in found.items() if name not in base}
        assert len(codes) == (4 if arm == "plain FFN and code" else 0)
        assert all(name.endswith("patch_embedding.1.code") for name in codes)
        gone = [name for name in base if name not in found]
        assert all("dwconv" in name for name in gone)
        assert len(gone) == (0 if arm == "no zero padding" else 16)
        for name in found.keys() - codes.keys():
            assert torch.equal(found[name], base[name])


def test_without_zeros_a_blank_picture_has_no_border():
    blank = torch.ones(1, 3, 128, 128)

    def differ(arm: str) -> bool:
        with torch.no_grad():
            x = of_arm(arm)(blank)[0]
        return (x - x[:, 16:17, 16:17]).abs().max() > 1e-3 * x.abs().max()

    assert not differ("no zero padding")
    assert differ("base") and differ("plain FFN and code")


def test_without_overlap_a_pixel_belongs_to_one_patch():
    embed = of_arm("no overlap").encoder.stages[0].patch_embedding
    before, after = torch.zeros(2, 1, 3, 32, 32)
    after[..., 8:12, 20:24] = 1
    with torch.no_grad():
        changed = (embed(after) != embed(before)).any(-1)[0]
    assert changed.nonzero().tolist() == [[2, 5]]


def test_the_conv_net_is_about_as_large():
    sizes = {
        arm: sum(p.numel() for p in of_arm(arm).parameters())
        for arm in claims.CONV
    }
    assert sizes["conv encoder"] == pytest.approx(sizes["base"], rel=0.05)


def test_kept_crops_are_those_of_training():
    scenes = read_folder(data_folder() / "scenes", "train")
    make = train_transform(32)
    kept, plain = (
        claims.Kept(scenes, make, seed=3),
        Augmented(scenes, make, seed=3),
    )
    for key in ((0, 5), (1, 5), (0, 5)):
        for a, b in zip(kept[key], plain[key], strict=True):
            assert torch.equal(a, b)
    other = claims.Kept(scenes, make, seed=4)[0, 5]
    assert not torch.equal(other[0], plain[0, 5][0])


def test_corruptions_grow():
    picture, _ = read_folder(data_folder() / "scenes", "val")[0]
    for change, strengths in claims.CORRUPTIONS.values():
        found = [change(picture, strength) for strength in strengths]
        far = [(x.float() - picture).abs().mean().item() for x in found]
        assert 0 < far[0] < far[1] < far[2]
        assert all(x.shape == picture.shape for x in found)


def test_half_of_a_field_is_a_square_around_its_position():
    field = torch.zeros(256, 256)
    field[128:132, 128:132] = 1  # all of the middle position of stage 1
    assert claims.half_side(field, 64) == 4
    field = torch.zeros(256, 256)
    field[144 - 50 : 144 + 50, 144 - 50 : 144 + 50] = 1  # stage 4
    assert claims.half_side(field, 8) == pytest.approx(100 / 2**0.5, abs=2)


def test_few_scenes_are_the_first(tmp_path):
    claims.few_scenes(tmp_path, 3)
    scenes = data_folder() / "scenes"
    for split, number in (("train", 3), ("val", 40)):
        names, old = (
            [image.name for image, _ in read_folder(root, split).pairs]
            for root in (tmp_path, scenes)
        )
        assert names == old[:number]


def test_recorded_claims_have_every_arm_seed_and_measure():
    with open(RUNS / "claims.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    seeds = {
        kind: sorted({int(row["seed"]) for row in rows if row["arm"] == kind})
        for kind in ("base", "base, longer")
    }
    assert seeds["base"] == list(range(5)) and len(seeds["base, longer"]) > 1
    wanted = {}
    for arm in claims.ARMS:
        names, kind = ["val", "test"], arm.removesuffix(", longer")
        if kind in claims.POSITION:
            names += ["val, windows of the crop", "val, 0.5 x", "val, 1.5 x"]
        if kind in claims.CONV:
            names += [
                f"val, {name} {strength}"
                for name, (_, strengths) in claims.CORRUPTIONS.items()
                for strength in strengths
            ]
            fields = (*(f"stage {i}" for i in range(1, 5)), "logits")
            names += [f"half of the field, {name}" for name in fields]
        wanted[arm] = [*names, "CPU seconds"]
    assert [(x["arm"], int(x["seed"]), x["measure"]) for x in rows] == [
        (arm, seed, name)
        for arm, names in wanted.items()
        for seed in seeds["base, longer" if claims.is_longer(arm) else "base"]
        for name in names
    ]
    for row in rows:
        model = claims.ARMS[row["arm"]]
        longer = 3 if claims.is_longer(row["arm"]) else 1
        assert int(row["steps"]) == claims.STEPS * longer
        if row["measure"] == "val":
            parameters = sum(p.numel() for p in model().parameters())
            assert int(row["parameters"]) == parameters
        if row["measure"].startswith(("val", "test")):
            assert 0 < float(row["value"]) < 1


def test_readme_has_the_recorded_table():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    table = re.search(r"<!-- beside -->\n(.*?)\n<!--", readme, re.DOTALL)[1]
    assert table == train_beside.as_table(RUNS)
