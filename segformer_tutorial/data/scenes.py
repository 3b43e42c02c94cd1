"""Where the book's own data lies."""

import os
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def data_folder(path: str | os.PathLike | None = None) -> Path:
    """The folder `data` of the repository, or `path` where one is given.

    The data belongs to the repository and not to the installed package, so
    it is found from a clone (in Colab, the first cell of a chapter makes
    one). Raises FileNotFoundError that says where to get it.
    """
    if path is not None:
        folder = Path(path)
        if folder.is_dir():
            return folder
        raise FileNotFoundError(f"{folder} is not a folder")
    # Beside an installed package lies somebody else's `data`, if any.
    if (ROOT / "pyproject.toml").is_file() and (ROOT / "data").is_dir():
        return ROOT / "data"
    raise FileNotFoundError(
        "the data is not part of the installed package: get it with "
        f"`git clone --depth 1 {_repository()}`, and give its path, or "
        "install from there with `pip install -e .`"
    )


def _repository() -> str:
    """The address in the package's metadata."""
    try:
        urls = metadata("segformer-tutorial").get_all("Project-URL") or []
    except PackageNotFoundError:  # the files were copied
        urls = []
    named = dict(url.split(", ", 1) for url in urls)
    return named.get("Homepage", "the book's repository")
