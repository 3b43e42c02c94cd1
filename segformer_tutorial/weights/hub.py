"""Weights from the Hugging Face Hub, with their licence.

NVIDIA's weights, from a hub or not, are for research and evaluation only;
timm's `pvt_v2_*` are under Apache-2.0.
"""

import logging
import re
from dataclasses import replace
from pathlib import Path

from .files import EXTRA, Source, WeightsError, one_line, read_file

NAME = re.compile(r"\w[\w.-]*/\w[\w.-]*")
FILES = ("model.safetensors", "pytorch_model.bin")
UNCLEAR = (None, "other")  # licences that have to be read

logger = logging.getLogger(__name__)


def download(name: str, revision: str | None) -> Source:
    """Get the weights of `owner/name`, or find them in the cache.

    The licence on the repository's page is logged, as a warning where it has
    to be read. Raises WeightsError where there are no weights to be had.
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
                path = hf_hub_download(
                    name, file, revision=revision, local_files_only=offline
                )
                break
            except hub.EntryNotFoundError as error:
                missing = missing or error
        else:
            raise missing
    except Exception as error:  # the hub's, and those of its HTTP library
        reason = one_line(error)
        if isinstance(error, hub.LocalEntryNotFoundError):
            reason = "not in the cache, and the hub cannot be reached"
        elif isinstance(error, hub.GatedRepoError):
            reason = "the hub wants you to sign in and accept its terms"
        elif isinstance(error, hub.RepositoryNotFoundError):
            reason = "no such file, and no public repository on the hub"
        elif isinstance(error, hub.EntryNotFoundError):
            reason = f"has neither {' nor '.join(FILES)}"
        raise WeightsError(f"{name}: {reason}") from error
    revision = _commit(path) or revision or "not known"
    level = logging.WARNING if license in UNCLEAR else logging.INFO
    logger.log(level, "%s: %s", name, terms(name, revision, license))
    return replace(
        read_file(Path(path)),
        where=f"{name}/{file}",
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


def _commit(path: str) -> str | None:
    """The commit that a file of the hub's cache is from: snapshots/COMMIT/."""
    folder = Path(path).parent.name
    return folder if re.fullmatch("[0-9a-f]{40}", folder) else None
