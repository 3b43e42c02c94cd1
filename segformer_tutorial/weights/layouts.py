"""The names that other projects give to our tensors, as tables.

Each table is read from ours to theirs, so that for every tensor of the model
we know where a file should have it. A file's layout is the one that explains
most of its first stage.

No shape tells the stages' slices of `decoder.fuse.weight` apart. All layouts
here keep the deepest stage first, as the model does, so it is copied as it is.
"""

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from ..config import SegFormerConfig


class WeightsError(ValueError):
    """Weights that cannot be used: says which file and why."""


class Layout(NamedTuple):
    """How one project names our tensors.

    encoder: what may stand before the names of the encoder.
    decoder: how the names of the decoder begin.
    names: pairs (ours, theirs), replaced in this order; what is alike is left
    out. {i} is the stage counted from 0, {s} from 1 and {r} from the last;
    {j} is the block; [a|b] are two tensors, joined in this order.
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
        ("", "encoder.model."),
        SMP,
        (*TIMM, ("stages.", "stages_"), *SMP_DECODER),
    ),
    Layout("smp", ("encoder.",), SMP, OFFICIAL_ENCODER + SMP_DECODER),
    Layout("mmsegmentation", ("backbone.", ""), HEAD, MMSEG_ENCODER),
)
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
DROPPED = (
    (r"(head|classifier|classification_head)\..*", "the image classifier"),
    (r"decode_head\.conv_seg\..*", "a layer that is never used"),
)
NOT_OURS = (
    "its head is mmsegmentation's, another network: a norm and a ReLU for "
    "each stage, stages in the order 1 to 4. No conversion exists. The encoder "
    "is the same: load_weights(model.encoder, ...)"
)


def merge_kv(key: Tensor, value: Tensor) -> Tensor:
    """Keys first, then values: `c ...` and `c ...` -> `2c ...`."""
    if key.shape != value.shape:
        raise ValueError("keys and values must have one shape")
    return torch.cat([key, value])


def split_qkv(qkv: Tensor) -> tuple[Tensor, Tensor]:
    """Queries, then keys and values: `3c ...` -> `c ...` and `2c ...`."""
    c = len(qkv) // 3
    return qkv[:c], qkv[c:]


def convert(name: str, keys: list[str], parts: list[Tensor]) -> Tensor:
    """Make our tensor of the one or two that a file has for it."""
    if len(parts) == 2:
        return merge_kv(*parts)
    x = parts[0]
    if "in_proj_" in keys[0]:
        return split_qkv(x)[0 if ".attn.q." in name else 1]
    if ".ffn.fc" in name and x.shape[2:] == (1, 1):  # a 1 x 1 convolution
        return x.flatten(1)
    return x


def theirs(name: str, layout: Layout, prefix: str) -> list[str]:
    """Our name as a layout spells it; two names where it has two tensors."""
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
    """The layout, and the encoder's prefix, that most of the names have."""

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


class Match(NamedTuple):
    """A tensor for each of our names, and what came of all the others."""

    layout: str
    tensors: dict[str, Tensor]
    kept: list[str]
    dropped: dict[str, str]


def match(
    targets: Mapping[str, Tensor],
    state: Mapping[str, Tensor],
    where: str,
    *,
    new_classifier: bool = False,
) -> Match:
    """Find a tensor for every target, a name in our SegFormer.

    Raises WeightsError that lists all that is missing, left over or misshapen.
    """
    layout, prefix = recognise(state, where)
    dropped = {
        key: reason
        for key in state
        for pattern, reason in DROPPED
        if re.fullmatch(pattern, key)
    }
    head = [key for key in state if key.startswith(layout.decoder)]
    head = [key for key in head if key not in dropped]
    if not any(name.startswith("decoder.") for name in targets):
        dropped.update(dict.fromkeys(head, "the model is an encoder"))
    elif head and layout.name == "mmsegmentation":
        raise WeightsError(f"{where}: {NOT_OURS}")

    tensors, kept, used = {}, [], set()
    problems = {"missing": [], "unexpected": [], "misshapen": []}
    for name, target in targets.items():
        keys = theirs(name, layout, prefix)
        here = "" if keys == [name] else f" (here {name})"
        absent = [key for key in keys if key not in state]
        if name.startswith("decoder.") and not head:
            kept.append(name)
            continue
        used.update(keys)
        if name.startswith("decoder.classify.") and new_classifier:
            kept.append(name)
            dropped.update((key, "a new one is asked for") for key in keys)
        elif absent and name.endswith(".num_batches_tracked"):
            kept.append(name)  # a counter that old files do not have
        elif absent:
            problems["missing"].append(" and ".join(absent) + here)
        else:
            parts = [state[key] for key in keys]
            try:
                tensors[name] = convert(name, keys, parts)
                fits = _kind(tensors[name]) == _kind(target)
            except (RuntimeError, TypeError, ValueError):
                fits = False
            if not fits:
                got = " and ".join(_kind(part) for part in parts)
                problems["misshapen"].append(
                    f"{' and '.join(keys)}{here}: "
                    f"expected {_kind(target)}, got {got}"
                )
    problems["unexpected"] = [
        key for key in state if key not in used and key not in dropped
    ]
    if any(problems.values()):
        lines = [
            f"{where}: does not fit the model, which stays as it was "
            f"({layout.name} layout)"
        ]
        lines += [
            f"{what} ({len(names)}): {some(names, '; ')}"
            for what, names in problems.items()
            if names
        ]
        misshapen = problems["misshapen"]
        if misshapen and all("decoder.classify" in x for x in misshapen):
            lines.append(
                "other classes? new_classifier=True keeps the model's own "
                "last layer"
            )
        elif misshapen:
            lines.append("config_from_weights tells which config would fit")
        raise WeightsError("\n".join(lines))
    dropped = {key: dropped[key] for key in state if key in dropped}
    return Match(layout.name, tensors, kept, dropped)


def config_of(
    state: Mapping[str, Tensor], where: str, **changes
) -> SegFormerConfig:
    """Read off the config; see `weights.config_from_weights`."""
    layout, prefix = recognise(state, where)

    def shape(name: str) -> tuple[int, ...]:
        keys = theirs(f"{name}.weight", layout, prefix)
        return tuple(state[keys[0]].shape) if keys[0] in state else ()

    values = {}
    stage = "encoder.stages.0"
    try:
        head_dim, in_channels = shape(f"{stage}.patch_embedding.proj")[:2]
        if head_dim not in (32, 64) and "num_heads" not in changes:
            raise ValueError("give num_heads, which no tensor tells")
        values["in_channels"] = in_channels
        i = 0
        while patch := shape(f"{stage}.patch_embedding.proj"):
            dim, depth, block = patch[0], 0, f"{stage}.blocks.0"
            while shape(f"{stage}.blocks.{depth}.norm1"):
                depth += 1
            hidden = shape(f"{block}.ffn.dwconv")[0]
            expansion = hidden / dim if hidden % dim else hidden // dim
            for key, value in {
                "dims": dim,
                "depths": depth,
                "num_heads": max(1, dim // head_dim),
                "reduction_ratios": (shape(f"{block}.attn.reduce") or (1,))[-1],
                "expansion_ratios": expansion,
                "patch_sizes": patch[-1],
                "strides": 2 if i else 4,
            }.items():
                values.setdefault(key, []).append(value)
            i += 1
            stage = f"encoder.stages.{i}"
        values["decoder_dim"] = 256 if sum(values["depths"]) == 8 else 768
        if fuse := shape("decoder.fuse"):
            values["decoder_dim"] = fuse[0]
            values["num_classes"] = shape("decoder.classify")[0]
        return SegFormerConfig(**{**values, **changes})
    except (IndexError, ValueError, ZeroDivisionError) as error:
        raise WeightsError(
            f"{where}: no config can be read off: {error}"
        ) from error


def _kind(x: Tensor) -> str:
    """What has to agree: the shape, and that the numbers are floats, dense."""
    kind = "" if x.is_floating_point() else f" {x.dtype}"
    if x.layout != torch.strided:
        kind += f" {x.layout}"
    return f"{tuple(x.shape)}{kind}"


def some(names: Iterable[str], separator: str = ", ", limit: int = 5) -> str:
    """The first names, and how many there are beyond them."""
    names = list(names)
    more = f"{separator}and {len(names) - limit} more" if names[limit:] else ""
    return separator.join(names[:limit]) + more
