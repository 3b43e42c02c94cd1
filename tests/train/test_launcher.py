"""The settings decide, and a launcher that wants something else is told so."""

from dataclasses import replace

import pytest
import runs
import torch
from accelerate.state import AcceleratorState
from runs import run

from segformer_tutorial import SegFormer
from segformer_tutorial.train import TrainError, model_config, train
from segformer_tutorial.train.processes import check_launcher

CPU, GPU = torch.device("cpu"), torch.device("cuda")


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("MIXED_PRECISION", "bf16", "precision bf16, the run for no: set"),
        (
            "GRADIENT_ACCUMULATION_STEPS",
            "4",
            "asks for 4 gradient accumulation steps, the run for 1: set",
        ),
    ],
)
def test_the_launcher_is_not_overruled_in_silence(config, name, value, words):
    assert not run(config, environ={f"ACCELERATE_{name}": value})
    assert words in runs.error_of(config)


@pytest.mark.parametrize(
    ("name", "value", "device", "words"),
    [
        ("ACCELERATE_USE_FSDP", "true", CPU, "--use_fsdp"),
        ("ACCELERATE_USE_DEEPSPEED", "true", CPU, "--use_deepspeed"),
        ("ACCELERATE_DYNAMO_BACKEND", "INDUCTOR", CPU, "--dynamo_backend"),
        ("ACCELERATE_USE_CPU", "True", GPU, "for the CPU, the run for cuda"),
        ("LOCAL_RANK", "1", torch.device("cuda:1"), "chooses the GPU"),
    ],
)
def test_what_the_launcher_may_not_ask(
    config, monkeypatch, name, value, device, words
):
    monkeypatch.setenv(name, value)
    with pytest.raises(TrainError, match=words):
        check_launcher(config, device)


def test_what_the_launcher_may_ask(config, monkeypatch):
    """Its defaults, and what the settings say too."""
    for name, value in {
        "MIXED_PRECISION": "no",
        "GRADIENT_ACCUMULATION_STEPS": "2",
        "DYNAMO_BACKEND": "NO",
        "USE_CPU": "True",
        "USE_FSDP": "false",
    }.items():
        monkeypatch.setenv(f"ACCELERATE_{name}", value)
    config = replace(config, precision="bf16", accumulation=2)
    check_launcher(config, CPU)
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "bf16")
    check_launcher(config, CPU)


def test_half_precision_on_a_cpu(config):
    losses = {}
    for precision in ("fp16", "bf16", "no"):
        # Accelerate knows one precision for a process.
        AcceleratorState._reset_state(reset_partial_state=True)
        changes = {"precision": precision, "output": config.output + precision}
        half = replace(config, steps=2, **changes)
        if precision == "fp16":
            with pytest.raises(TrainError, match="fp16 needs a GPU"):
                train(half, progress=False)
        else:
            losses[precision] = train(half, progress=False)["loss"]
    assert losses["bf16"] != losses["no"]
    assert losses["bf16"] == pytest.approx(losses["no"], rel=0.02)


def test_a_given_model_is_handed_back_without_the_mixed_precision(config):
    AcceleratorState._reset_state(reset_partial_state=True)
    model = SegFormer(model_config(config.model, 2))
    config = replace(config, steps=1, precision="bf16")
    train(config, model=model, progress=False)
    AcceleratorState._reset_state(reset_partial_state=True)
    images = torch.zeros(1, 3, 32, 32)
    model.eval()
    assert torch.equal(model(images), SegFormer.forward(model, images))


def test_a_device_that_is_not_there(config):
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(ValueError, match="'cuda' is not available"):
        train(replace(config, device="cuda"), progress=False)
