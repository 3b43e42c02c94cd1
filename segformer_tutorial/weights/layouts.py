"""The names that other projects give to our tensors, as tables.

Each table leads from our names to theirs, so that for every tensor of the
model we know where a file should have it. The layout of a file is the one that
explains most of its first stage.

No shape tells the stages' slices of `decoder.fuse.weight` apart. All layouts
here keep the deepest stage first, as the model does, so it is copied unchanged.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from .files import WeightsError, some


class Layout(NamedTuple):
    """How one project names our tensors.

    encoder: the prefixes of the encoder's names, first in a whole model, last
    in an encoder alone.
    decoder: the prefixes of the decoder's names.
    names: pairs (ours, theirs), replaced in this order; names that are the
    same are left out. {i} is the stage counted from 0, {s} from 1 and {r} from
    the last; {j} is the block; [a|b] are two tensors, joined in this order.
    """

    name: str
    encoder: tuple[str, ...]
    decoder: tuple[str, ...]
    names: tuple[tuple[str, str], ...]


OFFICIAL_ENCODER = (
    ("stages.{i}.patch_embedding", "patch_embed{s}"),
    ("stages.{i}.blocks.{j}", "block{s}.{j}"),
    ("stages.{i}.norm", "norm{s}"),
    ("attn.reduce", "attn.sr"),
    ("ffn.dwconv", "mlp.dwconv.dwconv"),
    ("ffn", "mlp"),
)
OFFICIAL_DECODER = (
    ("decoder.unify.{i}", "decode_head.linear_c{s}.proj"),
    ("decoder.fuse", "decode_head.linear_fuse.conv"),
    ("decoder.norm", "decode_head.linear_fuse.bn"),
    ("decoder.classify", "decode_head.linear_pred"),
)
SMP_DECODER = (
    ("decoder.unify.{i}", "decoder.mlp_stage.{r}.linear"),
    ("decoder.fuse", "decoder.fuse_stage.0"),
    ("decoder.norm", "decoder.fuse_stage.1"),
    ("decoder.classify", "segmentation_head.0"),
)
TRANSFORMERS = (
    ("stages.{i}.patch_embedding.norm", "patch_embeddings.{i}.layer_norm"),
    ("stages.{i}.patch_embedding", "patch_embeddings.{i}"),
    ("stages.{i}.blocks.{j}", "block.{i}.{j}"),
    ("stages.{i}.norm", "layer_norm.{i}"),
    (".norm1", ".layer_norm_1"),
    (".norm2", ".layer_norm_2"),
    ("attn.q", "attention.self.query"),
    ("attn.kv", "attention.self.[key|value]"),
    ("attn.proj", "attention.output.dense"),
    ("attn.reduce", "attention.self.sr"),
    ("attn.norm", "attention.self.layer_norm"),
    ("ffn.fc", "mlp.dense"),
    ("ffn.dwconv", "mlp.dwconv.dwconv"),
    ("decoder.unify.{i}", "decode_head.linear_c.{i}.proj"),
    ("decoder.fuse", "decode_head.linear_fuse"),
    ("decoder.norm", "decode_head.batch_norm"),
    ("decoder.classify", "decode_head.classifier"),
)
TRANSFORMERS_MEMORY = (
    ("patch_embedding.norm", "patch_embeddings.layer_norm"),
    ("patch_embedding.proj", "patch_embeddings.proj"),
    ("stages.{i}.norm", "stages.{i}.layer_norm"),
    (".norm1", ".layernorm_before"),
    (".norm2", ".layernorm_after"),
    ("attn.q", "attention.q_proj"),
    ("attn.kv", "attention.[k|v]_proj"),
    ("attn.proj", "attention.o_proj"),
    ("attn.reduce", "attention.sequence_reduction.sequence_reduction"),
    ("attn.norm", "attention.sequence_reduction.layer_norm"),
    ("ffn.dwconv", "mlp.dwconv.dwconv"),
    ("ffn", "mlp"),
    ("decoder.unify.{i}", "decode_head.linear_projections.{i}.proj"),
    ("decoder.fuse", "decode_head.linear_fuse"),
    ("decoder.norm", "decode_head.batch_norm"),
    ("decoder.classify", "decode_head.classifier"),
)
TIMM = (
    ("stages.0.patch_embedding", "patch_embed"),
    ("patch_embedding", "downsample"),
    ("attn.reduce", "attn.sr"),
    ("ffn", "mlp"),
)
MMSEG_ENCODER = (
    ("stages.{i}.patch_embedding.proj", "layers.{i}.0.projection"),
    ("stages.{i}.patch_embedding", "layers.{i}.0"),
    ("stages.{i}.blocks.{j}", "layers.{i}.1.{j}"),
    ("stages.{i}.norm", "layers.{i}.2"),
    ("attn.q.", "attn.attn.in_proj_"),
    ("attn.kv.", "attn.attn.in_proj_"),
    ("attn.proj", "attn.attn.out_proj"),
    ("attn.reduce", "attn.sr"),
    ("ffn.fc1", "ffn.layers.0"),
    ("ffn.dwconv", "ffn.layers.1"),
    ("ffn.fc2", "ffn.layers.4"),
)

HEAD = ("decode_head.",)
SMP = ("decoder.", "segmentation_head.")
OFFICIAL = OFFICIAL_ENCODER + OFFICIAL_DECODER
LAYOUTS = (
    Layout("own", ("encoder.", ""), ("decoder.",), ()),
    Layout("official", ("backbone.", ""), HEAD, OFFICIAL),
    # What transformers writes, in every version, and what version 5 holds.
    Layout(
        "transformers", ("segformer.encoder.", "encoder."), HEAD, TRANSFORMERS
    ),
    Layout(
        "transformers in memory", ("segformer.", ""), HEAD, TRANSFORMERS_MEMORY
    ),
    Layout("timm", ("",), (), TIMM),
    Layout(  # timm's features_only, and smp with such an encoder
        "timm features",
        ("encoder.model.", ""),
        SMP,
        (*TIMM, ("stages.", "stages_"), *SMP_DECODER),
    ),
    Layout("smp", ("encoder.", ""), SMP, OFFICIAL_ENCODER + SMP_DECODER),
    Layout("mmsegmentation", ("backbone.", ""), HEAD, MMSEG_ENCODER),
)
ENCODERS_ONLY = ("timm", "mmsegmentation")
# One name of each kind in the first stage, to recognise a layout by.
PROBES = (
    "patch_embedding.proj",
    "patch_embedding.norm",
    "blocks.0.norm1",
    "blocks.0.attn.q",
    "blocks.0.attn.kv",
    "blocks.0.attn.proj",
    "blocks.0.ffn.fc1",
    "blocks.0.ffn.dwconv",
    "norm",
)


def full_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Give the tensors of an encoder the names that they have in a SegFormer.

    Raises TypeError for the tensors of anything else.
    """
    if state and all(name.startswith("stages.") for name in state):
        return {f"encoder.{name}": x for name, x in state.items()}
    if not all(name.startswith(("encoder.", "decoder.")) for name in state):
        raise TypeError(
            "expected a SegFormer or a MixTransformer, got tensors called "
            f"{some(state, limit=2)}"
        )
    return dict(state)


def theirs(name: str, layout: Layout, prefix: str) -> list[str]:
    """The name of our tensor in a layout; two where it has two tensors."""
    if name.startswith("encoder."):
        name = name.removeprefix("encoder.")
    else:
        prefix = ""
    found = re.search(r"(?:stages|unify)\.(\d+)(?:\.blocks\.(\d+))?", name)
    i, j = found.groups() if found else (0, None)
    numbers = {"i": i, "s": int(i) + 1, "r": 3 - int(i), "j": j}
    for ours, other in layout.names:
        name = name.replace(ours.format(**numbers), other.format(**numbers))
    pair = re.search(r"\[(\w+)\|(\w+)\]", name)
    if pair is None:
        return [prefix + name]
    return [prefix + name.replace(pair[0], part) for part in pair.groups()]


def recognise(state: Mapping[str, Tensor], where: str) -> tuple[Layout, str]:
    """The layout and the prefix of the encoder that explain most names."""

    def hits(pair: tuple[Layout, str]) -> int:
        names = [theirs(f"encoder.stages.0.{x}.weight", *pair) for x in PROBES]
        return sum(all(key in state for key in keys) for keys in names)

    best = max(((x, prefix) for x in LAYOUTS for prefix in x.encoder), key=hits)
    if hits(best) <= len(PROBES) // 2:
        raise WeightsError(
            f"{where}: not a SegFormer in a known layout "
            f"({', '.join(layout.name for layout in LAYOUTS)}). "
            f"Its tensors: {some(state) or 'none'}"
        )
    return best


def to_layout(state: Mapping[str, Tensor], layout: str) -> dict[str, Tensor]:
    """Give our tensors the names that they have in another project.

    state: the state dict of a SegFormer or of a MixTransformer.
    layout: the name of one of `LAYOUTS`.

    `load_weights` is the inverse. Tensors are split, joined and reshaped where
    the layout asks for it, and may share memory with ours. Raises ValueError
    for another layout, WeightsError for a decoder where the layout has none
    that fits, TypeError for the state dict of another network.
    """
    known = {x.name: x for x in LAYOUTS}
    if layout not in known:
        raise ValueError(
            f"layout must be one of {', '.join(known)}, got {layout!r}"
        )
    spelled = known[layout]
    state = full_names(state)
    whole = any(name.startswith("decoder.") for name in state)
    if whole and layout in ENCODERS_ONLY:
        raise WeightsError(
            f"the {layout} layout has no place for our decoder: give the "
            "state dict of model.encoder"
        )
    renamed: dict[str, Tensor] = {}
    for name, x in state.items():
        keys = theirs(name, spelled, spelled.encoder[0 if whole else -1])
        if len(keys) == 2:
            renamed.update(zip(keys, x.chunk(2), strict=True))
            continue
        if "in_proj_" in keys[0]:
            if ".attn.kv." in name:
                continue  # joined to the queries
            x = torch.cat([x, state[name.replace(".attn.q.", ".attn.kv.")]])
        elif ".ffn.layers." in keys[0] and x.ndim == 2:  # a 1 x 1 convolution
            x = x[:, :, None, None]
        renamed[keys[0]] = x
    return renamed
