"""The paper's Table 1a, and what folding the decoder saves.

A multiply-add is one operation here, as in the paper, which calls it a FLOP.
Linear layers, convolutions and the two products of attention count; biases,
norms, activations and resizing do not, unless a test says so.
"""

import pytest
import torch
from torch import nn

from segformer_tutorial import PRESETS, EfficientSelfAttention, SegFormer
from segformer_tutorial.evaluate.cost import count_macs

TABLE_1A = {  # side of the image, billions
    "b0": (512, 8.4),
    "b1": (512, 15.9),
    "b2": (512, 62.4),
    "b3": (512, 79.0),
    "b4": (512, 95.7),
    "b5": (640, 183.3),
}


def on_meta(name: str, side: int, **changes):
    with torch.device("meta"):
        net = SegFormer.from_preset(name, **changes).eval()
        return net.requires_grad_(False), torch.empty(1, 3, side, side)


@pytest.mark.parametrize("name", PRESETS)
def test_published_form_is_the_papers_table(name):
    side, expected = TABLE_1A[name]
    net, images = on_meta(name, side, folded=False)
    macs = count_macs(net, images).total() / 1e9
    assert macs == pytest.approx(expected, rel=0.005)


@pytest.mark.parametrize("name", PRESETS)
def test_with_some_small_terms_every_printed_digit_is_met(name):
    """One operation for each bias of a convolution and for each ReLU, none
    for norms and for the biases of linear layers."""
    side, expected = TABLE_1A[name]
    net, images = on_meta(name, side, folded=False)
    small = 0

    def count(module, _, output):
        nonlocal small
        relu = isinstance(module, nn.BatchNorm2d)  # it comes right after
        if relu or module.bias is not None:
            small += output.numel()

    for module in net.modules():
        if isinstance(module, nn.Conv2d | nn.BatchNorm2d):
            module.register_forward_hook(count)
    macs = count_macs(net, images).total() + small
    assert round(macs / 1e9, 1) == expected


@pytest.mark.parametrize(
    ("name", "expected", "folded", "share"),
    [
        ("b0", 8.39, 4.09, 62),
        ("b1", 15.88, 11.58, 34),
        ("b2", 62.34, 23.68, 68),
        ("b3", 78.96, 40.31, 53),
        ("b4", 95.57, 56.91, 44),
        ("b5", 111.51, 72.86, 38),
    ],
)
def test_folding_the_decoder(name, expected, folded, share):
    """At 512 x 512. The products of the decoder's own weights are counted
    apart: they are formed once per forward pass, whatever the batch."""
    net, images = on_meta(name, 512)
    plain, _ = on_meta(name, 512, folded=False)
    encoder = count_macs(net.encoder, images).total()
    maps = net.encoder(images)
    as_published = encoder + count_macs(plain.decoder, maps).total()
    as_folded = encoder + count_macs(net.decoder, maps).total()
    as_folded -= fold_products(net, maps)
    assert round(as_published / 1e9, 2) == expected
    assert round(as_folded / 1e9, 2) == folded
    assert round(100 * (1 - encoder / as_published)) == share


def fold_products(net, maps) -> int:
    """In the folded decoder feature maps go through convolutions only: what
    is left over are matrices times matrices and vectors."""
    counts = count_macs(net.decoder, maps)
    assert set(counts) == {"convolution", "mm", "mv"}
    return counts["mm"] + counts["mv"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [("b0", 0.0338), ("b1", 0.0674), ("b2", 0.6063), ("b5", 0.6063)],
)
@pytest.mark.parametrize("batch", [1, 8])
def test_products_of_the_weights(name, expected, batch):
    """dim x dim x c and dim x dim for each stage, whatever the batch."""
    net, _ = on_meta(name, 32)
    maps = net.encoder(torch.empty(batch, 3, 64, 64, device="meta"))
    products = fold_products(net, maps)
    config = net.config
    assert products == config.decoder_dim**2 * sum(d + 1 for d in config.dims)
    assert products / 1e9 == pytest.approx(expected, abs=5e-5)


@pytest.mark.parametrize(
    ("width", "expected", "folded"),
    [(256, 25.7, 21.4), (768, 62.3, 23.7), (2048, 304.3, 29.4)],
)
def test_wider_decoders(width, expected, folded):
    """B2 with the widths of Table 1b, again without the products."""
    net, images = on_meta("b2", 512, decoder_dim=width)
    plain, _ = on_meta("b2", 512, decoder_dim=width, folded=False)
    encoder = count_macs(net.encoder, images).total()
    maps = net.encoder(images)
    as_published = encoder + count_macs(plain.decoder, maps).total()
    as_folded = encoder + count_macs(net.decoder, maps).total()
    as_folded -= fold_products(net, maps)
    assert round(as_published / 1e9, 1) == expected
    assert round(as_folded / 1e9, 1) == folded


@pytest.mark.parametrize("device", ["cpu", "meta"])
@pytest.mark.parametrize("ratio", [1, 2])
def test_counter_sees_both_products_of_attention(device, ratio):
    """Against the sum by hand, also where attention is one fused call."""
    with torch.device(device):
        attn = EfficientSelfAttention(12, num_heads=3, reduction_ratio=ratio)
        x = torch.randn(2, 4, 6, 12)
    tokens = 2 * 24
    keys = 24 // ratio**2
    expected = tokens * 12 * 12  # q
    expected += tokens // ratio**2 * 12 * 24  # k and v
    expected += 2 * tokens * keys * 12  # q k^T, and the weights times v
    expected += tokens * 12 * 12  # proj
    if ratio > 1:
        expected += tokens * 12 * 12  # the reduction, whatever its ratio
    assert count_macs(attn, x).total() == expected


@pytest.mark.parametrize("stage", range(4))
def test_doubling_the_side_makes_attention_sixteen_times_dearer(stage):
    """The paper's sequence reduction divides the cost; it stays quadratic."""
    net, _ = on_meta("b0", 32)
    attn = net.encoder.stages[stage].blocks[0].attn
    dim = net.config.dims[stage]
    costs = []
    for side in (16, 32):
        x = torch.empty(1, side, side, dim, device="meta")
        linear = 2 * side * side * dim * dim
        keys = (side // attn.reduction_ratio) ** 2
        linear += 2 * keys * dim * dim
        if attn.reduction_ratio > 1:
            linear += side * side * dim * dim
        costs.append(count_macs(attn, x).total() - linear)
    assert costs[1] == 16 * costs[0]
