"""A run starts from a fresh model or from all of a file that fits."""

from dataclasses import replace

import pytest
import torch

pytest.importorskip("safetensors")
pytest.importorskip("torchvision")

from segformer_tutorial import SegFormer
from segformer_tutorial.data import Task
from segformer_tutorial.train import (
    TrainConfig,
    TrainError,
    build_loss,
    build_model,
    parameter_groups,
    segmentation_loss,
    start,
)
from segformer_tutorial.train.start import balanced_weights
from segformer_tutorial.weights import (
    WeightsError,
    save_for_transformers,
    save_weights,
)

NAMES = ("road", "car", "tree", "sky", "pole")
MODEL = {
    "dims": [8, 16, 24, 32],
    "depths": [1, 1, 1, 1],
    "num_heads": [1, 2, 3, 4],
    "decoder_dim": 16,
}


@pytest.fixture
def task(monkeypatch):
    """Say what the file was trained for."""

    def say(task: Task | None) -> None:
        monkeypatch.setattr(start, "read_task", lambda path: task)

    say(None)
    return say


@pytest.fixture
def whole(tiny, randomize, tmp_path, task) -> tuple[SegFormer, str]:
    """A model of five classes and its file."""
    model = randomize(SegFormer(tiny))
    path = tmp_path / "whole.safetensors"
    save_weights(model, path)
    return model, str(path)


def config(**changes) -> TrainConfig:
    return TrainConfig(**{"model": MODEL, "crop_size": 32} | changes)


def same(model, other, prefix: str) -> bool:
    """Are all tensors of this name equal? There must be one."""
    pairs = [
        (x, other.state_dict()[name])
        for name, x in model.state_dict().items()
        if name.startswith(prefix)
    ]
    return all(torch.equal(x, y) for x, y in pairs) and bool(pairs)


def test_fresh_model():
    torch.manual_seed(3)
    model = build_model(config(), NAMES)
    torch.manual_seed(3)
    assert same(model, SegFormer(model.config), "")
    assert model.config.dims == (8, 16, 24, 32)
    assert model.config.num_classes == 5


def test_whole_model_of_the_same_classes(whole, task, capsys):
    source, path = whole
    task(Task(classes=NAMES))
    model = build_model(config(init=path), NAMES)
    assert same(model, source, "")
    text = capsys.readouterr().out
    assert "depths (1, 2, 1, 1) instead of (1, 1, 1, 1)" in text
    assert "decoder_dim 20 instead of 16" in text
    assert "encoder and decoder are loaded, with the last layer" in text
    assert "does not name" not in text and "trained with mean" not in text


@pytest.mark.parametrize(
    ("classes", "words"),
    [
        (NAMES[:4], "the last layer is new: 4 classes instead of 5"),
        (("road", "car", "sky", "tree", "pole"), "class 2 is sky instead of"),
        ((*NAMES[:4], "fence"), "class 4 is fence instead of pole"),
    ],
)
def test_other_classes_get_a_new_last_layer(
    whole, task, capsys, classes, words
):
    source, path = whole
    task(Task(classes=NAMES))
    model = build_model(config(init=path), classes)
    assert words in capsys.readouterr().out
    for name in ("encoder.", "decoder.unify", "decoder.fuse", "decoder.norm"):
        assert same(model, source, name)
    assert not same(model, source, "decoder.classify")
    assert model.config.num_classes == len(classes)


def test_unknown_names_are_said_to_be_unknown(whole, capsys):
    source, path = whole
    assert same(build_model(config(init=path), NAMES), source, "")
    assert "does not name its classes" in capsys.readouterr().out


def test_other_normalisation_is_said(whole, task, capsys):
    _, path = whole
    task(Task(classes=NAMES, mean=(1, 2, 3), std=(4, 5, 6)))
    build_model(config(init=path), NAMES)
    assert "trained with mean (1, 2, 3)" in capsys.readouterr().out
    build_model(config(init=path, mean=(1, 2, 3), std=(4, 5, 6)), NAMES)
    assert "trained with mean" not in capsys.readouterr().out


def test_encoder_only(whole, capsys):
    source, path = whole
    torch.manual_seed(3)
    model = build_model(config(init=path, init_encoder_only=True), NAMES)
    assert same(model, source, "encoder.")
    assert model.config.decoder_dim == 16
    assert "the decoder is new" in capsys.readouterr().out
    torch.manual_seed(3)  # the file has changed nothing that is random
    assert same(SegFormer(model.config), model, "decoder.")


def test_file_without_a_decoder(tmp_path, task, capsys):
    preset = SegFormer.from_preset("b0")
    path = tmp_path / "encoder.pth"
    torch.save(preset.encoder.state_dict(), path)
    model = build_model(
        config(model={"decoder_dim": 24}, init=str(path)), NAMES
    )
    assert same(model, preset, "encoder.")
    assert model.config.decoder_dim == 24
    assert "the encoder is loaded, the decoder is new" in (
        capsys.readouterr().out
    )


def test_strides_and_eps_of_the_file(tmp_path, task):
    """No shape shows them: they would be wrong in silence."""
    changes = {"strides": [4, 2, 2, 1], "layer_norm_eps": 1e-5}
    changes |= {"reduction_ratios": [8, 4, 2, 2]}
    path = tmp_path / "own.safetensors"
    save_weights(build_model(config(model=MODEL | changes), NAMES), path)
    found = build_model(config(init=str(path)), NAMES).config
    assert found.strides == (4, 2, 2, 1) and found.layer_norm_eps == 1e-5


@pytest.mark.parametrize(("mine", "theirs"), [(4, 3), (3, 4)])
def test_other_channels(mine, theirs, tmp_path, task):
    path = tmp_path / "file.safetensors"
    save_weights(build_model(config(channels=theirs), NAMES), path)
    words = f"takes {theirs} channels, but channels is {mine}: start from"
    with pytest.raises(TrainError, match=words):
        build_model(config(init=str(path), channels=mine), NAMES)
    model = build_model(config(init=str(path), channels=theirs), NAMES)
    assert model.config.in_channels == theirs


def test_a_decoder_that_does_not_fit(tmp_path, task):
    """The error says how to go on, and so it does."""
    preset = SegFormer.from_preset("b0")
    state = preset.state_dict()
    del state["decoder.norm.weight"]
    path = tmp_path / "part.pth"
    torch.save(state, path)
    words = r"decoder.norm.weight[^$]*--init-encoder-only loads the encoder"
    with pytest.raises(WeightsError, match=words):
        build_model(config(init=str(path)), NAMES)
    model = build_model(config(init=str(path), init_encoder_only=True), NAMES)
    assert same(model, preset, "encoder.")


def test_frozen_encoder(whole):
    """It gets no gradient, and `train` does not wake its drop path."""
    source, path = whole
    model = build_model(config(init=path, freeze_encoder=True), NAMES)
    model.train()
    assert model.decoder.training and not model.encoder.training
    assert not any(part.training for part in model.encoder.modules())
    groups = parameter_groups(model, lr=1e-3, weight_decay=0.1)
    optimizer = torch.optim.AdamW(groups)
    logits = model(torch.randn(2, 3, 64, 64))
    segmentation_loss(logits, torch.randint(5, (2, 64, 64))).backward()
    optimizer.step()
    assert all(p.grad is None for p in model.encoder.parameters())
    assert same(model, source, "encoder.")
    assert not same(model, source, "decoder.")


def test_an_encoder_with_random_weights_is_not_frozen():
    with pytest.raises(TrainError, match="freeze_encoder needs init"):
        build_model(config(freeze_encoder=True), NAMES)


@pytest.mark.parametrize("name", ["crop_size", "eval_window"])
def test_sides_that_the_encoder_cannot_take(name):
    with pytest.raises(TrainError, match=rf"{name} must be at least 32.*31"):
        build_model(config(**{name: 31}), NAMES)


class Labels:
    """Three classes on 12, 3 and no pixels, and void on the other 3."""

    classes = ("wide", "narrow", "absent")

    def __len__(self) -> int:
        return 2

    def labels_of(self, index: int):
        labels = torch.zeros(3, 3, dtype=torch.int64)
        labels[2] = torch.tensor([1, 255 if index else 1, 255])
        return labels


def test_balanced_weights():
    """15 pixels count; each class that occurs gets half of the weight."""
    weights = balanced_weights(Labels())
    assert weights == pytest.approx((7.5 / 12, 7.5 / 3, 0))


def test_loss_of_a_run(capsys):
    assert build_loss(TrainConfig(), Labels()) is segmentation_loss
    logits, labels = torch.randn(1, 3, 3, 3), Labels().labels_of(1)[None]
    balanced = build_loss(TrainConfig(class_weights="balanced"), Labels())
    assert "wide 0.625, narrow 2.5, absent 0" in capsys.readouterr().out
    given = balanced_weights(Labels())
    for loss in ("cross-entropy", "focal"):
        known = build_loss(
            TrainConfig(loss=loss, class_weights=given), Labels()
        )
        if loss == "cross-entropy":
            assert known(logits, labels) == balanced(logits, labels)
        plain = build_loss(TrainConfig(loss=loss), Labels())
        assert known(logits, labels) != plain(logits, labels)
    with pytest.raises(TrainError, match="each of 3 classes, got 2"):
        build_loss(TrainConfig(class_weights=(1, 2)), Labels())


def test_files_of_other_programs_are_not_asked_for_a_task(
    tmp_path, monkeypatch
):
    def read_task(path):
        raise AssertionError(path)

    monkeypatch.setattr(start, "read_task", read_task)
    preset = SegFormer.from_preset("b0", num_classes=5)
    path = tmp_path / "b0.pth"
    torch.save(preset.state_dict(), path)
    assert same(build_model(config(init=str(path)), NAMES), preset, "")


def test_a_folder_of_transformers(tiny, randomize, tmp_path, capsys):
    """Its config, its class names and all of its weights."""
    model = randomize(SegFormer(replace(tiny, layer_norm_eps=1e-5)))
    folder = tmp_path / "saved"
    save_for_transformers(model, folder, task=Task(classes=NAMES))
    found = build_model(config(init=str(folder)), NAMES)
    assert same(found, model, "")
    assert found.config.layer_norm_eps == 1e-5
    assert "with the last layer" in capsys.readouterr().out
    other = ("road", "tree", "car", "sky", "pole")
    build_model(config(init=str(folder)), other)
    assert "class 1 is tree instead of car" in capsys.readouterr().out
