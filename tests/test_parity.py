"""The same numbers as three other implementations.

timm and transformers are written anew; the encoder of smp is NVIDIA's code.

Random weights, BatchNorm statistics included, under names that are spelled by
hand.
"""

from dataclasses import replace

import pytest
import states
import torch
from reference import relative_error

from segformer_tutorial import PRESETS, MixTransformer, SegFormer

SIZES = [(64, 96), (61, 75)]
PRECISIONS = [(torch.float32, 1e-5), (torch.float64, 1e-12)]

sizes = pytest.mark.parametrize("size", SIZES, ids=["even", "odd"])
precisions = pytest.mark.parametrize(
    ("dtype", "bound"), PRECISIONS, ids=["float32", "float64"]
)


# timm: the encoder, stage by stage

NARROW = {"dims": (16, 32, 80, 128), "depths": (3, 6, 4, 3)}


@sizes
@precisions
@pytest.mark.parametrize(
    ("name", "options", "changes"),
    [
        ("pvt_v2_b0", {"mlp_ratios": (4, 4, 4, 4)}, {}),
        ("pvt_v2_b0", {}, {"expansion_ratios": (8, 8, 4, 4)}),
        (
            "pvt_v2_b5",
            {"embed_dims": NARROW["dims"], "depths": NARROW["depths"]},
            NARROW,
        ),
    ],
    ids=["b0", "b0-8844", "b5-narrow"],
)
def test_encoder_equals_timm(
    name, options, changes, size, dtype, bound, randomize
):
    """pvt_v2_b5 is MiT-B5 as it stands; narrow and less deep it is fast."""
    timm = pytest.importorskip("timm")
    ours = MixTransformer(replace(PRESETS["b0"], **changes))
    randomize(ours).to(dtype).eval()
    theirs = timm.create_model(name, num_classes=0, **options)
    theirs.load_state_dict(states.timm(ours.state_dict()), strict=True)
    theirs.to(dtype).eval()

    images = torch.randn(1, 3, *size, dtype=dtype)
    with torch.no_grad():
        maps = ours(images)
        x = theirs.patch_embed(images)
        for stage, map_ in zip(theirs.stages, maps, strict=True):
            x = stage(x)
            assert relative_error(map_, x) < bound


def test_encoder_equals_timm_features(randomize):
    timm = pytest.importorskip("timm")
    config = replace(PRESETS["b0"], expansion_ratios=(8, 8, 4, 4))
    ours = randomize(MixTransformer(config)).double().eval()
    theirs = timm.create_model("pvt_v2_b0", features_only=True)
    theirs.load_state_dict(states.timm_features(ours.state_dict()))
    theirs.double().eval()

    images = torch.randn(1, 3, 61, 75, dtype=torch.float64)
    with torch.no_grad():
        for map_, x in zip(ours(images), theirs(images), strict=True):
            assert relative_error(map_, x) < 1e-12


# transformers: the logits


@sizes
@pytest.mark.parametrize(
    ("attention", "dtype", "bound"),
    [
        ("eager", torch.float32, 1e-5),
        ("sdpa", torch.float32, 1e-5),
        ("sdpa", torch.float64, 1e-12),
        # The softmax of their eager attention is always in single precision.
        ("eager", torch.float64, 1e-6),
    ],
    ids=lambda value: str(value).removeprefix("torch."),
)
def test_logits_equal_transformers(attention, dtype, bound, size, randomize):
    """Their norms have eps 1e-5 throughout, whatever their config says."""
    transformers = pytest.importorskip("transformers", minversion="5")
    ours = SegFormer.from_preset("b0", layer_norm_eps=1e-5)
    randomize(ours).to(dtype).eval()
    config = transformers.SegformerConfig(num_labels=150)
    config._attn_implementation = attention
    theirs = transformers.SegformerForSemanticSegmentation(config)
    theirs.load_state_dict(states.transformers(ours.state_dict()), strict=True)
    theirs.to(dtype).eval()
    assert theirs.config._attn_implementation == attention

    images = torch.randn(2, 3, *size, dtype=dtype)
    with torch.no_grad():
        expected = theirs(images).logits
        logits = ours(images)
    assert logits.shape == expected.shape
    assert logits.shape[2:] == tuple(-(-side // 4) for side in size)
    assert relative_error(logits, expected) < bound


# segmentation_models_pytorch: the logits, with the official eps


@precisions
@pytest.mark.parametrize(
    ("encoder", "names", "expansion_ratios"),
    [
        ("mit_b0", states.smp, (4, 4, 4, 4)),
        ("tu-pvt_v2_b0", states.smp_with_timm, (8, 8, 4, 4)),
    ],
    ids=["mit", "pvt"],
)
def test_logits_equal_smp(
    encoder, names, expansion_ratios, dtype, bound, randomize
):
    """Only for sides divisible by 32: smp refuses the others."""
    smp = pytest.importorskip("segmentation_models_pytorch")
    ours = SegFormer.from_preset("b0", expansion_ratios=expansion_ratios)
    randomize(ours).to(dtype).eval()
    theirs = smp.Segformer(encoder, encoder_weights=None, classes=150)
    theirs.load_state_dict(names(ours.state_dict()), strict=True)
    theirs.to(dtype).eval()
    theirs.segmentation_head[1] = torch.nn.Identity()  # upsampling by four

    images = torch.randn(2, 3, 64, 96, dtype=dtype)
    with torch.no_grad():
        expected = theirs(images)
        logits = ours(images)
    assert logits.shape == expected.shape == (2, 150, 16, 24)
    assert relative_error(logits, expected) < bound
