"""What several test files share."""

import pytest
import torch
from states import assert_same, copied
from torch import nn

from segformer_tutorial import SegFormer, SegFormerConfig


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


@pytest.fixture
def tiny() -> SegFormerConfig:
    """A fast network in which widths that must not be confused differ."""
    return SegFormerConfig(
        dims=(8, 16, 24, 32),
        depths=(1, 2, 1, 1),
        num_heads=(1, 2, 3, 4),
        decoder_dim=20,
        num_classes=5,
    )


@pytest.fixture
def randomize():
    """Fill a module with values that hide nothing, and return it.

    A fresh network has zero biases and BatchNorm statistics of 0 and 1: an
    order or a norm that is wrong may not show.
    """
    return _randomize


def _randomize(module: nn.Module, seed: int = 0) -> nn.Module:
    generator = torch.Generator().manual_seed(seed)

    def normal(like, mean, std):
        return mean + std * torch.randn(like.shape, generator=generator)

    norms = (nn.LayerNorm, nn.BatchNorm2d)
    with torch.no_grad():
        for part in module.modules():
            for name, p in part.named_parameters(recurse=False):
                if name == "bias":
                    p.copy_(normal(p, 0, 0.3))
                elif isinstance(part, norms):
                    p.copy_(normal(p, 1, 0.3))
                else:
                    p.copy_(normal(p, 0, p[0].numel() ** -0.5))
            if isinstance(part, nn.BatchNorm2d):
                part.running_mean.copy_(normal(part.running_mean, 0, 0.5))
                part.running_var.copy_(normal(part.running_var, 0, 1).exp())
    return module


@pytest.fixture
def trained(tiny, randomize) -> SegFormer:
    """The model whose weights are saved, renamed and loaded."""
    return randomize(SegFormer(tiny), seed=1).eval()


@pytest.fixture
def model(tiny, randomize) -> SegFormer:
    """The model that they are loaded into: like `trained`, other values."""
    return randomize(SegFormer(tiny), seed=2).eval()


@pytest.fixture
def unchanged():
    """Check that a model has the values that it had when it was watched."""
    watched = []

    def watch(model):
        watched.append((model, copied(model)))

    yield watch
    assert watched
    for model, before in watched:
        assert_same(model.state_dict(), before)
