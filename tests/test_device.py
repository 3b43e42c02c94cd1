"""Which device a command takes, on machines that have some or none."""

import pytest
import torch

from segformer_tutorial.predict import choose_device


@pytest.fixture
def machine(monkeypatch):
    """Pretend that this machine has so many GPUs, and MPS or not."""

    def pretend(*, gpus: int = 0, mps: bool = False) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: gpus > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)

    return pretend


@pytest.mark.parametrize("name", [None, ""])
@pytest.mark.parametrize(
    ("has", "expected"),
    [
        ({}, "cpu"),
        ({"mps": True}, "mps"),
        ({"gpus": 1}, "cuda"),
        ({"gpus": 2, "mps": True}, "cuda"),
    ],
)
def test_default_is_the_best_there_is(machine, has, expected, name):
    machine(**has)
    assert choose_device(name) == torch.device(expected)


@pytest.mark.parametrize("name", ["cpu", "cuda", "cuda:1", "mps"])
def test_named_device_is_taken(machine, name):
    machine(gpus=2, mps=True)
    assert choose_device(name) == torch.device(name)


@pytest.mark.parametrize("name", ["cuda", "cuda:0", "mps"])
def test_device_that_is_not_there(machine, name):
    machine()
    with pytest.raises(ValueError, match=f"'{name}' is not available"):
        choose_device(name)


@pytest.mark.parametrize("name", ["cuda:2", "cuda:7", "mps:1", "cpu:1"])
def test_number_that_is_not_there(machine, name):
    machine(gpus=2, mps=True)
    with pytest.raises(ValueError, match=f"'{name}' is not available"):
        choose_device(name)


@pytest.mark.parametrize(
    "name", ["gpu", "cuda:", "cuda:-1", "0", "meta", "CPU", "cpu cuda"]
)
def test_names_that_are_no_device(machine, name):
    machine(gpus=2)
    with pytest.raises(ValueError, match=f"cpu, cuda, .*, got '{name}'"):
        choose_device(name)
