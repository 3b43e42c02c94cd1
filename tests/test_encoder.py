"""Blocks, stages and the encoder: arithmetic, schedules, initialisation."""

import math
from dataclasses import replace
from itertools import chain

import pytest
import torch
from torch import nn

from segformer_tutorial import (
    PRESETS,
    DropPath,
    MixTransformer,
    MixTransformerStage,
    SegFormerConfig,
    TransformerBlock,
)
from segformer_tutorial.encoder import drop_path_rates


def make_block(**changes):
    options = {"num_heads": 2, "reduction_ratio": 2, "expansion_ratio": 4}
    return TransformerBlock(8, **options | changes)


# Stochastic depth


@pytest.mark.parametrize("p", [0.0, 0.1, 0.7])
@pytest.mark.parametrize("shape", [(6, 3), (6, 2, 4, 3)])
def test_drop_path_equals_torchvision(p, shape):
    ops = pytest.importorskip("torchvision.ops")
    x = torch.randn(shape)
    torch.manual_seed(1)
    ours = DropPath(p)(x)
    torch.manual_seed(1)
    theirs = ops.StochasticDepth(p, mode="row")(x)
    torch.testing.assert_close(ours, theirs)


def test_drop_path_drops_whole_samples_and_scales_the_others():
    out = DropPath(0.25)(torch.ones(4000, 2, 3))
    values = out.flatten(1)
    assert (values == values[:, :1]).all()
    kept = values[:, 0] != 0
    torch.testing.assert_close(
        values[kept, 0], torch.full((int(kept.sum()),), 4 / 3)
    )
    assert kept.float().mean().item() == pytest.approx(0.75, abs=0.03)
    assert out.mean().item() == pytest.approx(1, abs=0.04)


def test_drop_path_does_nothing_in_evaluation_mode_or_at_rate_zero():
    x = torch.randn(5, 3)
    assert DropPath(0.9).eval()(x) is x
    assert DropPath(0)(x) is x


def test_drop_path_shows_its_rate():
    assert repr(DropPath(0.1 / 3)) == "DropPath(p=0.03333)"


@pytest.mark.parametrize("name", PRESETS)
def test_rates_rise_linearly_to_a_tenth(name):
    config = PRESETS[name]
    rates = drop_path_rates(config)
    assert tuple(len(stage) for stage in rates) == config.depths
    flat = torch.tensor(list(chain(*rates)), dtype=torch.float64)
    expected = torch.linspace(0, 0.1, sum(config.depths), dtype=torch.float64)
    torch.testing.assert_close(flat, expected, rtol=0, atol=1e-15)


def test_each_block_has_its_rate():
    """Of the whole model's schedule, not of its stage's."""
    config = replace(PRESETS["b2"], dims=(8, 16, 40, 64), drop_path=0.3)
    with torch.device("meta"):
        encoder = MixTransformer(config)
    rates = [
        block.drop_path.p for stage in encoder.stages for block in stage.blocks
    ]
    assert rates == pytest.approx(torch.linspace(0, 0.3, 16).tolist())


def test_schedule_of_a_single_block():
    config = SegFormerConfig(
        dims=(8,),
        depths=(1,),
        num_heads=(1,),
        reduction_ratios=(8,),
        expansion_ratios=(4,),
        patch_sizes=(7,),
        strides=(4,),
    )
    assert drop_path_rates(config) == [[0.0]]


# Block and stage


def test_block_is_two_residual_branches(randomize):
    block = randomize(make_block()).eval()
    x = torch.randn(2, 4, 6, 8)
    y = x + block.attn(block.norm1(x))
    torch.testing.assert_close(block(x), y + block.ffn(block.norm2(y)))


def test_branches_are_dropped_one_by_one(randomize):
    """Each sample of a batch meets one of four cases; all four happen."""
    block = randomize(make_block(drop_path=0.5)).train()
    x = torch.randn(1, 4, 6, 8).expand(64, -1, -1, -1)
    out = block(x)
    cases = []
    for attention in (0, 2):
        y = x[:1] + attention * block.attn(block.norm1(x[:1]))
        for ffn in (0, 2):
            cases.append(y + ffn * block.ffn(block.norm2(y)))
    errors = torch.stack(
        [(out - case).abs().flatten(1).amax(dim=1) for case in cases]
    )
    best, case = errors.min(dim=0)
    assert best.max() < 1e-4
    assert set(case.tolist()) == {0, 1, 2, 3}


def test_stage_embeds_then_runs_its_blocks_then_normalises(randomize):
    stage = MixTransformerStage(
        3,
        8,
        patch_size=3,
        stride=2,
        num_heads=2,
        reduction_ratio=2,
        expansion_ratio=4,
        drop_paths=[0.0, 0.1, 0.2],
    )
    randomize(stage).eval()
    x = torch.randn(2, 3, 9, 12)
    y = stage.patch_embedding(x)
    assert len(stage.blocks) == 3
    for block in stage.blocks:
        y = block(y)
    expected = stage.norm(y).permute(0, 3, 1, 2)
    assert expected.shape == (2, 8, 5, 6)
    torch.testing.assert_close(stage(x), expected)


# The pyramid


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("b0", 3_319_392),
        ("b1", 13_151_424),
        ("b2", 24_196_288),
        ("b3", 44_072_128),
        ("b4", 60_842_688),
        ("b5", 81_443_008),
    ],
)
def test_number_of_parameters(name, count):
    with torch.device("meta"):
        encoder = MixTransformer(PRESETS[name])
    assert sum(p.numel() for p in encoder.parameters()) == count


def test_maps_of_b0_as_in_the_paper():
    with torch.device("meta"):
        encoder = MixTransformer(PRESETS["b0"])
    maps = encoder(torch.empty(2, 3, 512, 512, device="meta"))
    assert [tuple(m.shape) for m in maps] == [
        (2, 32, 128, 128),
        (2, 64, 64, 64),
        (2, 160, 32, 32),
        (2, 256, 16, 16),
    ]


@pytest.mark.parametrize(("h", "w"), [(32, 32), (33, 47), (75, 107), (64, 250)])
@pytest.mark.parametrize("batch", [1, 3])
def test_sides_are_rounded_up(tiny, h, w, batch):
    maps = MixTransformer(tiny).eval()(torch.randn(batch, 3, h, w))
    assert [tuple(m.shape) for m in maps] == [
        (batch, dim, math.ceil(h / s), math.ceil(w / s))
        for dim, s in zip(tiny.dims, (4, 8, 16, 32), strict=True)
    ]


def test_each_stage_reads_the_map_before_it(tiny, randomize):
    encoder = randomize(MixTransformer(tiny)).eval()
    x = torch.randn(1, 3, 64, 96)
    maps = encoder(x)
    for stage, map_ in zip(encoder.stages, maps, strict=True):
        x = stage(x)
        assert torch.equal(x, map_)


@pytest.mark.parametrize(
    ("h", "w", "keys"),
    [
        (64, 96, [6, 6, 6, 6]),
        (512, 512, [256, 256, 256, 256]),
        (1024, 512, [512, 512, 512, 512]),
        (250, 250, [49, 64, 64, 64]),
    ],
)
def test_every_stage_has_the_same_number_of_keys(h, w, keys):
    """(h / 32)(w / 32) where both sides are divisible by 32."""
    with torch.device("meta"):
        encoder = MixTransformer(PRESETS["b0"])
    seen = []
    for stage in encoder.stages:
        stage.blocks[0].attn.kv.register_forward_pre_hook(
            lambda _, args: seen.append(args[0].shape[1:3].numel())
        )
    encoder(torch.empty(1, 3, h, w, device="meta"))
    assert seen == keys


def test_images_of_a_batch_do_not_meet(tiny, randomize):
    encoder = randomize(MixTransformer(tiny)).eval()
    x = torch.randn(3, 3, 40, 56)
    together = encoder(x)
    for i in range(3):
        for alone, batch in zip(encoder(x[i : i + 1]), together, strict=True):
            torch.testing.assert_close(alone[0], batch[i], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("shape", [(3, 64, 64), (1, 1, 3, 64, 64), (64, 64)])
def test_images_of_another_rank(tiny, shape):
    with pytest.raises(ValueError) as error:
        MixTransformer(tiny)(torch.zeros(shape))
    assert "images must be b c h w with c = 3" in str(error.value)
    assert f"got shape {shape}" in str(error.value)


@pytest.mark.parametrize("shape", [(2, 4, 64, 64), (2, 64, 64, 3)])
def test_images_with_other_channels(tiny, shape):
    """Channels last, as NumPy has them, is refused by name too."""
    with pytest.raises(ValueError) as error:
        MixTransformer(tiny)(torch.zeros(shape))
    assert "images must be b c h w with c = 3" in str(error.value)
    assert f"got shape {shape}" in str(error.value)


@pytest.mark.parametrize(("h", "w"), [(31, 64), (64, 31), (1, 1)])
def test_images_that_are_too_small(tiny, h, w):
    with pytest.raises(ValueError) as error:
        MixTransformer(tiny)(torch.zeros(1, 3, h, w))
    assert "images must be at least 32 pixels" in str(error.value)
    assert f"got {h} x {w}" in str(error.value)


# Norms and initialisation


def layer_norms(encoder: nn.Module) -> dict[str, float]:
    return {
        name: module.eps
        for name, module in encoder.named_modules()
        if isinstance(module, nn.LayerNorm)
    }


def test_eps_of_every_norm_is_the_official_one(tiny):
    """1e-6 in the blocks and after a stage, 1e-5 in the other two places."""
    found = layer_norms(MixTransformer(tiny))
    expected = {}
    for i, depth in enumerate(tiny.depths):
        expected[f"stages.{i}.patch_embedding.norm"] = 1e-5
        expected[f"stages.{i}.norm"] = 1e-6
        for j in range(depth):
            block = f"stages.{i}.blocks.{j}"
            expected[f"{block}.norm1"] = expected[f"{block}.norm2"] = 1e-6
            if i < 3:  # the last stage does not reduce
                expected[f"{block}.attn.norm"] = 1e-5
    assert found == expected


def test_eps_of_the_config_replaces_every_one(tiny):
    config = replace(tiny, layer_norm_eps=1e-5)
    assert set(layer_norms(MixTransformer(config)).values()) == {1e-5}


@pytest.fixture(scope="module")
def wide_encoder():
    """One block of B2's widths in each stage."""
    torch.manual_seed(0)
    return MixTransformer(replace(PRESETS["b2"], depths=(1, 1, 1, 1)))


def describe(weight: torch.Tensor) -> tuple[float, float, float, float]:
    """Standard deviation; in its units mean, fourth moment and largest value.

    The fourth moment is 3 for a normal distribution, 1.8 for a uniform one,
    2.06 for a normal one that is cut at two standard deviations.
    """
    w = weight.detach().double()
    std = w.std()
    return (
        std.item(),
        (w.mean() / std).item(),
        (w / std).pow(4).mean().item(),
        (w.abs().max() / std).item(),
    )


def test_initialisation_of_linear_layers(wide_encoder):
    """Normal, not cut at two standard deviations (0.04); biases zero."""
    layers = [m for m in wide_encoder.modules() if isinstance(m, nn.Linear)]
    assert len(layers) == 20
    for layer in layers:
        n = layer.weight.numel()
        std, mean, fourth, largest = describe(layer.weight)
        assert std == pytest.approx(0.02, rel=4 / math.sqrt(n))
        assert mean == pytest.approx(0, abs=5 / math.sqrt(n))
        assert fourth == pytest.approx(3, abs=25 / math.sqrt(n))
        assert largest > 3
        assert not layer.bias.any()


def test_initialisation_of_convolutions(wide_encoder):
    """Normal with variance 2 / (k k out / groups); biases zero."""
    layers = [m for m in wide_encoder.modules() if isinstance(m, nn.Conv2d)]
    assert len(layers) == 4 + 4 + 3  # patches, depthwise, reductions
    for layer in layers:
        n = layer.weight.numel()
        k, _ = layer.kernel_size
        fan_out = k * k * layer.out_channels / layer.groups
        std, mean, fourth, _ = describe(layer.weight)
        assert std == pytest.approx(
            math.sqrt(2 / fan_out), rel=4 / math.sqrt(n)
        )
        assert mean == pytest.approx(0, abs=5 / math.sqrt(n))
        assert fourth == pytest.approx(3, abs=25 / math.sqrt(n))
        assert not layer.bias.any()


def test_initialisation_of_norms(wide_encoder):
    layers = [m for m in wide_encoder.modules() if isinstance(m, nn.LayerNorm)]
    assert len(layers) == 4 + 4 + 8 + 3
    for layer in layers:
        assert (layer.weight == 1).all()
        assert not layer.bias.any()


# Gradients


def test_gradients_of_a_block_are_right(randomize):
    block = TransformerBlock(
        4, num_heads=2, reduction_ratio=2, expansion_ratio=2
    )
    randomize(block).double()
    x = torch.randn(1, 2, 4, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(block, x)


def test_smallest_image_leaves_each_reduction_a_window():
    config = SegFormerConfig(reduction_ratios=(16, 8, 4, 2))
    encoder = MixTransformer(config).eval()
    with pytest.raises(ValueError, match="at least 64 pixels"):
        encoder(torch.zeros(1, 3, 64, 63))
    assert encoder(torch.zeros(1, 3, 64, 64))[-1].shape == (1, 256, 2, 2)
