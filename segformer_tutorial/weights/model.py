"""A whole model by its name: the one door, for commands and for people."""

import logging
import os
from pathlib import Path

import torch

from ..config import SegFormerConfig
from ..data.published import published_task, with_palette
from ..data.task import Task
from ..model import SegFormer
from . import own, pretrained
from .files import Source, WeightsError, one_line, read_metadata, some
from .match import Match, match
from .report import WeightsReport, report_on
from .shapes import config_from_shapes
from .shards import INDEX, find_weights
from .source import read_source

logger = logging.getLogger(__name__)


def load_model(
    source: str | os.PathLike, *, revision: str | None = None
) -> SegFormer:
    """Rebuild a model with its config and its task, ready for pictures.

    source: a file that `save_weights` wrote; the folder of a run, of which
    best.safetensors is taken, or else last.safetensors; a folder of
    transformers (config.json, preprocessor_config.json and the weights, also
    in several files); a file of weights in any of `LAYOUTS`; or a
    hub's `owner/name`, there at `revision`. A file or a folder that lies here
    under such a name is taken.

    The model is on the CPU, in evaluation mode, with the dtype of the weights,
    float32 where they have several, and has its task as `model.task`. Our file
    says it, or has None. A folder of transformers names the classes, the
    normalisation and the size of pictures; such a model has
    `layer_norm_eps=1e-5`, with which transformers computes, so the logits are
    the same. Of other weights the shapes give the config, as in
    `config_from_weights`, and those for ADE20K and Cityscapes have the classes
    and the palette of these data sets.

    Raises WeightsError for what cannot be read or does not fit its config, for
    an encoder without a decoder and for a field that no SegFormer here can
    follow; ImportError without safetensors. Code in a pickle is never run.
    """
    return load_with_report(source, revision=revision)[0]


def load_with_report(
    source: str | os.PathLike, *, revision: str | None = None
) -> tuple[SegFormer, WeightsReport]:
    """What `load_model` does, and a report on it, for commands to print."""
    found = read_source(source, revision, also=pretrained.FILES)
    task: Task | None
    if own.is_own(found.metadata):
        config = own.config_of(found.metadata, found.where)
        task = own.task_in(found.metadata, found.where)
    elif found.folder is not None and pretrained.is_described(found.folder):
        config, task = pretrained.read_pretrained(found.folder)
        task = with_palette(task, _name(found))
    else:
        config = config_from_shapes(found.tensors, found.where)
        task = _published_task(found, config)
    model, result = fit(config, found)
    tensors = dict(result.tensors)
    # Counters of BatchNorm's batches, which old files do not have.
    tensors |= {name: torch.tensor(0) for name in result.kept}
    dtypes = {x.dtype for x in tensors.values() if x.is_floating_point()}
    dtype = dtypes.pop() if len(dtypes) == 1 else torch.float32
    copies = {
        name: x.to(dtype if x.is_floating_point() else x.dtype, copy=True)
        for name, x in tensors.items()
    }
    model.load_state_dict(copies, assign=True)
    # In torch's types a module's attributes are tensors or modules.
    model.task = task  # type: ignore[assignment]
    return model.eval(), report_on(found, result)


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
        return with_palette(pretrained.read_pretrained(folder)[1], folder.name)
    return None


def empty_model(config: SegFormerConfig) -> SegFormer:
    """A model that takes no memory and no random numbers."""
    with torch.device("meta"):
        return SegFormer(config)


def fit(config: SegFormerConfig, found: Source) -> tuple[SegFormer, Match]:
    """A model without memory, and the tensor of the source for each of its.

    Only counters of BatchNorm may be missing. Raises WeightsError for a config
    that cannot be built or does not fit the tensors, and for an encoder alone;
    a hostile config takes neither memory nor time.
    """
    where = found.where
    if sum(config.depths) > len(found.tensors):
        raise WeightsError(f"{where}: bad config: more blocks than tensors")
    try:
        model = empty_model(config)
    except Exception as error:  # numbers beyond 64 bits, and others
        raise WeightsError(f"{where}: bad config: {one_line(error)}") from error
    result = match(model.state_dict(), found.tensors, where)
    missing = [x for x in result.kept if not x.endswith(".num_batches_tracked")]
    if missing:
        raise WeightsError(
            f"{where}: holds an encoder alone; labels need a decoder that was "
            f"trained for them, missing: {some(missing)}"
        )
    return model, result


def _name(found: Source) -> str:
    """What may tell the data set: a hub's name, or that of folder or file."""
    if found.revision is not None:
        return found.where
    return (found.folder or Path(found.where)).name


def _published_task(found: Source, config: SegFormerConfig) -> Task | None:
    """The task of published weights, which their files do not tell, or None.

    Where the name does not tell the data set either, the number of classes in
    a file has to do, and a warning is logged.
    """
    name, number = _name(found), config.num_classes
    task = published_task(name, number, hub=True)
    if task is None and found.revision is None:
        task = published_task(name, number)
        if task is not None:
            logger.warning(
                "%s: does not name its %d classes; they are taken for %s, and "
                "the shorter side of pictures gets %s pixels",
                found.where,
                number,
                some(task.classes, limit=3),
                task.short_side,
            )
    return task
