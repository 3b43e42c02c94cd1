"""A whole model by its name: the one door, for commands and for people."""

import os
from pathlib import Path

import torch
from torch import Tensor

from ..config import SegFormerConfig
from ..data.task import Task
from ..model import SegFormer
from . import own, pretrained
from .files import Source, WeightsError, one_line, read_metadata, some
from .match import match
from .shards import INDEX, find_weights
from .source import read_source


def load_model(
    source: str | os.PathLike, *, revision: str | None = None
) -> SegFormer:
    """Rebuild a model with its config and its task, ready for pictures.

    source: a file that `save_weights` wrote; a folder of transformers
    (config.json, preprocessor_config.json and the weights, also in several
    files); or a hub's `owner/name` with the same files, there at `revision`.
    A file or a folder that lies here under such a name is taken.

    The model is on the CPU, in evaluation mode, with the dtype of the weights,
    and has its task as `model.task`: that of our file, or None; for a folder
    of transformers the names of the classes, the normalisation and the size of
    pictures. Such a model has `layer_norm_eps=1e-5`, with which transformers
    computes: the logits are the same.

    Raises WeightsError for what cannot be read, has no config or does not fit
    it, and for a field that no SegFormer here can follow; ImportError without
    safetensors. Code in a pickle is never run.
    """
    found = read_source(source, revision, also=pretrained.FILES)
    task: Task | None
    if found.folder is not None and not own.is_own(found.metadata):
        config, task = pretrained.read_pretrained(found.folder)
    else:
        config = own.config_of(found.metadata, found.where)
        task = own.task_in(found.metadata, found.where)
    model, tensors = fit(config, found)
    copies = {name: x.clone() for name, x in tensors.items()}
    model.load_state_dict(copies, assign=True)
    # In torch's types a module's attributes are tensors or modules.
    model.task = task  # type: ignore[assignment]
    return model.eval()


def read_task(source: str | os.PathLike) -> Task | None:
    """Read the task of a file or a folder without its tensors, or None.

    Raises WeightsError for what cannot be read and for a task that is damaged
    or does not fit the config; ImportError without safetensors.
    """
    path = folder = Path(source)
    if folder.is_dir():
        path = find_weights(folder)
    metadata = {} if path.name.endswith(INDEX) else read_metadata(path)
    if own.is_own(metadata) or path == folder:
        return own.task_in(metadata, str(path))
    if pretrained.is_whole_model(folder):
        return pretrained.read_pretrained(folder)[1]
    return None


def empty_model(config: SegFormerConfig) -> SegFormer:
    """A model that takes no memory and no random numbers."""
    with torch.device("meta"):
        return SegFormer(config)


def fit(
    config: SegFormerConfig, found: Source
) -> tuple[SegFormer, dict[str, Tensor]]:
    """A model without memory, and the tensor of the source for each of its.

    Raises WeightsError for a config that cannot be built or does not fit the
    tensors; a hostile one takes neither memory nor time.
    """
    where = found.where
    if sum(config.depths) > len(found.tensors):
        raise WeightsError(f"{where}: bad config: more blocks than tensors")
    try:
        model = empty_model(config)
    except Exception as error:  # numbers beyond 64 bits, and others
        raise WeightsError(f"{where}: bad config: {one_line(error)}") from error
    result = match(model.state_dict(), found.tensors, where)
    counters = {  # of BatchNorm's batches, which old files do not have
        name: torch.tensor(0)
        for name in result.kept
        if name.endswith(".num_batches_tracked")
    }
    if missing := [name for name in result.kept if name not in counters]:
        raise WeightsError(f"{where}: missing: {some(missing)}")
    return model, result.tensors | counters
