"""The same layer as nn.Linear, whichever way the product is computed."""

import copy
import warnings

import pytest
import torch
from torch import nn

from segformer_tutorial.linear import PointwiseLinear


def twins(*sizes: int) -> tuple[PointwiseLinear, nn.Linear]:
    ours, plain = PointwiseLinear(*sizes), nn.Linear(*sizes)
    plain.load_state_dict(ours.state_dict())
    return ours, plain


def count_convolutions(module, x) -> int:
    with torch.profiler.profile() as profile:
        module(x)
    return sum(
        e.count for e in profile.key_averages() if e.key == "aten::conv2d"
    )


@pytest.mark.parametrize("shape", [(2, 5, 7, 8), (1, 1, 1, 8), (3, 1, 6, 8)])
@pytest.mark.parametrize("turned", [False, True])
def test_equals_nn_linear_with_gradients(shape, turned):
    ours, plain = twins(8, 12)
    x = torch.randn(shape)
    if turned:  # the same values, channels first in memory
        x = x.permute(0, 3, 1, 2).contiguous().permute(0, 2, 3, 1)
    inputs = [x.clone().requires_grad_() for _ in range(2)]
    outputs = [layer(i) for layer, i in zip((ours, plain), inputs, strict=True)]
    torch.testing.assert_close(*outputs)
    for output in outputs:
        output.square().sum().backward()
    torch.testing.assert_close(inputs[0].grad, inputs[1].grad)
    for a, b in zip(ours.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad)


@pytest.mark.skipif(
    not torch.backends.mkldnn.is_available(), reason="needs oneDNN"
)
def test_only_float_maps_on_the_cpu_go_through_a_convolution():
    layer = PointwiseLinear(8, 12)
    assert count_convolutions(layer, torch.randn(1, 4, 4, 8)) == 1
    assert count_convolutions(layer, torch.randn(4, 8)) == 0
    double = copy.deepcopy(layer).double()
    assert count_convolutions(double, torch.randn(1, 4, 4, 8).double()) == 0


def test_exports_as_a_linear_layer():
    layer, x = PointwiseLinear(8, 12), torch.randn(1, 4, 4, 8)
    graph = torch.export.export(layer, (x,)).graph
    targets = {str(node.target) for node in graph.nodes}
    assert "aten.linear.default" in targets
    assert not any("conv" in target for target in targets)


@pytest.mark.parametrize("shape", [(8,), (3, 8), (2, 3, 8), (2, 2, 2, 2, 8)])
def test_other_ranks(shape):
    ours, plain = twins(8, 12)
    x = torch.randn(shape)
    assert torch.equal(ours(x), plain(x))


def test_becomes_nn_linear_for_tools_that_ask_for_its_type():
    """`quantize_dynamic` passes over a subclass without a word."""
    quantization = pytest.importorskip("torch.ao.quantization")
    net = nn.Sequential(PointwiseLinear(8, 12))
    x = torch.randn(1, 4, 4, 8)
    expected = net(x)

    def quantized():
        with warnings.catch_warnings():  # it is deprecated, and still there
            warnings.simplefilter("ignore")
            return quantization.quantize_dynamic(net, {nn.Linear})

    assert torch.equal(quantized()(x), expected)
    net[0].__class__ = nn.Linear
    torch.testing.assert_close(net(x), expected)
    small = quantized()
    assert not isinstance(small[0], nn.Linear)
    torch.testing.assert_close(small(x), expected, rtol=0, atol=0.05)
