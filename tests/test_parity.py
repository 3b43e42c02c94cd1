"""The same numbers as three other implementations.

timm and transformers are written anew; the encoder of smp is NVIDIA's code.

Random weights, BatchNorm statistics included. The names are mapped here, on
their own, so that a mistake in the package's converters cannot hide itself.
"""

import re
from dataclasses import replace

import pytest
import torch
from reference import relative_error

from segformer_tutorial import PRESETS, MixTransformer, SegFormer

SIZES = [(64, 96), (61, 75)]
PRECISIONS = [(torch.float32, 1e-5), (torch.float64, 1e-12)]

sizes = pytest.mark.parametrize("size", SIZES, ids=["even", "odd"])
precisions = pytest.mark.parametrize(
    ("dtype", "bound"), PRECISIONS, ids=["float32", "float64"]
)


def renamed(state, rules):
    """Apply each rule, a pattern and its replacement, to every name."""
    out = {}
    for name, value in state.items():
        for pattern, replacement in rules:
            name = re.sub(pattern, replacement, name)
        out[name] = value
    return out


# timm: the encoder, stage by stage

TIMM = [
    (r"^stages\.0\.patch_embedding\.", "patch_embed."),
    (r"\.patch_embedding\.", ".downsample."),
    (r"\.reduce\.", ".sr."),
    (r"\.ffn\.", ".mlp."),
]


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
    theirs.load_state_dict(renamed(ours.state_dict(), TIMM), strict=True)
    theirs.to(dtype).eval()

    images = torch.randn(1, 3, *size, dtype=dtype)
    with torch.no_grad():
        maps = ours(images)
        x = theirs.patch_embed(images)
        for stage, map_ in zip(theirs.stages, maps, strict=True):
            x = stage(x)
            assert relative_error(map_, x) < bound


# transformers: the logits

TRANSFORMERS = [
    (r"^encoder\.", "segformer."),
    (r"\.patch_embedding\.proj\.", ".patch_embeddings.proj."),
    (r"\.patch_embedding\.norm\.", ".patch_embeddings.layer_norm."),
    (r"\.norm1\.", ".layernorm_before."),
    (r"\.norm2\.", ".layernorm_after."),
    (r"(stages\.\d)\.norm\.", r"\1.layer_norm."),
    (r"\.attn\.([qkv]|proj)\.", r".attention.\1_proj."),
    (r"\.proj_proj\.", ".o_proj."),
    (
        r"\.attn\.reduce\.",
        ".attention.sequence_reduction.sequence_reduction.",
    ),
    (r"\.attn\.norm\.", ".attention.sequence_reduction.layer_norm."),
    (r"\.ffn\.dwconv\.", ".mlp.dwconv.dwconv."),
    (r"\.ffn\.", ".mlp."),
    (r"^decoder\.unify\.(\d)\.", r"decode_head.linear_projections.\1.proj."),
    (r"^decoder\.fuse\.", "decode_head.linear_fuse."),
    (r"^decoder\.norm\.", "decode_head.batch_norm."),
    (r"^decoder\.classify\.", "decode_head.classifier."),
]


def with_keys_and_values_apart(state):
    out = {}
    for name, value in state.items():
        if ".attn.kv." in name:
            keys, values = value.chunk(2)
            out[name.replace(".kv.", ".k.")] = keys
            out[name.replace(".kv.", ".v.")] = values
        else:
            out[name] = value
    return out


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
    state = with_keys_and_values_apart(ours.state_dict())
    theirs.load_state_dict(renamed(state, TRANSFORMERS), strict=True)
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

SMP = [
    (r"^encoder\.stages\.(\d)\.patch_embedding\.", r"encoder.patch_embed\1."),
    (r"^encoder\.stages\.(\d)\.blocks\.", r"encoder.block\1."),
    (r"^encoder\.stages\.(\d)\.norm\.", r"encoder.norm\1."),
    (r"\.reduce\.", ".sr."),
    (r"\.ffn\.dwconv\.", ".mlp.dwconv.dwconv."),
    (r"\.ffn\.", ".mlp."),
    (r"^decoder\.fuse\.", "decoder.fuse_stage.0."),
    (r"^decoder\.norm\.", "decoder.fuse_stage.1."),
    (r"^decoder\.classify\.", "segmentation_head.0."),
]


def with_their_stage_numbers(state):
    """Stages count from 1, and the decoder's list starts at the deepest."""
    out = {}
    for name, value in state.items():
        name = re.sub(
            r"(?<=^encoder\.stages\.)\d", lambda m: str(int(m[0]) + 1), name
        )
        name = re.sub(
            r"^decoder\.unify\.(\d)",
            lambda m: f"decoder.mlp_stage.{3 - int(m[1])}.linear",
            name,
        )
        out[name] = value
    return out


@precisions
def test_logits_equal_smp(dtype, bound, randomize):
    """Sizes that divide by 32 only: the others are refused there."""
    smp = pytest.importorskip("segmentation_models_pytorch")
    ours = randomize(SegFormer.from_preset("b0")).to(dtype).eval()
    theirs = smp.Segformer("mit_b0", encoder_weights=None, classes=150)
    state = with_their_stage_numbers(ours.state_dict())
    theirs.load_state_dict(renamed(state, SMP), strict=True)
    theirs.to(dtype).eval()
    theirs.segmentation_head[1] = torch.nn.Identity()  # upsampling by four

    images = torch.randn(2, 3, 64, 96, dtype=dtype)
    with torch.no_grad():
        expected = theirs(images)
        logits = ours(images)
    assert logits.shape == expected.shape == (2, 150, 16, 24)
    assert relative_error(logits, expected) < bound
