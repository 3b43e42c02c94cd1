"""Published weights into a model, and the config that they fit."""

import os
from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn

from ..attention import EfficientSelfAttention as Attention
from ..config import SegFormerConfig
from ..patch_embedding import OverlapPatchEmbedding as Patches
from . import own, pretrained
from .files import WeightsError, strip_prefixes
from .layouts import full_names
from .match import match
from .model import fit
from .report import WeightsReport, report_on
from .shapes import config_from_shapes
from .source import read_source, stored_config


def load_weights(
    model: nn.Module,
    source: str | os.PathLike | Mapping[str, Tensor],
    *,
    new_classifier: bool = False,
    new_channels: bool = False,
    revision: str | None = None,
) -> WeightsReport:
    """Fill a SegFormer or a MixTransformer, and say what was done.

    source: a state dict, a file (.safetensors, .pth, .pt, .bin, .ckpt), the
    folder of a run or of transformers, or a hub's `owner/name`, there at
    `revision`, in any of `LAYOUTS`. What lies here goes before a hub's
    name. A source without a decoder fills the encoder alone; a MixTransformer
    takes only the encoder of a source. Where a file holds averaged weights
    (EMA) and plain ones, the averaged are taken.
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
    return report_on(found, result)


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
