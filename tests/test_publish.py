"""A folder that transformers loads, with the same logits and pictures."""

import json
import os
from dataclasses import replace

import pytest
import torch
from states import assert_same, copied

from segformer_tutorial import SegFormer
from segformer_tutorial.data import Task, task_of
from segformer_tutorial.weights import (
    WeightsError,
    load_model,
    save_for_transformers,
)

pytest.importorskip("safetensors")

TASK = Task(
    classes=("wall", "floor", "blåbær", "door", "sky"),
    short_side=64,
    mean=(1, 2.5, 3),
    std=(50, 60, 70),
    labels_from_one=True,
)


@pytest.fixture
def same(tiny, randomize):
    """A model with the eps of transformers."""
    return randomize(SegFormer(replace(tiny, layer_norm_eps=1e-5))).eval()


@pytest.mark.parametrize(
    ("dtype", "bound"), [(torch.float64, 1e-12), (torch.float32, 1e-5)]
)
@pytest.mark.parametrize("folded", [True, False])
def test_transformers_gives_the_same_logits(
    dtype, bound, folded, tiny, randomize, tmp_path
):
    transformers = pytest.importorskip("transformers")
    config = replace(
        tiny,
        num_heads=(2, 1, 3, 2),
        reduction_ratios=(4, 4, 2, 1),
        expansion_ratios=(2, 4.0, 3, 4),
        patch_sizes=(7, 5, 3, 3),
        strides=(4, 2, 2, 1),
        in_channels=4,
        drop_path=0.3,
        dropout=0.4,
        layer_norm_eps=1e-5,
        folded=folded,
    )
    model = randomize(SegFormer(config)).to(dtype).eval()
    task = replace(TASK, mean=(1, 2, 3, 4), std=(5, 6, 7, 8))
    save_for_transformers(model, tmp_path / "saved", task=task)
    theirs, info = (
        transformers.SegformerForSemanticSegmentation.from_pretrained(
            tmp_path / "saved", output_loading_info=True
        )
    )
    assert not any(info.values()), info
    assert theirs.dtype == dtype and not theirs.training
    assert theirs.config.id2label == dict(enumerate(TASK.classes))
    assert theirs.config.label2id["sky"] == 4
    assert theirs.config.drop_path_rate == 0.3
    assert theirs.config.classifier_dropout_prob == 0.4
    images = torch.randn(2, 4, 61, 75, dtype=dtype)
    with torch.no_grad():
        ours, logits = model(images), theirs(images).logits
    torch.testing.assert_close(ours, logits, atol=bound, rtol=bound)


@pytest.mark.parametrize("short_side", [64, None])
def test_its_processor_makes_the_same_pictures(short_side, same, tmp_path):
    transformers = pytest.importorskip("transformers")
    pytest.importorskip("torchvision")
    from segformer_tutorial.data.transforms import eval_transform

    task = replace(TASK, short_side=short_side)
    save_for_transformers(same, tmp_path / "saved", task=task)
    processor = transformers.AutoImageProcessor.from_pretrained(
        tmp_path / "saved"
    )
    assert processor.do_reduce_labels
    for size in ((64, 64), (64, 128), (96, 192)):
        picture = torch.randint(0, 256, (3, *size), dtype=torch.uint8)
        theirs = processor(picture, return_tensors="pt").pixel_values
        ours = eval_transform(
            picture[None], short_side=short_side, mean=task.mean, std=task.std
        )
        torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=0)


def test_labels_are_reduced_as_ours(same, tmp_path):
    """Where the processor is told so, 0 is void and 1 the first class."""
    transformers = pytest.importorskip("transformers")
    for from_one in (True, False):
        folder = tmp_path / str(from_one)
        task = replace(TASK, labels_from_one=from_one, short_side=None)
        save_for_transformers(same, folder, task=task)
        processor = transformers.AutoImageProcessor.from_pretrained(folder)
        found = processor(
            torch.zeros(3, 2, 2, dtype=torch.uint8),
            segmentation_maps=torch.tensor([[0, 1], [5, 255]]),
            return_tensors="pt",
        )["labels"]
        expected = [[255, 0], [4, 255]] if from_one else [[0, 1], [5, 255]]
        assert found[0].tolist() == expected


def test_there_and_back(same, tmp_path, caplog):
    before = copied(same)
    same.task = replace(TASK, palette=[(k, k, k) for k in range(5)])
    save_for_transformers(same.train(), str(tmp_path / "saved"))
    assert same.training and not caplog.records
    assert sorted(os.listdir(tmp_path / "saved")) == [
        "config.json",
        "model.safetensors",
        "preprocessor_config.json",
    ]
    assert os.listdir(tmp_path) == ["saved"]
    model = load_model(tmp_path / "saved")
    assert_same(model.state_dict(), before)
    assert model.config == same.config
    assert task_of(model) == TASK  # transformers has no palette


def test_a_model_without_a_task(same, tmp_path):
    save_for_transformers(same, tmp_path / "saved")
    labels = tuple(f"LABEL_{k}" for k in range(5))
    assert load_model(tmp_path / "saved").task == Task(classes=labels)


def test_the_official_eps_is_said_to_differ(trained, tmp_path, caplog):
    save_for_transformers(trained, tmp_path / "saved")
    assert "transformers computes every LayerNorm with eps 1e-05" in caplog.text
    assert load_model(tmp_path / "saved").config.layer_norm_eps == 1e-5


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_the_dtype_stays(dtype, same, tmp_path):
    save_for_transformers(same.to(dtype), tmp_path / "saved")
    config = json.loads((tmp_path / "saved" / "config.json").read_text())
    assert config["dtype"] == str(dtype).removeprefix("torch.")
    assert_same(load_model(tmp_path / "saved").state_dict(), same.state_dict())


@pytest.mark.parametrize(
    ("changes", "task", "reason"),
    [
        ({"layer_norm_eps": 1e-3}, None, "layer_norm_eps of 1e-05"),
        ({"expansion_ratios": (4, 4, 4, 1.5)}, None, "whole expansion_ratios"),
        ({"in_channels": 2}, None, "normalisation of 2 channels is not known"),
        ({}, replace(TASK, classes=("a", "a", "b", "c", "d")), "one number"),
        ({}, replace(TASK, classes=("a", "b")), "2 classes, the model 5"),
        ({}, replace(TASK, mean=(1,), std=(1,)), "1 channels, the model 3"),
    ],
)
def test_what_transformers_cannot_express(
    changes, task, reason, tiny, tmp_path
):
    model = SegFormer(replace(tiny, **changes))
    with pytest.raises(WeightsError, match=f"not saved: .*{reason}") as error:
        save_for_transformers(model, tmp_path / "saved", task=task)
    assert str(tmp_path / "saved") in str(error.value)
    assert os.listdir(tmp_path) == []


def test_other_networks(same, tmp_path):
    folder = tmp_path / "saved"
    with pytest.raises(WeightsError, match="only a SegFormer.*MixTransformer"):
        save_for_transformers(same.encoder, folder)
    same.decoder.norm.half()
    with pytest.raises(WeightsError, match=r"one precision.*float16.*float32"):
        save_for_transformers(same, folder)
    same.float()
    same.decoder.classify = torch.nn.Identity()
    with pytest.raises(WeightsError, match="not those of its config"):
        save_for_transformers(same, folder)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("what", ["file", "folder", "nowhere"])
def test_places_that_are_taken(what, same, tmp_path):
    folder = tmp_path / "taken"
    if what == "file":
        folder.write_text("mine")
    elif what == "folder":
        folder.mkdir()
        (folder / "mine").touch()
    else:
        folder = folder / "saved"
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(WeightsError, match="not saved"):
        save_for_transformers(same, folder)
    assert sorted(tmp_path.rglob("*")) == before


def test_an_empty_folder_is_filled(same, tmp_path):
    save_for_transformers(same, tmp_path)
    assert len(os.listdir(tmp_path)) == 3


@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize("failure", [OSError(28, "No space"), MemoryError()])
def test_a_folder_appears_whole_or_not_at_all(
    step, failure, same, tmp_path, monkeypatch
):
    done = []

    def fail(*args):
        done.append(args)
        if len(done) == 2:
            raise failure

    if step == "replace":
        real = os.replace
        monkeypatch.setattr(os, step, lambda *args: (fail(*args), real(*args)))
    else:
        monkeypatch.setattr(os, step, fail)
    expected = WeightsError if isinstance(failure, OSError) else MemoryError
    with pytest.raises(expected):
        save_for_transformers(same, tmp_path / "saved")
    assert os.listdir(tmp_path) == []
