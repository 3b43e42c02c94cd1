"""The tensors in a file: safetensors and pickles, out of their wrappers."""

import contextlib
import pickle
import re
import stat
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

PICKLES = (".pth", ".pt", ".bin", ".ckpt", ".pth.tar")
EXTENSIONS = (".safetensors", *PICKLES)
EXTRA = "pip install safetensors huggingface_hub numpy"

# Checkpoints hold their tensors under these keys, in any nesting.
PLAIN = ("state_dict", "model_state_dict", "model", "module", "net", "params")
AVERAGED = (
    "ema",
    "model_ema",
    "state_dict_ema",
    "ema_state_dict",
    "params_ema",
)
# What DistributedDataParallel, Lightning modules and other wrappers put before
# every name; torch.compile puts its own before the part that it compiled.
PREFIXES = ("module.", "model.", "net.")
COMPILED = re.compile(r"(?<![^.])_orig_mod\.")
SHARED = 4  # tied layers share numbers, but few of them
AVERAGE_COUNT = "n_averaged"  # torch.optim.swa_utils.AveragedModel adds it

# Harmless objects that training programs leave beside the tensors.
HARMLESS = (
    "argparse.Namespace",
    "numpy._core.multiarray._reconstruct",
    "numpy._core.multiarray.scalar",
    "numpy.core.multiarray._reconstruct",
    "numpy.core.multiarray.scalar",
    "numpy.dtype",
    "numpy.ndarray",
    "pathlib.PosixPath",
    "pathlib.WindowsPath",
    "pathlib._local.PosixPath",
    "pathlib._local.WindowsPath",
)
# A pickle that asks for these wants to run something.
COMMANDS = ("builtins", "nt", "os", "posix", "runpy", "subprocess", "sys")


class WeightsError(ValueError):
    """Weights that cannot be used; the message says which file and why."""


@dataclass(frozen=True)
class Source:
    """Tensors by name, and what is known about where they come from.

    part: the keys that led to them in the file, joined by dots; other_parts
    lead to further weights that were not taken. folder: where the files that
    describe the model lie, if there are any. revision and license are a hub's.
    """

    where: str
    tensors: dict[str, Tensor]
    metadata: dict[str, str] = field(default_factory=dict)
    part: str = ""
    other_parts: tuple[str, ...] = ()
    folder: Path | None = None
    revision: str | None = None
    license: str | None = None


class _StandIn:
    """Takes the place of an object in a pickle, accepts all and does nothing.

    NumPy's own classes stay out: a pickle can give them a state that corrupts
    the memory.
    """

    def __new__(cls, *args):
        return super().__new__(cls)

    def __init__(self, *args):
        pass

    def __setstate__(self, state):
        pass


def _stand_in(name: str) -> type[_StandIn]:
    """A class that `torch.load` takes for the one of this name."""
    module, _, name = name.rpartition(".")
    return type(name, (_StandIn,), {"__module__": module})


STAND_INS = [_stand_in(name) for name in HARMLESS]


def read_file(path: Path) -> Source:
    """Read the tensors of a file; code in a pickle is never run.

    Raises WeightsError for a file that cannot be read, is damaged or holds
    more than tensors, ImportError where safetensors is needed and missing.
    """
    state, metadata = read_state(path)
    found = replace(unwrap(state, str(path)), metadata=metadata)
    check_storage(found)
    return found


def read_state(path: Path) -> tuple[Any, dict[str, str]]:
    """What a file holds as it stands, and the notes beside it.

    Raises what `read_file` raises.
    """
    _check_file(path)
    if path.suffix == ".safetensors":
        return _read_safetensors(path)
    _check_zip(path)
    return _read_pickle(path), {}


def read_metadata(path: Path) -> dict[str, str]:
    """Read the notes beside the tensors; a pickle has none."""
    _check_file(path)
    if path.suffix != ".safetensors":
        return {}
    return _read_safetensors(path, tensors=False)[1]


def unwrap(state, where: str) -> Source:
    """Find the state dict in what a file holds, and strip the wrappers' names.

    Of averaged weights (EMA) and plain ones the averaged are taken. Raises
    WeightsError where no dict of tensors is found.
    """
    parts = list(_parts(state))
    found = [(path, x) for path, x in parts if not _strangers(x)]
    if not found:
        if not parts:
            got = type(state).__name__
        else:
            got = some(
                f"{_kind(x)} for {name!r}"
                for name, x in _strangers(parts[0][1])
            )
        raise WeightsError(f"{where}: must hold tensors by name, got {got}")
    full = [pair for pair in found if pair[1]] or found
    full.sort(key=lambda pair: not set(pair[0]) & set(AVERAGED))
    paths = [".".join(path) for path, _ in full]
    tensors = strip_prefixes(full[0][1])
    return Source(where, tensors, part=paths[0], other_parts=tuple(paths[1:]))


def check_storage(source: Source) -> None:
    """Raise WeightsError for tensors that are far larger than what is stored.

    A pickle can say that one number fills a million rows, or that all tensors
    are the same one: copied, they would take memory for each.
    """
    dense = [x for x in source.tensors.values() if x.layout == torch.strided]
    parts = [x.untyped_storage() for x in dense if not x.is_meta]
    stored = sum({x.data_ptr(): x.nbytes() for x in parts}.values())
    total = sum(x.numel() * x.element_size() for x in dense if not x.is_meta)
    if total > SHARED * stored:
        raise WeightsError(
            f"{source.where}: refused: its tensors have {total:,} bytes, of "
            f"which {stored:,} are there"
        )


def strip_prefixes(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Take away what known wrappers put before all of the names."""
    names = {x: COMPILED.sub("", x) for x in state if x != AVERAGE_COUNT}

    def shared(prefix: str) -> bool:
        return bool(names) and all(x.startswith(prefix) for x in names.values())

    while prefix := next(filter(shared, PREFIXES), None):
        names = {old: x.removeprefix(prefix) for old, x in names.items()}
    stripped = {names.get(name, name): x for name, x in state.items()}
    return stripped if len(stripped) == len(state) else dict(state)


def import_safetensors(*, saving: bool = False):
    """The library, or ImportError that says how to install it.

    saving: it then needs NumPy too.
    """
    try:
        import safetensors.torch

        if saving:
            import numpy  # noqa: F401
    except ImportError as error:
        name = (error.name or "safetensors").partition(".")[0]
        raise ImportError(f"this needs {name}: {EXTRA}") from error
    return safetensors


def some(names: Iterable[str], separator: str = ", ", limit: int = 5) -> str:
    """The first names, and how many there are beyond them."""
    names = list(names)
    more = f"{separator}and {len(names) - limit} more" if names[limit:] else ""
    return separator.join(names[:limit]) + more


def one_line(error: Exception) -> str:
    """What an error of a library says, in one line of bounded length."""
    return " ".join(str(error).split())[:200] or type(error).__name__


def check_regular(path: Path) -> None:
    """Raise WeightsError for anything but a file with something in it."""
    try:
        mode = path.stat().st_mode
        if stat.S_ISREG(mode):
            with open(path, "rb") as file:
                empty = not file.read(1)
    except OSError as error:
        raise WeightsError(
            f"{path}: cannot be read: {error.strerror}"
        ) from error
    if not stat.S_ISREG(mode):
        kind = "a folder" if stat.S_ISDIR(mode) else "not a regular file"
        raise WeightsError(f"{path}: cannot be read: is {kind}")
    if empty:
        raise WeightsError(f"{path}: is empty")


def _check_file(path: Path) -> None:
    """Raise WeightsError for anything but a file with a known extension."""
    check_regular(path)
    if not path.name.endswith(EXTENSIONS):
        raise WeightsError(f"{path}: must end in {', '.join(EXTENSIONS)}")


def _read_safetensors(
    path: Path, *, tensors: bool = True
) -> tuple[dict[str, Tensor], dict[str, str]]:
    safe_open = import_safetensors().safe_open
    try:
        with safe_open(path, framework="pt") as file:
            names = file.keys() if tensors else []
            state = {name: file.get_tensor(name) for name in names}
            return state, file.metadata() or {}
    except Exception as error:  # the format has errors of its own
        raise _damaged(path, error) from error


def _check_zip(path: Path) -> None:
    """Refuse an archive that would grow when it is read.

    `torch.save` stores its records as they are, so together they are no
    larger than the file.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(record.file_size for record in archive.infolist())
    except Exception:  # another kind of pickle, or damage: torch will say
        return
    if size > path.stat().st_size:
        raise WeightsError(
            f"{path}: refused: its records would grow to {size:,} bytes, "
            f"from {path.stat().st_size:,}, and weights are not compressed"
        )


def _read_pickle(path: Path):
    # torch 2.4 lacks it: there, files with such objects are refused.
    allow = getattr(torch.serialization, "safe_globals", contextlib.nullcontext)
    try:
        with allow(STAND_INS):
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise WeightsError(f"{path}: refused: {_refusal(error)}") from error
    except Exception as error:  # a damaged zip file, for example
        raise _damaged(path, error) from error


def _refusal(error: pickle.UnpicklingError) -> str:
    """Why `torch.load` refused a pickle, and what can be done."""
    found = re.search(r"GLOBAL `?([\w.]+)", str(error))
    if not found:
        return (
            "it is damaged, or holds more than tensors, and the rest of a "
            "pickle can run code"
        )
    name = found[1] if "." in found[1] else f"builtins.{found[1]}"
    if name.partition(".")[0] in COMMANDS:
        return f"it asks for {name}, which weights never need: do not open it"
    return (
        f"beside tensors it holds {name}, which can run code when it is read. "
        "If you trust whoever made the file, convert it once, on a machine "
        "where it can do no harm: read it with torch.load(path, "
        "weights_only=False) and write its state dict with "
        "safetensors.torch.save_file"
    )


def _damaged(path: Path, error: Exception) -> WeightsError:
    return WeightsError(
        f"{path}: damaged, or not a file of tensors: {one_line(error)}"
    )


def _parts(state) -> Iterator[tuple[tuple[str, ...], Mapping]]:
    """Every innermost dict that known keys lead to, and those keys."""
    seen: set[int] = set()
    todo: list[tuple[tuple[str, ...], Any]] = [((), state)]
    while todo:
        path, x = todo.pop(0)
        if not isinstance(x, Mapping) or id(x) in seen:
            continue
        seen.add(id(x))  # a pickle can hold a dict that holds itself
        keys = [k for k in PLAIN + AVERAGED if isinstance(x.get(k), Mapping)]
        todo += [((*path, key), x[key]) for key in keys]
        if not keys:
            yield path, x


def _strangers(state: Mapping) -> list[tuple]:
    """The items that are not a tensor with a name."""
    return [
        (name, x)
        for name, x in state.items()
        if not isinstance(name, str) or not isinstance(x, Tensor) or x.is_nested
    ]


def _kind(x) -> str:
    kind = type(x)
    if isinstance(x, _StandIn):
        return f"an object of {kind.__module__.partition('.')[0]}"
    return kind.__name__
