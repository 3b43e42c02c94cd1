"""Find a tensor for each of the model's in a state dict of any layout."""

import re
from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from .files import AVERAGE_COUNT, WeightsError, some
from .layouts import recognise, theirs

PATCHES = "encoder.stages.0.patch_embedding.proj.weight"
CLASSIFIER = "decoder.classify."
DROPPED = (
    (r"(head|classifier|classification_head)\..*", "the image classifier"),
    (r"decode_head\.conv_seg\..*", "a layer that is never used"),
    (AVERAGE_COUNT, "the number of averaged weights"),
)
CLASSES_HINT = (
    "other classes? new_classifier=True keeps the model's own last layer"
)
CHANNELS_HINT = (
    "more input channels? new_channels=True keeps the model's own kernels for "
    "those that the file lacks"
)
CONFIG_HINT = "config_from_weights tells which config would fit"
NOT_OURS = (
    "its head is mmsegmentation's, another network: a norm and a ReLU for "
    "each stage, stages in the order 1 to 4. No conversion exists. The encoder "
    "is the same: load_weights(model.encoder, ...)"
)


class Match(NamedTuple):
    """A tensor for each of our names, and what becomes of all the others."""

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
    new_channels: bool = False,
) -> Match:
    """Find a tensor for every target, a name in our SegFormer.

    The options are those of `load_weights`. Raises WeightsError that lists
    every tensor that is missing, unexpected or of another shape.
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
    missing, wrong, hints = [], [], set()
    for name, target in targets.items():
        keys = theirs(name, layout, prefix)
        here = "" if keys == [name] else f" (here {name})"
        absent = [key for key in keys if key not in state]
        if name.startswith("decoder.") and not head:
            kept.append(name)
            continue
        used.update(keys)
        if name.startswith(CLASSIFIER) and new_classifier:
            kept.append(name)
            dropped.update((key, "a new one is asked for") for key in keys)
        elif absent and name.endswith(".num_batches_tracked"):
            kept.append(name)  # a counter that old files do not have
        elif absent:
            missing.append(" and ".join(absent) + here)
        else:
            parts = [state[key] for key in keys]
            x = convert(name, keys, parts)
            narrow = name == PATCHES and _lacks_channels(x, target)
            if narrow and new_channels:
                kept.append(f"{name}[:, {x.shape[1]}:]")
                x = torch.cat([x.to(target), target[:, x.shape[1] :]], dim=1)
            if x is not None and _kind(x) == _kind(target):
                tensors[name] = x
                continue
            wrong.append(
                f"{' and '.join(keys)}{here}: expected {_kind(target)}, "
                f"got {' and '.join(_kind(part) for part in parts)}"
            )
            if name.startswith(CLASSIFIER):
                hints.add(CLASSES_HINT)
            else:
                hints.add(CHANNELS_HINT if narrow else CONFIG_HINT)
    problems = {
        "missing": missing,
        "unexpected": [x for x in state if x not in used and x not in dropped],
        "wrong shape": wrong,
    }
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
        raise WeightsError("\n".join([*lines, *sorted(hints)]))
    dropped = {key: dropped[key] for key in state if key in dropped}
    return Match(layout.name, tensors, kept, dropped)


def convert(name: str, keys: list[str], parts: list[Tensor]) -> Tensor | None:
    """Make our tensor of the one or two in a file; None where none results."""
    x = parts[0]
    if any(part.layout != torch.strided for part in parts) or not x.ndim:
        return x if len(parts) == 1 else None
    if len(parts) == 2:  # keys first, then values
        same = _kind(parts[0]) == _kind(parts[1])
        return torch.cat(parts) if same else None
    if "in_proj_" in keys[0]:  # queries first, then keys and values
        c = len(x) // 3
        return x[:c] if ".attn.q." in name else x[c:]
    if ".ffn.fc" in name and x.shape[2:] == (1, 1):  # a 1 x 1 convolution
        return x.flatten(1)
    return x


def _lacks_channels(x: Tensor, target: Tensor) -> bool:
    """Whether two kernels differ only in that `x` has fewer input channels."""
    return (
        x.ndim == 4
        and x.shape[1] < target.shape[1]
        and _kind(x[:, :1]) == _kind(target[:, :1])
    )


def _kind(x: Tensor) -> str:
    """What has to agree: the shape, and that the numbers are floats, dense."""
    kind = "" if x.is_floating_point() else f" {x.dtype}"
    if x.layout != torch.strided:
        kind += f" {x.layout}"
    return f"{tuple(x.shape)}{kind}"
