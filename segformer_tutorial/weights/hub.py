"""Weights from the Hugging Face Hub, with their licence.

NVIDIA's weights, from a hub or not, are for research and evaluation only;
timm's `pvt_v2_*` are under Apache-2.0.
"""

import contextlib
import logging
import os
import re
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeGuard

from .files import EXTENSIONS, EXTRA, Source, WeightsError, one_line
from .shards import FILES, INDEX, read_weights, shards

NAME = re.compile(r"\w[\w.-]*/\w[\w.-]*")
HINT = (
    "download it where there is a network, for example with hf download, and "
    "give the path of its folder"
)
UNCLEAR = (None, "other")  # licences that have to be read

logger = logging.getLogger(__name__)


def is_name(source: Any) -> TypeGuard[str]:
    """Whether it is `owner/name`; what lies here under this name goes first."""
    return (
        isinstance(source, str)
        and NAME.fullmatch(source) is not None
        and not source.endswith(EXTENSIONS)
        and not os.path.lexists(source)
    )


def download(
    name: str, revision: str | None, *, also: Collection[str] = ()
) -> Source:
    """Get the weights of `owner/name`, or find them in the cache.

    also: further files to get beside the weights, those that there are. The
    licence on the repository's page is logged, as a warning where it has to
    be read. Raises WeightsError where there are no weights to be had.
    """
    try:
        from huggingface_hub import hf_hub_download, metadata_load
        from huggingface_hub import utils as hub
    except ImportError as error:
        raise WeightsError(
            f"{name}: no such file, and a hub needs huggingface_hub: {EXTRA}"
        ) from error

    license = None
    missing: hub.EntryNotFoundError | None = None

    def get(file: str) -> str:
        return hf_hub_download(
            name, file, revision=revision, local_files_only=offline
        )

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
        for file in FILES:
            try:
                path = Path(get(file))
                break
            except hub.EntryNotFoundError as error:
                missing = missing or error
        else:
            raise missing
        revision = _commit(path) or revision
        for part in shards(path) if file.endswith(INDEX) else ():
            get(part)
        for other in also:
            with contextlib.suppress(hub.EntryNotFoundError):
                get(other)
    except WeightsError:
        raise
    except Exception as error:  # the hub's, and those of its HTTP library
        reason = one_line(error)
        if isinstance(error, hub.LocalEntryNotFoundError):
            reason = f"not in the cache, and the hub cannot be reached; {HINT}"
        elif isinstance(error, hub.OfflineModeIsEnabled):
            reason = f"{reason}; {HINT}"
        elif isinstance(error, hub.GatedRepoError):
            reason = "the hub wants you to sign in and accept its terms"
        elif isinstance(error, hub.RepositoryNotFoundError):
            reason = "no such file, and no public repository on the hub"
        elif isinstance(error, hub.EntryNotFoundError):
            reason = f"has neither {' nor '.join(FILES)}"
        raise WeightsError(f"{name}: {reason}") from error
    revision = revision or "not known"
    level = logging.WARNING if license in UNCLEAR else logging.INFO
    logger.log(level, "%s: %s", name, terms(name, revision, license))
    return replace(
        read_weights(path),
        where=f"{name}/{file}",
        folder=path.parent,
        revision=revision,
        license=license,
    )


def terms(name: str, revision: str, license: str | None) -> str:
    """The version and the licence of weights, as a text."""
    text = f"revision {revision}, licence {license or 'not known'}"
    if license not in UNCLEAR:
        return text
    if name.startswith("nvidia/"):
        return f"{text}: NVIDIA's weights are not for commercial use"
    return f"{text}: read its page"


def _commit(path: str | Path) -> str | None:
    """The commit that a file of the hub's cache is from: snapshots/COMMIT/."""
    folder = Path(path).parent.name
    return folder if re.fullmatch("[0-9a-f]{40}", folder) else None
