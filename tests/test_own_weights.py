"""Our own files: a model comes back with its config and its task."""

import json
import os
from dataclasses import fields, replace

import pytest
import torch
from states import assert_same, copied

from segformer_tutorial import SegFormer, SegFormerConfig
from segformer_tutorial.data import STD, Task, data_folder, task_of
from segformer_tutorial.weights import (
    WeightsError,
    config_from_weights,
    load_model,
    read_task,
    save_weights,
)

pytest.importorskip("safetensors")
from safetensors import safe_open
from safetensors.torch import load_file, save_file

TASK = Task(
    classes=("wall", "floor", "blåbær", "door", "sky"),
    palette=((0, 0, 0), (9, 9, 9), (0, 0, 255), (1, 2, 3), (4, 5, 6)),
    short_side=512,
    mean=(1, 2.5, 3),
    std=STD,
)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.safetensors"


@pytest.fixture
def images():
    return torch.randn(2, 3, 64, 96)


# A model


def test_save_and_load_model(trained, images, tmp_path, path):
    before = copied(trained)
    save_weights(trained.train(), str(path))
    assert trained.training
    torch.manual_seed(7)
    state = torch.get_rng_state()
    model = load_model(path)
    assert torch.equal(torch.get_rng_state(), state)
    assert model.config == trained.config
    assert not model.training
    assert_same(model.state_dict(), before)
    assert all(p.requires_grad for p in model.parameters())
    assert torch.equal(model(images), trained.eval()(images))
    with open(path, "r+b") as file:  # the model needs its file no more
        file.write(bytes(path.stat().st_size))
    assert_same(model.state_dict(), before)
    path.unlink()
    model(images).sum().backward()
    assert os.listdir(tmp_path) == []


def test_own_file_carries_its_config(trained, path):
    config = replace(trained.config, layer_norm_eps=1e-5, drop_path=0.25)
    save_weights(SegFormer(config), path)
    assert load_model(path).config == config
    assert config_from_weights(path) == config
    changed = config_from_weights(path, num_classes=3)
    assert changed == replace(config, num_classes=3)


def test_every_field_of_the_config_comes_back(path):
    config = SegFormerConfig(
        dims=(4, 8),
        depths=(1, 1),
        num_heads=(1, 2),
        reduction_ratios=(2, 1),
        expansion_ratios=(2, 1.5),
        patch_sizes=(3, 3),
        strides=(2, 2),
        decoder_dim=4,
        num_classes=2,
        in_channels=1,
        drop_path=0.0,
        dropout=0.5,
        layer_norm_eps=1e-3,
        folded=False,
    )
    for x in fields(config):
        assert getattr(config, x.name) != x.default
    save_weights(SegFormer(config), path)
    assert load_model(path).config == config


def test_the_dtype_of_a_file_stays(trained, path):
    save_weights(trained.half(), path)
    model = load_model(path)
    assert_same(model.state_dict(), trained.state_dict())
    assert model.decoder.fuse.weight.dtype == torch.float16


def test_tied_and_non_contiguous_tensors_are_saved(trained, path):
    blocks = trained.encoder.stages[1].blocks
    blocks[1].ffn.fc1.weight = blocks[0].ffn.fc1.weight
    trained.to(memory_format=torch.channels_last)
    weight = trained.decoder.unify[0].weight
    weight.data = weight.data.T.contiguous().T
    assert not weight.is_contiguous()
    save_weights(trained, path)
    assert_same(load_model(path).state_dict(), trained.state_dict())


def test_a_compiled_model_is_saved_under_plain_names(trained, path):
    compiled = torch.nn.Module()  # as torch.compile wraps it
    compiled._orig_mod = trained
    compiled.config = trained.config
    save_weights(compiled, path)
    assert load_file(path).keys() == trained.state_dict().keys()
    assert_same(load_model(path).state_dict(), trained.state_dict())


def test_the_same_model_gives_the_same_bytes(trained, path):
    """safetensors writes the metadata in an order that changes each time."""
    seen = set()
    for _ in range(8):
        save_weights(trained, path, task=TASK)
        seen.add(path.read_bytes())
    [content] = seen
    size = int.from_bytes(content[:8], "little")
    assert size % 8 == 0  # the tensors stay aligned
    metadata = json.loads(content[8 : 8 + size])["__metadata__"]
    assert list(metadata) == ["config", "format", "task", "version"]
    assert_same(load_file(path), trained.state_dict())


def test_an_encoder_alone_is_not_saved(trained, tmp_path):
    with pytest.raises(WeightsError, match="only a SegFormer.*MixTransformer"):
        save_weights(trained.encoder, tmp_path / "m.safetensors")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("name", ["m.pth", "m", "none/m.safetensors"])
def test_places_that_cannot_be_written(name, trained, tmp_path):
    with pytest.raises(WeightsError, match="not saved") as error:
        save_weights(trained, tmp_path / name)
    assert str(tmp_path / name) in str(error.value)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize(
    "failure", [OSError(28, "No space left"), MemoryError()]
)
def test_a_failed_save_keeps_the_old_file(
    step, failure, trained, model, tmp_path, monkeypatch, path
):
    save_weights(trained, path)

    def fail(*args):
        raise failure

    monkeypatch.setattr(os, step, fail)
    expected = WeightsError if isinstance(failure, OSError) else MemoryError
    with pytest.raises(expected):
        save_weights(model, path)
    monkeypatch.undo()
    assert os.listdir(tmp_path) == ["model.safetensors"]
    assert_same(load_model(path).state_dict(), trained.state_dict())


def test_a_save_follows_a_link(trained, tmp_path):
    target = tmp_path / "real.safetensors"
    target.touch()
    link = tmp_path / "link.safetensors"
    try:
        link.symlink_to(target)
    except OSError:
        pytest.skip("no links here")
    save_weights(trained, link)
    assert link.is_symlink()
    assert_same(load_model(target).state_dict(), trained.state_dict())


def rewritten(path, tensors=None, **metadata):
    """The same file with other metadata; None takes a field away."""
    with safe_open(path, "pt") as file:
        old = file.metadata()
    metadata = {k: v for k, v in {**old, **metadata}.items() if v is not None}
    save_file(tensors or load_file(path), path, metadata)


def changed_config(path, **changes):
    with safe_open(path, "pt") as file:
        config = json.loads(file.metadata()["config"])
    config = {**config, **changes}
    return json.dumps({k: v for k, v in config.items() if v != "gone"})


@pytest.mark.parametrize(
    ("metadata", "reason"),
    [
        ({"version": "2"}, "has version 2 of the format, expected 1"),
        ({"version": None}, "has version None"),
        ({"config": None}, "bad config"),
        ({"config": "{"}, "bad config"),
        ({"config": "[]"}, "bad config"),
        ({"config": "[" * 100_000}, "bad config"),
        ({"config": {"window": 7}}, "unknown fields window: a newer package"),
        ({"config": {"num_heads": "gone"}}, "bad config: missing.*num_heads"),
        ({"config": {"strides": "gone"}}, "bad config: missing.*strides"),
        ({"config": {"dims": [8]}}, "bad config.*depths must hold 1"),
        ({"config": {"dims": 8}}, "bad config"),
        ({"config": {"dims": [10**30] * 4}}, "bad config"),
        ({"config": {"depths": [2, 2, 1, 1]}}, "missing"),
        ({"config": {"depths": [10**9, 2, 1, 1]}}, "more blocks than tensors"),
    ],
)
def test_load_model_needs_a_good_config(metadata, reason, trained, path):
    save_weights(trained, path)
    if isinstance(metadata.get("config"), dict):
        metadata = {"config": changed_config(path, **metadata["config"])}
    rewritten(path, **metadata)
    with pytest.raises(WeightsError, match=f"(?s){reason}") as error:
        load_model(path)
    assert str(path) in str(error.value)


def test_a_file_from_before_the_fold_could_be_chosen(trained, path):
    save_weights(trained, path)
    rewritten(path, config=changed_config(path, folded="gone"))
    assert load_model(path).config == trained.config
    assert config_from_weights(path).folded


def test_load_model_needs_all_tensors(trained, path):
    save_weights(trained, path)
    tensors = load_file(path)
    parts = {k: x for k, x in tensors.items() if k.startswith("encoder.")}
    rewritten(path, parts)
    with pytest.raises(
        WeightsError, match=r"encoder alone.*missing: decoder\."
    ):
        load_model(path)


# A task


def test_a_task_travels_with_the_weights(trained, path):
    save_weights(trained, path, task=TASK)
    assert task_of(trained) is None
    assert read_task(path) == TASK
    model = load_model(path)
    assert model.task == task_of(model) == TASK
    save_weights(model, path)  # the model's own, as none is given
    assert read_task(path) == TASK
    other = replace(TASK, short_side=64)
    save_weights(model, path, task=other)
    assert load_model(path).task == other
    assert model.task == TASK


def test_a_file_without_a_task(trained, path, tmp_path):
    save_weights(trained, path)
    assert read_task(path) is None
    assert load_model(path).task is None
    save_file(trained.state_dict(), path, {"format": "pt", "task": "theirs"})
    assert read_task(path) is None
    torch.save(trained.state_dict(), tmp_path / "m.pth")
    assert read_task(tmp_path / "m.pth") is None


FOUR = ("wall", "floor", "window", "door")


@pytest.mark.parametrize(
    ("task", "reason"),
    [
        (Task(classes=FOUR), "the task has 4 classes, the model 5"),
        (
            replace(TASK, mean=(1, 2, 3, 4), std=(1, 1, 1, 1)),
            "the task has 4 channels, the model 3",
        ),
    ],
)
def test_a_task_that_does_not_fit(task, reason, trained, path):
    save_weights(trained, path, task=TASK)
    content = path.read_bytes()
    with pytest.raises(WeightsError, match=f"not saved: {reason}") as error:
        save_weights(trained, path, task=task)
    assert str(path) in str(error.value)
    trained.task = task
    with pytest.raises(WeightsError, match=reason):
        save_weights(trained, path)
    assert path.read_bytes() == content

    rewritten(path, task=task.to_json())
    for read in (read_task, load_model):
        with pytest.raises(WeightsError, match=f"bad task: {reason}") as error:
            read(path)
        assert str(path) in str(error.value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        "{}",
        "[" * 100_000,
        '{"classes": 5}',
        '{"classes": ["a", "b", "c", "d", "e"], "colour": 1}',
        '{"classes": ["a", "b", "c", "d", "e"], "palette": [[1, 2]]}',
        '{"classes": ["a", "b", "c", "d", "e"], "std": [0, 1, 1]}',
        '{"classes": ["a", "b", "c", "d", "e"], "mean": ["x", 1, 1]}',
    ],
)
def test_a_damaged_task_names_the_file(text, trained, path):
    save_weights(trained, path)
    rewritten(path, task=text)
    for read in (read_task, load_model):
        with pytest.raises(WeightsError, match="bad task") as error:
            read(path)
        assert str(error.value).startswith(f"{path}: ")


def test_the_recorded_model_has_the_task_of_the_scenes():
    path = data_folder() / "runs" / "small" / "best.safetensors"
    names = (data_folder() / "scenes" / "classes.txt").read_text().split()
    task = read_task(path)
    assert task == Task(classes=names, palette=task.palette)
    plots = pytest.importorskip("segformer_tutorial.classroom.plots")
    assert [list(color) for color in task.palette] == plots.PALETTE.tolist()
