"""Weights by a state dict, the path of a file or a folder, or a hub's name."""

import os
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..config import SegFormerConfig
from . import hub, own, pretrained
from .files import Source, WeightsError, read_file, unwrap
from .shards import RUN, find_weights, read_weights


def read_source(
    source: Any, revision: str | None, *, also: Collection[str] = ()
) -> Source:
    """Read the tensors of a source.

    also: files beside the weights that are needed too, if a hub has them. A
    file or a folder that lies here goes before a hub's name. Raises TypeError
    for another kind of source, WeightsError for one that cannot be read.
    """
    if not isinstance(source, Mapping | str | os.PathLike):
        raise TypeError(
            "source must be a state dict, a path or a hub's owner/name, got "
            f"{type(source).__name__}"
        )
    if hub.is_name(source):
        return hub.download(source, revision, also=also)
    if revision is not None:
        raise WeightsError("revision is for a hub's owner/name alone")
    if isinstance(source, Mapping):
        return unwrap(source, "state dict")
    path = Path(source)
    if path.is_dir():
        file = find_weights(path)
        found = read_weights(file)
        # A run's config.json holds the settings of training.
        return found if file.name in RUN else replace(found, folder=path)
    return read_file(path)


def stored_config(found: Source) -> SegFormerConfig | None:
    """The config that came with the tensors: ours, or that of transformers."""
    if own.is_own(found.metadata):
        return own.config_of(found.metadata, found.where)
    if found.folder is not None and pretrained.is_whole_model(found.folder):
        return pretrained.read_config(found.folder / pretrained.CONFIG)[0]
    return None
