"""The feed-forward part written out, and the border that it sees."""

import math

import pytest
import torch
from torch import nn

from segformer_tutorial import MixFFN


def test_equals_the_formula(randomize):
    """fc2(gelu(conv(fc1(x)))), with a shifted sum for the convolution."""
    ffn = randomize(MixFFN(6, expansion_ratio=4)).double()
    x = torch.randn(2, 5, 7, 6, dtype=torch.float64)
    wide = torch.zeros(2, 7, 9, 24, dtype=torch.float64)
    wide[:, 1:-1, 1:-1] = x @ ffn.fc1.weight.T + ffn.fc1.bias
    mixed = ffn.dwconv.bias.clone()
    for i in range(3):
        for j in range(3):
            taps = ffn.dwconv.weight[:, 0, i, j]
            mixed = mixed + taps * wide[:, i : i + 5, j : j + 7]
    active = mixed * (1 + torch.erf(mixed / math.sqrt(2))) / 2
    expected = active @ ffn.fc2.weight.T + ffn.fc2.bias
    torch.testing.assert_close(ffn(x), expected, rtol=0, atol=1e-12)


def test_depthwise_sum_of_ones_counts_the_neighbours():
    """Corner, edge and interior have 4, 6 and 9 of them."""
    conv = MixFFN(1, expansion_ratio=1).dwconv
    nn.init.ones_(conv.weight)
    nn.init.zeros_(conv.bias)
    counts = conv(torch.ones(1, 1, 4, 4))[0, 0]
    assert counts.tolist() == [
        [4, 6, 6, 4],
        [6, 9, 9, 6],
        [6, 9, 9, 6],
        [4, 6, 6, 4],
    ]


def test_constant_map_shows_where_the_border_is(randomize):
    """Corner, edge and interior differ; all of the interior is the same."""
    ffn = randomize(MixFFN(6, expansion_ratio=4)).double()
    x = torch.randn(6, dtype=torch.float64).expand(1, 6, 7, 6)
    out = ffn(x)[0]
    interior = out[1:-1, 1:-1]
    assert (interior - interior[0, 0]).abs().max() < 1e-12
    corner, edge, inside = out[0, 0], out[0, 3], out[3, 3]
    for a, b in ((corner, edge), (edge, inside), (corner, inside)):
        assert (a - b).abs().max() > 1e-2


def test_only_the_eight_neighbours_are_mixed(randomize):
    ffn = randomize(MixFFN(6, expansion_ratio=4))
    x = torch.randn(1, 7, 7, 6)
    changed = x.clone()
    changed[0, 3, 3] += 1
    different = (ffn(x) - ffn(changed)).abs().amax(dim=-1)[0] > 1e-4
    expected = torch.zeros(7, 7, dtype=torch.bool)
    expected[2:5, 2:5] = True
    assert torch.equal(different, expected)


def test_channels_meet_in_the_linear_layers_only():
    """The convolution is depthwise: 35,648 parameters at 64 channels."""
    ffn = MixFFN(64, expansion_ratio=4)
    assert ffn.dwconv.groups == ffn.dwconv.in_channels == 256
    assert sum(p.numel() for p in ffn.parameters()) == 35_648


@pytest.mark.parametrize(("ratio", "hidden"), [(1, 10), (2.5, 25), (8, 80)])
def test_expansion_ratio_sets_the_inner_width(ratio, hidden):
    ffn = MixFFN(10, expansion_ratio=ratio)
    assert ffn.fc1.out_features == ffn.fc2.in_features == hidden
    x = torch.randn(2, 3, 4, 10)
    assert ffn(x).shape == x.shape


def test_gradients_are_right(randomize):
    ffn = randomize(MixFFN(2, expansion_ratio=2)).double()
    x = torch.randn(1, 3, 4, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(ffn, x)
