"""From a feature map to tokens: a linear layer on overlapping windows."""

import math

import pytest
import torch
import torch.nn.functional as F

from segformer_tutorial import OverlapPatchEmbedding

KERNELS = pytest.mark.parametrize(("patch_size", "stride"), [(7, 4), (3, 2)])


@KERNELS
@pytest.mark.parametrize(("h", "w"), [(16, 24), (17, 23)])
def test_equals_unfold_then_linear_then_norm(
    patch_size, stride, h, w, randomize
):
    embed = OverlapPatchEmbedding(3, 10, patch_size=patch_size, stride=stride)
    randomize(embed).double()
    x = torch.randn(2, 3, h, w, dtype=torch.float64)

    windows = F.unfold(x, patch_size, stride=stride, padding=patch_size // 2)
    tokens = F.linear(
        windows.transpose(1, 2), embed.proj.weight.flatten(1), embed.proj.bias
    )
    variance = tokens.var(dim=-1, correction=0, keepdim=True)
    tokens = tokens - tokens.mean(dim=-1, keepdim=True)
    tokens = tokens / (variance + 1e-5).sqrt()
    tokens = tokens * embed.norm.weight + embed.norm.bias

    rows, columns = math.ceil(h / stride), math.ceil(w / stride)
    expected = tokens.unflatten(1, (rows, columns))
    torch.testing.assert_close(embed(x), expected, rtol=0, atol=1e-12)


@KERNELS
def test_size_is_divided_and_rounded_up(patch_size, stride):
    with torch.device("meta"):
        embed = OverlapPatchEmbedding(
            3, 8, patch_size=patch_size, stride=stride
        )
    for h in range(1, 40):
        w = 2 * h + 1
        rows, columns = math.ceil(h / stride), math.ceil(w / stride)
        x = torch.empty(2, 3, h, w, device="meta")
        assert embed(x).shape == (2, rows, columns, 8)


@pytest.mark.parametrize(
    ("patch_size", "touched"), [(3, {2, 3}), (5, {2, 3}), (7, {1, 2, 3, 4})]
)
def test_pixel_reaches_every_window_that_holds_it(patch_size, touched):
    """Window i is centred on pixel 2i; pixel 5 lies between two centres."""
    embed = OverlapPatchEmbedding(1, 8, patch_size=patch_size, stride=2)
    x = torch.randn(1, 1, 12, 12)
    changed = x.clone()
    changed[0, 0, 5, 5] += 1
    different = (embed(x) != embed(changed)).any(dim=-1)[0]
    assert set(different.any(dim=1).nonzero().flatten().tolist()) == touched
    assert set(different.any(dim=0).nonzero().flatten().tolist()) == touched


@pytest.mark.parametrize("in_channels", [1, 4, 6])
def test_any_number_of_channels(in_channels):
    embed = OverlapPatchEmbedding(in_channels, 8, patch_size=7, stride=4)
    assert embed(torch.randn(1, in_channels, 9, 14)).shape == (1, 3, 4, 8)


def test_eps_is_the_official_one():
    assert OverlapPatchEmbedding(3, 8, patch_size=3, stride=2).norm.eps == 1e-5


def test_gradients_are_right(randomize):
    embed = randomize(OverlapPatchEmbedding(2, 3, patch_size=3, stride=2))
    x = torch.randn(1, 2, 4, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(embed.double(), x)
