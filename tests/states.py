"""State dicts: compared, and named by hand as other projects name them.

The names stand here apart from the package's tables, so that a mistake in the
tables cannot hide itself. `test_parity` proves the names of timm, transformers
and smp with these libraries; the official names are those of smp's encoder,
which is NVIDIA's code.
"""

import re

import torch


def copied(model):
    return {name: x.clone() for name, x in model.state_dict().items()}


def assert_same(state, other):
    """The same names, and the same values bit for bit."""
    assert state.keys() == other.keys()
    for name, x in state.items():
        assert torch.equal(x, other[name]), name


TIMM = [
    (r"^encoder\.", ""),
    (r"^stages\.0\.patch_embedding\.", "patch_embed."),
    (r"\.patch_embedding\.", ".downsample."),
    (r"\.reduce\.", ".sr."),
    (r"\.ffn\.", ".mlp."),
]
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
OFFICIAL_ENCODER = [
    (r"^encoder\.stages\.(\d)\.patch_embedding\.", r"backbone.patch_embed\1."),
    (r"^encoder\.stages\.(\d)\.blocks\.", r"backbone.block\1."),
    (r"^encoder\.stages\.(\d)\.norm\.", r"backbone.norm\1."),
    (r"\.reduce\.", ".sr."),
    (r"\.ffn\.dwconv\.", ".mlp.dwconv.dwconv."),
    (r"\.ffn\.", ".mlp."),
]
OFFICIAL = [
    *OFFICIAL_ENCODER,
    (r"^decoder\.unify\.(\d)\.", r"decode_head.linear_c\1.proj."),
    (r"^decoder\.fuse\.", "decode_head.linear_fuse.conv."),
    (r"^decoder\.norm\.", "decode_head.linear_fuse.bn."),
    (r"^decoder\.classify\.", "decode_head.linear_pred."),
]
SMP_DECODER = [
    (r"^decoder\.fuse\.", "decoder.fuse_stage.0."),
    (r"^decoder\.norm\.", "decoder.fuse_stage.1."),
    (r"^decoder\.classify\.", "segmentation_head.0."),
]
SMP = [*OFFICIAL_ENCODER, (r"^backbone\.", "encoder."), *SMP_DECODER]


def renamed(state, rules):
    """Apply each rule, a pattern and its replacement, to every name."""
    out = {}
    for name, value in state.items():
        for pattern, replacement in rules:
            name = re.sub(pattern, replacement, name)
        out[name] = value
    return out


def timm(state):
    """An encoder's names in timm."""
    return renamed(state, TIMM)


def timm_features(state):
    """An encoder's names in timm with `features_only=True`."""
    return renamed(state, [*TIMM, (r"^stages\.", "stages_")])


def transformers(state):
    """The names in a model of transformers 5; keys and values stand apart."""
    apart = {}
    for name, value in state.items():
        if ".attn.kv." in name:
            keys, values = value.chunk(2)
            apart[name.replace(".kv.", ".k.")] = keys
            apart[name.replace(".kv.", ".v.")] = values
        else:
            apart[name] = value
    return renamed(apart, TRANSFORMERS)


def official(state):
    """NVlabs' names; stages count from 1."""
    return renamed(counted_from_one(state), OFFICIAL)


def smp(state):
    """The names in smp; stages count from 1, unify from the deepest map."""
    return renamed(counted_from_one(from_the_deepest(state)), SMP)


def smp_with_timm(state):
    """The names in smp where its encoder is one of timm's."""
    encoder = {k: x for k, x in state.items() if k.startswith("encoder.")}
    decoder = {k: x for k, x in state.items() if k.startswith("decoder.")}
    encoder = renamed(timm_features(encoder), [("^", "encoder.model.")])
    return encoder | renamed(from_the_deepest(decoder), SMP_DECODER)


def counted_from_one(state):
    return {
        re.sub(
            r"(?<=^encoder\.stages\.)\d|(?<=^decoder\.unify\.)\d",
            lambda m: str(int(m[0]) + 1),
            name,
        ): value
        for name, value in state.items()
    }


def from_the_deepest(state):
    return {
        re.sub(
            r"^decoder\.unify\.(\d)",
            lambda m: f"decoder.mlp_stage.{3 - int(m[1])}.linear",
            name,
        ): value
        for name, value in state.items()
    }


def mmsegmentation(state):
    """An encoder's names in mmsegmentation: 1 x 1 convolutions, one q, k, v."""
    out = {}
    for name, x in state.items():
        i, *rest = name.removeprefix("encoder.stages.").split(".")
        part = ".".join(rest)
        if part.startswith("patch_embedding."):
            part = part.replace("patch_embedding", "0")
            part = part.replace("0.proj", "0.projection")
        elif part.startswith("norm."):
            part = part.replace("norm", "2")
        else:
            part = part.replace("blocks", "1")
            for ours, theirs in [
                ("ffn.fc1", "ffn.layers.0"),
                ("ffn.dwconv", "ffn.layers.1"),
                ("ffn.fc2", "ffn.layers.4"),
                ("attn.reduce", "attn.sr"),
                ("attn.proj", "attn.attn.out_proj"),
            ]:
                if ours in part:
                    part = part.replace(ours, theirs)
                    if ".fc" in name and x.ndim == 2:
                        x = x[:, :, None, None]
        if "attn.kv" in part:
            continue
        if "attn.q" in part:
            x = torch.cat([x, state[name.replace("attn.q", "attn.kv")]])
            part = part.replace("attn.q.", "attn.attn.in_proj_")
        out[f"backbone.layers.{i}.{part}"] = x
    return out
