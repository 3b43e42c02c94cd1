"""The counter of multiply-adds: all versions of PyTorch count the same."""

import importlib.util
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.nn.functional import scaled_dot_product_attention
from torch.utils import flop_counter

from segformer_tutorial import SegFormer
from segformer_tutorial.evaluate import cost
from segformer_tutorial.evaluate.cost import count_macs

OPERATION = "_scaled_dot_product_flash_attention_for_cpu"


@pytest.fixture
def older_torch(monkeypatch):
    """Before version 2.15 PyTorch had no formula for attention on a CPU."""
    name = getattr(torch.ops.aten, OPERATION, None)
    monkeypatch.delitem(flop_counter.flop_registry, name, raising=False)


def on(device: str, config):
    with torch.device(device):
        return SegFormer(config).eval(), torch.zeros(1, 3, 64, 96)


@pytest.mark.usefixtures("older_torch")
def test_attention_counts_in_older_versions():
    q, k, v = torch.zeros(2, 3, 5, 4), *torch.zeros(2, 2, 3, 7, 4)
    counts = count_macs(scaled_dot_product_attention, q, k, v)
    assert counts.total() == 2 * 3 * (5 * 7 * 4 + 5 * 7 * 4)
    assert set(counts) <= {OPERATION, "bmm"}


def test_our_formula_is_the_one_of_pytorch(monkeypatch, tiny):
    name = getattr(torch.ops.aten, OPERATION, None)
    if name not in flop_counter.flop_registry:
        pytest.skip("this PyTorch has no formula of its own")
    net, images = on("cpu", tiny)
    ours = count_macs(net, images)
    monkeypatch.delitem(cost.FORMULAS, name)
    assert count_macs(net, images) == ours
    assert ours[OPERATION] > 0


@pytest.mark.usefixtures("older_torch")
def test_meta_device_and_cpu_give_one_total(tiny):
    totals = [
        count_macs(*on(device, tiny)).total() for device in ("cpu", "meta")
    ]
    assert totals[0] == totals[1] > 0


def test_operation_may_be_missing(monkeypatch):
    """The import succeeds in a version that does not know its name."""
    assert len(cost.FORMULAS) == 2
    older = SimpleNamespace(mv=torch.ops.aten.mv)
    monkeypatch.setattr(torch.ops, "aten", older)
    # a module of its own, so that the others keep what they imported
    spec = importlib.util.spec_from_file_location("cost_of_old", cost.__file__)
    again = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(again)
    assert list(again.FORMULAS) == [older.mv]


def test_by_hand():
    counts = count_macs(nn.Linear(3, 5), torch.zeros(7, 3))
    assert counts == {"addmm": 3 * 5 * 7}
    matrix, vector = torch.zeros(4, 6), torch.zeros(6)
    assert count_macs(torch.mv, matrix, vector) == {"mv": 24}


def test_nothing_to_count():
    assert count_macs(torch.relu, torch.zeros(3)) == {}
    assert count_macs(lambda: None).total() == 0
