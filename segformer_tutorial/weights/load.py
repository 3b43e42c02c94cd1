"""Published weights into a model, and the config that they fit."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn

from ..attention import EfficientSelfAttention as Attention
from ..config import SegFormerConfig
from ..patch_embedding import OverlapPatchEmbedding as Patches
from . import hub, own, pretrained
from .files import WeightsError, some, strip_prefixes
from .layouts import full_names, recognise, theirs
from .match import match
from .model import fit
from .source import read_source, stored_config


@dataclass(frozen=True)
class WeightsReport:
    """What became of every tensor of the source and of the model.

    loaded: how many of the model's tensors were filled. kept: those that stay
    as they were, because the source has nothing for them. dropped: those of
    the source that the model does not need, with the reason. part: the keys
    under which the source holds the tensors, joined by dots; other_parts lead
    to further weights that were not taken. revision (a commit) and license are
    a hub's, None where they are not known.
    """

    source: str
    layout: str
    loaded: int
    kept: tuple[str, ...] = ()
    dropped: dict[str, str] = field(default_factory=dict)
    part: str = ""
    other_parts: tuple[str, ...] = ()
    revision: str | None = None
    license: str | None = None

    def __str__(self) -> str:
        text = f"{self.source}: {self.loaded} tensors, {self.layout} layout"
        if self.revision:
            terms = hub.terms(self.source, self.revision, self.license)
            text += f"\n{terms}"
        if self.other_parts:
            text += f"\ntaken: {self.part}, not {some(self.other_parts)}"
        kept = some(self.kept, limit=2)
        rest = [f"kept as they were: {kept}"] if kept else []
        for reason in dict.fromkeys(self.dropped.values()):
            names = [k for k, v in self.dropped.items() if v == reason]
            rest.append(f"dropped: {some(names, limit=2)} ({reason})")
        return "\n".join([text, "; ".join(rest)]) if rest else text


def load_weights(
    model: nn.Module,
    source: str | os.PathLike | Mapping[str, Tensor],
    *,
    new_classifier: bool = False,
    new_channels: bool = False,
    revision: str | None = None,
) -> WeightsReport:
    """Fill a SegFormer or a MixTransformer, and say what was done.

    source: a state dict, a file (.safetensors, .pth, .pt, .bin, .ckpt), a
    folder of transformers or a hub's `owner/name`, there at `revision`, in any
    of `layouts.LAYOUTS`. What lies here goes before a hub's name. A source
    without a decoder fills the encoder alone; a MixTransformer takes
    only the encoder of a source. Where a file holds averaged weights (EMA) and
    plain ones, the averaged are taken.
    new_classifier: keep the model's own last layer, for other classes.
    new_channels: allow a source with fewer input channels than the model. Its
    kernels fill the first channels; those of the others stay the model's own.

    The values take the model's dtype and device; the mode, training or
    evaluation, does not change. Raises WeightsError, with the model as it was
    before, where the source cannot be read or a tensor is missing, unexpected
    or of another shape; ImportError where safetensors is needed and missing.
    Code in a pickle is never run.
    """
    found = read_source(source, revision)
    targets = full_names(strip_prefixes(model.state_dict()))
    if any(x.is_meta for x in (*targets.values(), *found.tensors.values())):
        raise WeightsError(f"{found.where}: a tensor on 'meta' has no values")
    result = match(
        targets,
        found.tensors,
        f"{found.where} ({found.part})" if found.other_parts else found.where,
        new_classifier=new_classifier,
        new_channels=new_channels,
    )
    if own.is_own(found.metadata):
        config = own.config_of(found.metadata, found.where)
        _check_hidden(model, config, found.where)
    # Whatever can fail, memory included, comes before the first copy.
    pairs = [
        (targets[name], x.to(targets[name].device, targets[name].dtype))
        for name, x in result.tensors.items()
    ]
    with torch.no_grad():
        for target, x in pairs:
            target.copy_(x)
    return WeightsReport(
        source=found.where,
        layout=result.layout,
        loaded=len(pairs),
        kept=tuple(result.kept),
        dropped=result.dropped,
        part=found.part,
        other_parts=found.other_parts,
        revision=found.revision,
        license=found.license,
    )


def config_from_weights(
    source: str | os.PathLike | Mapping[str, Tensor],
    *,
    revision: str | None = None,
    **changes,
) -> SegFormerConfig:
    """Find the config that a source fits; `changes` replace fields of it.

    Our own files hold theirs, and a folder or a repository of transformers has
    a config.json. Elsewhere the shapes give widths, depths, ratios, patch
    sizes, channels and classes; the rest is as published: heads of 32 channels
    where stage 1 has 32 and of 64 where it has 64, strides 4, 2, 2, 2, and
    without a decoder its width from Table 6 and the default number of classes.

    Raises WeightsError for a source that cannot be read, for a stored config
    that does not fit the tensors, and without one for a stage 1 of another
    width: the heads are then unknown, unless `num_heads` is given.
    """
    found = read_source(source, revision, also=pretrained.FILES)
    if (config := stored_config(found)) is not None:
        fit(config, found)
        return replace(config, **changes)
    return config_from_shapes(found.tensors, found.where, **changes)


def config_from_shapes(
    state: Mapping[str, Tensor], where: str, **changes
) -> SegFormerConfig:
    """What `config_from_weights` does with tensors that come without one."""
    layout, prefix = recognise(state, where)

    def shape(name: str) -> tuple[int, ...]:
        keys = theirs(f"{name}.weight", layout, prefix)
        return tuple(state[keys[0]].shape) if keys[0] in state else ()

    values: dict[str, Any] = {}
    stage = "encoder.stages.0"
    try:
        head_dim, in_channels = shape(f"{stage}.patch_embedding.proj")[:2]
        if head_dim not in (32, 64) and "num_heads" not in changes:
            raise ValueError("give num_heads, which no shape tells")
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
            f"{where}: the shapes do not give a config: {error}"
        ) from error


def _check_hidden(
    model: nn.Module, config: SegFormerConfig, where: str
) -> None:
    """Raise WeightsError where heads or strides differ: no shape shows it."""
    modules = list(model.modules())
    heads = zip(config.num_heads, config.depths, strict=True)
    for name, ours, expected in (
        (
            "num_heads",
            [x.num_heads for x in modules if isinstance(x, Attention)],
            [n for n, depth in heads for _ in range(depth)],
        ),
        (
            "strides",
            [x.proj.stride[0] for x in modules if isinstance(x, Patches)],
            list(config.strides),
        ),
    ):
        if ours and ours != expected:
            raise WeightsError(
                f"{where}: belongs to a model with {name} "
                f"{getattr(config, name)}, this model has others"
            )
