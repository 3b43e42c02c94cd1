"""The weights in a folder: one file, or several with an index."""

import os
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from .files import (
    EXTENSIONS,
    Source,
    WeightsError,
    check_storage,
    read_file,
    read_state,
    some,
    unwrap,
)
from .json_files import read_object

INDEX = ".index.json"
# What a run leaves in its folder, in the order of preference.
RUN = ("best.safetensors", "last.safetensors")
# Their names on a hub and in its folders, in the order of preference.
FILES = (
    "model.safetensors",
    f"model.safetensors{INDEX}",
    "pytorch_model.bin",
    f"pytorch_model.bin{INDEX}",
)


def find_weights(folder: Path) -> Path:
    """The weights of a folder. Raises WeightsError that says what is there."""
    for name in RUN + FILES:
        if os.path.lexists(folder / name):
            return folder / name
    text = f"{folder}: is a folder that has none of {', '.join(RUN + FILES)}"
    others = [x for x in sorted(os.listdir(folder)) if _is_weights(x)]
    if others:
        text += f"; give the path of a file: it has {some(others)}"
    raise WeightsError(text)


def read_weights(path: Path) -> Source:
    """Read the tensors of a file, or of all files that an index names.

    Raises what `read_file` raises, and WeightsError for an index that leads
    out of its folder or does not fit its files.
    """
    if not path.name.endswith(INDEX):
        return read_file(path)
    tensors: dict[str, Tensor] = {}
    for file, names in shards(path).items():
        state, _ = read_state(path.with_name(file))
        found = set(state) if isinstance(state, Mapping) else set()
        if found != names:
            wrong = some(sorted(str(x) for x in found ^ names))
            raise WeightsError(
                f"{path}: {file} does not hold what the index says: {wrong}"
            )
        tensors |= state
    source = unwrap(tensors, str(path))
    check_storage(source)
    return source


def shards(path: Path) -> dict[str, set[str]]:
    """The names of the tensors in each file that an index names."""
    entries = read_object(path).get("weight_map")
    if not isinstance(entries, dict) or not entries:
        raise WeightsError(f"{path}: weight_map must name a file per tensor")
    found: dict[str, set[str]] = {}
    for name, file in entries.items():
        if not isinstance(file, str) or not _is_weights(file):
            raise WeightsError(
                f"{path}: weight_map must name files of this folder that end "
                f"in {', '.join(EXTENSIONS)}, got {ascii(file)[:80]}"
            )
        found.setdefault(file, set()).add(name)
    return found


def _is_weights(name: str) -> bool:
    """Whether it is the plain name of a file, without a way elsewhere."""
    return name.endswith(EXTENSIONS) and not set(name) & set("/\\:\0")
