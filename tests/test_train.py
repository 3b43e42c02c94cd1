"""The settings of a run: from Python, from a file, from the command line."""

import json

import pytest
import torch

pytest.importorskip("accelerate")
pytest.importorskip("torchvision")
from segformer_tutorial import SegFormer
from segformer_tutorial.train import (
    TrainConfig,
    TrainError,
    build_model,
    model_config,
    parse,
)
from segformer_tutorial.train.__main__ import main
from segformer_tutorial.weights import save_weights

MODEL = {
    "dims": [8, 16, 24, 32],
    "depths": [1, 1, 1, 1],
    "num_heads": [1, 2, 3, 4],
    "decoder_dim": 16,
}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"steps": 0}, "steps must be at least 1, got 0"),
        ({"precision": "fp8"}, "precision must be one of no, fp16, bf16"),
        ({"lr": -1.0}, "lr must be positive"),
        ({"workers": -1}, "must not be negative"),
    ],
)
def test_wrong_settings(changes, words):
    with pytest.raises(TrainError, match=words):
        TrainConfig(**changes)


def test_models():
    assert model_config("b2", 7).depths == (3, 4, 6, 3)
    assert model_config("b2", 7).num_classes == 7
    small = model_config({"preset": "b1", "decoder_dim": 64}, 3)
    assert small.dims[0] == 64 and small.decoder_dim == 64
    with pytest.raises(TrainError, match="got 'b9'"):
        model_config("b9", 3)
    with pytest.raises(TrainError, match="unknown width; known are decoder"):
        model_config({"width": 3}, 3)


def test_encoder_from_a_file(tmp_path, tiny, capsys):
    pretrained = SegFormer(tiny)
    save_weights(pretrained, tmp_path / "file.safetensors")
    config = TrainConfig(model=MODEL, init=str(tmp_path / "file.safetensors"))
    model = build_model(config, ("dark", "red"))
    assert "depths (1, 2, 1, 1) instead of" in capsys.readouterr().out
    for name, tensor in model.encoder.state_dict().items():
        assert torch.equal(tensor, pretrained.encoder.state_dict()[name])
    assert model.config.num_classes == 2 and model.config.decoder_dim == 16


def test_command_line(tmp_path, capsys):
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"model": MODEL, "lr": 1e-3, "steps": 5}))
    config, resume = parse(["--config", str(path), "--steps", "7"])
    assert not resume and config.steps == 7 and config.model == MODEL
    assert parse(["--short-side", "64"])[0].short_side == 64
    path.write_text('{"speed": 3}')
    assert main(["--config", str(path)]) == 1
    assert "unknown speed" in capsys.readouterr().err
    path.write_text("{")
    assert main(["--config", str(path)]) == 1
    assert "is not JSON" in capsys.readouterr().err
    assert main(["--resume", str(tmp_path / "nowhere")]) == 1
    assert "no such file" in capsys.readouterr().err
    assert main(["--resume", str(tmp_path), "--lr", "1"]) == 1
    assert "leave out lr" in capsys.readouterr().err
