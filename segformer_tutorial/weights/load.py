"""Published weights in, this package's own files in and out.

Files may carry a licence of their own. NVIDIA's weights, from a hub or not,
are for research and evaluation only; timm's `pvt_v2_*` are Apache-2.0.
"""

import json
import logging
import os
import pickle
import re
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from ..config import SegFormerConfig
from ..data.task import Task, task_of
from ..model import SegFormer
from .layouts import WeightsError, config_of, match, some

__all__ = [
    "WeightsError",
    "WeightsReport",
    "config_from_weights",
    "load_model",
    "load_weights",
    "read_task",
    "save_weights",
]

FORMAT, VERSION = "segformer-tutorial", "1"
PICKLES = (".pth", ".pt", ".bin")
HUB_NAME = re.compile(r"\w[\w.-]*/\w[\w.-]*")
UNCLEAR = (None, "other")  # licences that have to be read
EXTRA = "pip install safetensors huggingface_hub"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class WeightsReport:
    """What became of every tensor of the file and of the model.

    loaded: how many of the model's tensors were filled; kept: those that
    stay as they were, as the file has no part for them; dropped: those of the
    file that the model does not need, with the reason. `revision` (a commit)
    and `license` are a hub's; None where they are not known.
    """

    source: str
    layout: str
    loaded: int
    kept: tuple[str, ...] = ()
    dropped: dict[str, str] = field(default_factory=dict)
    revision: str | None = None
    license: str | None = None

    def __str__(self) -> str:
        text = f"{self.source}: {self.loaded} tensors, {self.layout} layout"
        if self.revision:
            text += "\n" + _terms(self.source, self.revision, self.license)
        kept = some(self.kept, limit=2)
        rest = [f"kept as they were: {kept}"] if kept else []
        for reason in dict.fromkeys(self.dropped.values()):
            names = [k for k, v in self.dropped.items() if v == reason]
            rest.append(f"dropped: {some(names, limit=2)} ({reason})")
        return "\n".join([text, "; ".join(rest)]) if rest else text


@dataclass(frozen=True)
class _Source:
    """Tensors as they were found, and what is known about them."""

    where: str
    tensors: dict[str, Tensor]
    metadata: dict[str, str] = field(default_factory=dict)
    revision: str | None = None
    license: str | None = None


def load_weights(
    model: nn.Module,
    source: str | os.PathLike | Mapping[str, Tensor],
    *,
    new_classifier: bool = False,
    revision: str | None = None,
) -> WeightsReport:
    """Fill a SegFormer or a MixTransformer, and say what was done.

    source: a state dict, a file (.safetensors, .pth, .pt, .bin) or a hub's
    `owner/name`, there at `revision`, in any of `layouts.LAYOUTS`. Without a
    decoder it fills the encoder alone; a MixTransformer takes no more than
    the encoder of it. The report says so.
    new_classifier: keep the model's own last layer, for other classes.

    The values take the model's dtype and device; the mode, training or
    evaluation, stays. Raises WeightsError, with the model as it was before,
    where the source cannot be read or a tensor is missing, left over or of
    another shape; ImportError where safetensors is needed and missing. Code
    in a pickle is never run.
    """
    found = _read(source, revision)
    targets = model.state_dict()
    if targets and all(name.startswith("stages.") for name in targets):
        targets = {f"encoder.{name}": x for name, x in targets.items()}
    elif not all(x.startswith(("encoder.", "decoder.")) for x in targets):
        raise TypeError(
            "model must be a SegFormer or a MixTransformer, got "
            f"{type(model).__name__}"
        )
    result = match(
        targets, found.tensors, found.where, new_classifier=new_classifier
    )
    pairs = [(targets[name], x) for name, x in result.tensors.items()]
    if any(x.is_meta for pair in pairs for x in pair):
        raise WeightsError(f"{found.where}: a tensor on 'meta' has no values")
    # Whatever can fail, memory included, comes before the first copy.
    pairs = [(target, x.to(target.device, target.dtype)) for target, x in pairs]
    with torch.no_grad():
        for target, x in pairs:
            target.copy_(x)
    return WeightsReport(
        source=found.where,
        layout=result.layout,
        loaded=len(pairs),
        kept=tuple(result.kept),
        dropped=result.dropped,
        revision=found.revision,
        license=found.license,
    )


def save_weights(
    model: SegFormer, path: str | os.PathLike, *, task: Task | None = None
) -> None:
    """Write a SegFormer with its config to a .safetensors file.

    The file appears whole or not at all; one that stands there stays until
    then. Raises WeightsError for anything but a SegFormer, another extension
    or a place that cannot be written, ImportError without safetensors.
    """
    save = _safetensors().torch.save
    path = Path(path)
    config = getattr(model, "config", None)
    if not isinstance(config, SegFormerConfig):
        raise WeightsError(
            f"{path}: not saved: only a SegFormer holds the config that the "
            f"file needs, got {type(model).__name__}"
        )
    if path.suffix != ".safetensors":
        raise WeightsError(f"{path}: not saved: must end in .safetensors")
    tensors = {  # copies: the format knows no shared memory
        name: x.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, x in model.state_dict().items()
    }
    config = json.dumps(asdict(config))
    metadata = {"format": FORMAT, "version": VERSION, "config": config}
    if task or task_of(model):
        metadata["task"] = (task or task_of(model)).to_json()
    target = path.resolve()  # where a link leads
    temporary = target.with_name(f".{uuid.uuid4().hex}.tmp")
    try:
        with open(temporary, "xb") as file:
            file.write(save(tensors, metadata))
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except OSError as error:
        raise WeightsError(f"{path}: not saved: {error.strerror}") from error
    finally:
        temporary.unlink(missing_ok=True)


def load_model(path: str | os.PathLike) -> SegFormer:
    """Rebuild what `save_weights` wrote: on the CPU, in evaluation mode.

    The dtype is the file's. Raises WeightsError for a file that cannot be
    read, that has no config or does not fit it; ImportError without
    safetensors.
    """
    found = _read_file(Path(path))
    config = _config(found)
    with torch.device("meta"):  # takes no memory and no random numbers
        model = SegFormer(config)
    result = match(model.state_dict(), found.tensors, found.where)
    if result.kept:
        raise WeightsError(f"{path}: missing: {some(result.kept)}")
    tensors = {name: x.clone() for name, x in result.tensors.items()}
    model.load_state_dict(tensors, assign=True)
    model.task = read_task(path)
    return model.eval()


def read_task(path: str | os.PathLike) -> Task | None:
    """The task in the metadata of a file, or None."""
    text = _read_file(Path(path)).metadata.get("task")
    return Task.from_json(text) if text else None


def config_from_weights(
    source: str | os.PathLike | Mapping[str, Tensor],
    *,
    revision: str | None = None,
    **changes,
) -> SegFormerConfig:
    """Read off the config that a source fits; `changes` replace fields.

    Our own files carry theirs. Elsewhere widths, depths, ratios, patch sizes
    and classes are in the shapes; the rest is as published: heads 32 wide
    where stage 1 is and 64 in the others, strides 4, 2, 2, 2, and without a
    decoder its width from Table 6 and the default number of classes.

    Raises WeightsError for a source that cannot be read, and where stage 1 is
    neither 32 nor 64 wide: the heads are then unknown, unless `num_heads` is
    given.
    """
    found = _read(source, revision)
    if found.metadata.get("format") == FORMAT:
        return replace(_config(found), **changes)
    return config_of(found.tensors, found.where, **changes)


def _config(found: _Source) -> SegFormerConfig:
    """The config that `save_weights` put beside the tensors."""
    if found.metadata.get("format") != FORMAT:
        raise WeightsError(
            f"{found.where}: has no config, because save_weights did not "
            "write it: build the model and use load_weights(model, ...)"
        )
    version = found.metadata.get("version")
    if version != VERSION:
        raise WeightsError(
            f"{found.where}: has version {version} of the format, expected "
            f"{VERSION}: a newer package may read it"
        )
    try:
        values = json.loads(found.metadata["config"])
        known = {x.name for x in fields(SegFormerConfig)}
        if values.keys() != known:
            raise ValueError(
                "unknown or missing fields "
                + ", ".join(sorted(values.keys() ^ known))
            )
        return SegFormerConfig(**values)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise WeightsError(f"{found.where}: bad config: {error}") from error


def _read(source, revision: str | None) -> _Source:
    """Tensors from a state dict, a file or a hub."""
    if not isinstance(source, Mapping | str | os.PathLike):
        raise TypeError(
            "source must be a state dict, a path or a hub's owner/name, got "
            f"{type(source).__name__}"
        )
    if isinstance(source, str) and not os.path.lexists(source):
        known = Path(source).suffix in (".safetensors", *PICKLES)
        if HUB_NAME.fullmatch(source) and not known:
            return _download(source, revision)
    if revision is not None:
        raise WeightsError("revision is for a hub's owner/name alone")
    if isinstance(source, Mapping):
        return _Source("state dict", _tensors(source, "state dict"))
    return _read_file(Path(source))


def _read_file(path: Path) -> _Source:
    try:
        with open(path, "rb") as file:
            empty = not file.read(1)
    except OSError as error:
        reason = "is a folder" if path.is_dir() else error.strerror
        raise WeightsError(f"{path}: cannot be read: {reason}") from error
    if empty:
        raise WeightsError(f"{path}: is empty")
    if path.suffix not in (".safetensors", *PICKLES):
        raise WeightsError(
            f"{path}: must end in .safetensors, {', '.join(PICKLES)}"
        )
    metadata = {}
    try:
        if path.suffix == ".safetensors":
            with _safetensors().safe_open(path, framework="pt") as file:
                metadata = file.metadata() or {}
                names = file.keys()
                state = {name: file.get_tensor(name) for name in names}
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
    except ImportError:
        raise
    except pickle.UnpicklingError as error:
        raise WeightsError(
            f"{path}: refused: it is damaged, or holds more than tensors, "
            "and the rest of a pickle can run code"
        ) from error
    except Exception as error:  # each format has errors of its own
        raise WeightsError(
            f"{path}: damaged, or no file of tensors: {_line(error)}"
        ) from error
    return _Source(str(path), _tensors(state, str(path)), metadata)


def _tensors(state, where: str) -> dict[str, Tensor]:
    """Unwrap a state dict, and check that it is one."""
    for key in ("state_dict", "model"):
        if isinstance(state, Mapping) and isinstance(state.get(key), Mapping):
            state = state[key]
    if not isinstance(state, Mapping):
        raise WeightsError(
            f"{where}: must hold tensors by name, got {type(state).__name__}"
        )
    for name, x in state.items():
        if not isinstance(name, str) or not isinstance(x, Tensor):
            raise WeightsError(
                f"{where}: must hold tensors by name, got "
                f"{type(x).__name__} for {name!r}"
            )
    for wrapper in ("_orig_mod.", "module."):  # torch.compile, DataParallel
        if all(name.startswith(wrapper) for name in state):
            state = {name.removeprefix(wrapper): x for name, x in state.items()}
    return dict(state)


def _download(name: str, revision: str | None) -> _Source:
    """Get a hub's file or find it in the cache; log its licence."""
    try:
        from huggingface_hub import hf_hub_download, metadata_load
        from huggingface_hub import utils as hub
    except ImportError as error:
        raise WeightsError(
            f"{name}: no such file, and a hub needs huggingface_hub: {EXTRA}"
        ) from error

    license, missing = None, None
    try:
        try:
            card = hf_hub_download(name, "README.md", revision=revision)
            license = (metadata_load(card) or {}).get("license")
            revision = _commit(card) or revision
        except hub.LocalEntryNotFoundError as error:
            missing = error  # no connection: waiting for it once is enough
        except hub.EntryNotFoundError:
            pass  # a repository without a card
        offline = missing is not None
        for file in ("model.safetensors", "pytorch_model.bin"):
            try:
                path = hf_hub_download(
                    name, file, revision=revision, local_files_only=offline
                )
                break
            except hub.EntryNotFoundError as error:
                missing = missing or error
        else:
            raise missing
    except Exception as error:  # the hub's, and those of its HTTP library
        reason = _line(error)
        if isinstance(error, hub.LocalEntryNotFoundError):
            reason = "not in the cache, and the hub cannot be reached"
        elif isinstance(error, hub.GatedRepoError):
            reason = "the hub wants you to sign in and accept its terms"
        elif isinstance(error, hub.RepositoryNotFoundError):
            reason = "no such file, and no public repository on the hub"
        elif isinstance(error, hub.EntryNotFoundError):
            reason = "has neither model.safetensors nor pytorch_model.bin"
        raise WeightsError(f"{name}: {reason}") from error
    revision = _commit(path) or revision or "not known"
    level = logging.WARNING if license in UNCLEAR else logging.INFO
    logger.log(level, "%s: %s", name, _terms(name, revision, license))
    found = _read_file(Path(path))
    where = f"{name}/{file}"
    return replace(found, where=where, revision=revision, license=license)


def _commit(path: str) -> str | None:
    """The commit that a file of the hub's cache is from: snapshots/COMMIT/."""
    folder = Path(path).parent.name
    return folder if re.fullmatch("[0-9a-f]{40}", folder) else None


def _terms(name: str, revision: str, license: str | None) -> str:
    text = f"revision {revision}, licence {license or 'not known'}"
    if license not in UNCLEAR:
        return text
    if name.startswith("nvidia/"):
        return f"{text}: NVIDIA's weights are not for commercial use"
    return f"{text}: read its page"


def _safetensors():
    try:
        import safetensors.torch
    except ImportError as error:
        raise ImportError(f"this needs safetensors: {EXTRA}") from error
    return safetensors


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
