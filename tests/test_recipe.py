"""The loss, the groups and the schedule do what the official configs say."""

import copy
import math
import pickle

import pytest
import torch
import torch.nn.functional as F

from segformer_tutorial import SegFormer
from segformer_tutorial.train.recipe import (
    freeze,
    learning_rate_factor,
    parameter_groups,
    segmentation_loss,
)


def test_loss_by_hand():
    """One pixel at a time, in float64, the void ones left out."""
    logits = torch.randn(2, 3, 4, 5, dtype=torch.float64)
    labels = torch.randint(3, (2, 4, 5))
    labels[0, :2] = 255
    expected = [
        -torch.log_softmax(logits[b, :, y, x], 0)[labels[b, y, x]].item()
        for b in range(2)
        for y in range(4)
        for x in range(5)
        if labels[b, y, x] != 255
    ]
    loss = segmentation_loss(logits, labels)
    assert loss.item() == pytest.approx(
        sum(expected) / len(expected), rel=1e-12
    )


def test_scores_are_resized_to_the_labels():
    logits = torch.randn(1, 3, 8, 8)
    labels = torch.randint(3, (1, 30, 33))
    large = F.interpolate(logits, (30, 33), mode="bilinear")
    torch.testing.assert_close(
        segmentation_loss(logits, labels), F.cross_entropy(large, labels)
    )


def test_what_void_pixels_say_does_not_matter():
    logits = torch.randn(1, 3, 6, 6, requires_grad=True)
    labels = torch.randint(3, (1, 6, 6))
    labels[:, 3:] = 255
    segmentation_loss(logits, labels).backward()
    assert logits.grad[:, :, 3:].abs().max() == 0
    assert logits.grad[:, :, :3].abs().min() > 0


def test_only_void_gives_zero_and_no_gradient():
    logits = torch.randn(1, 3, 6, 6, requires_grad=True)
    loss = segmentation_loss(logits, torch.full((1, 6, 6), 255))
    loss.backward()
    assert loss == 0 and logits.grad.abs().max() == 0


def test_first_loss_of_a_fresh_model_is_about_that_of_a_guess(tiny):
    model = SegFormer(tiny)
    labels = torch.randint(5, (4, 64, 64))
    loss = segmentation_loss(model(torch.randn(4, 3, 64, 64)), labels)
    assert abs(loss.item() - math.log(5)) < 0.25


def test_groups_hold_each_parameter_once(tiny):
    model = SegFormer(tiny)
    groups = parameter_groups(model, lr=1e-3, weight_decay=0.1)
    names = {id(p): name for name, p in model.named_parameters()}
    found = [names[id(p)] for group in groups for p in group["params"]]
    assert sorted(found) == sorted(names.values())
    for group in groups:
        for p in group["params"]:
            name = names[id(p)]
            in_head = name.startswith("decoder.")
            assert group["lr"] == pytest.approx(1e-2 if in_head else 1e-3)
            assert group["weight_decay"] == (0 if "norm" in name else 0.1)


def test_groups_without_decay_are_still_disjoint(tiny):
    groups = parameter_groups(SegFormer(tiny), lr=1e-3, weight_decay=0.0)
    torch.optim.AdamW(groups)  # refuses a parameter in two groups


def test_frozen_parameters_are_left_out(tiny):
    model = SegFormer(tiny)
    model.encoder.requires_grad_(False)
    groups = parameter_groups(model, lr=1e-3, weight_decay=0.1)
    assert [len(group["params"]) == 0 for group in groups[:2]] == [True, True]


def test_schedule():
    factors = [learning_rate_factor(n, steps=100, warmup=9) for n in range(100)]
    assert factors[0] == pytest.approx(0.1)
    assert factors[4] == pytest.approx(0.5 * 0.96)
    assert factors[9] == pytest.approx(0.91)
    assert factors[99] == pytest.approx(0.01)
    assert max(factors) == factors[9]
    assert learning_rate_factor(0, steps=10, warmup=0) == 1.0
    squared = learning_rate_factor(50, steps=100, warmup=0, power=2)
    assert squared == pytest.approx(0.25)


def test_frozen_modules_stay_in_evaluation_mode(tiny):
    """Whatever calls `train`, and in copies too, which are of their own."""
    model = SegFormer(tiny)
    freeze(model.encoder)
    for each in (
        model,
        copy.deepcopy(model),
        pickle.loads(pickle.dumps(model)),
    ):
        for mode in (True, False, True):
            each.train(mode)
            assert each.encoder.train(mode) is each.encoder
            assert each.training is each.decoder.norm.training is mode
            assert not any(part.training for part in each.encoder.modules())
        assert not any(p.requires_grad for p in each.encoder.parameters())
        assert all(p.requires_grad for p in each.decoder.parameters())
