"""The book's data is found from a clone, and else it is said where it is."""

import shutil
from pathlib import Path

import pytest

from segformer_tutorial.data import data_folder, scenes


def installed(monkeypatch, folder: Path) -> None:
    """As if the package lay in `folder`."""
    monkeypatch.setattr(scenes, "ROOT", folder)


def test_found_in_a_checkout():
    folder = data_folder()
    assert folder == Path(__file__).resolve().parents[1] / "data"
    assert (folder / "README.md").is_file()


def test_explicit_path(tmp_path):
    assert data_folder(tmp_path) == tmp_path
    with pytest.raises(FileNotFoundError, match="nowhere is not a folder"):
        data_folder(tmp_path / "nowhere")


@pytest.mark.parametrize("other", [False, True])
def test_installed_package_says_where_the_data_is(monkeypatch, tmp_path, other):
    """A `data` that belongs to another package is not taken for ours."""
    if other:
        (tmp_path / "data").mkdir()
    installed(monkeypatch, tmp_path)
    with pytest.raises(FileNotFoundError, match="git clone --depth 1 http"):
        data_folder()


def test_a_clone_without_the_folder_says_so_too(monkeypatch, tmp_path):
    root = Path(__file__).resolve().parents[1]
    shutil.copy(root / "pyproject.toml", tmp_path)
    installed(monkeypatch, tmp_path)
    with pytest.raises(FileNotFoundError, match="not part of the installed"):
        data_folder()


def test_copied_files_do_not_need_the_metadata(monkeypatch, tmp_path):
    def missing(name):
        raise scenes.PackageNotFoundError(name)

    monkeypatch.setattr(scenes, "metadata", missing)
    installed(monkeypatch, tmp_path)
    with pytest.raises(FileNotFoundError, match="the book's repository"):
        data_folder()
