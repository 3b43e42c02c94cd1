"""Pictures are normalised; the data is found, or missed with a message."""

import shutil
from pathlib import Path

import pytest
import torch

from segformer_tutorial import data
from segformer_tutorial.data import data_folder


def installed(monkeypatch, folder: Path) -> None:
    """As if the package lay in `folder`."""
    monkeypatch.setattr(data, "ROOT", folder)


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
        raise data.PackageNotFoundError(name)

    monkeypatch.setattr(data, "metadata", missing)
    installed(monkeypatch, tmp_path)
    with pytest.raises(FileNotFoundError, match="the book's repository"):
        data_folder()


def test_normalize_centres_imagenet_s_mean():
    mean = torch.tensor(data.MEAN).view(3, 1, 1) / 255
    std = torch.tensor(data.STD).view(3, 1, 1) / 255
    image = torch.cat([mean, mean + std, mean - 2 * std], dim=2)
    expected = torch.tensor([0.0, 1.0, -2.0]).expand(3, 1, 3)
    torch.testing.assert_close(
        data.normalize(image), expected, atol=1e-5, rtol=0
    )
    batch = data.normalize(image[None].double())
    assert batch.shape == (1, 3, 1, 3) and batch.dtype == torch.float64
    with pytest.raises(ValueError, match=r"\.\.\. 3 h w, got \(1, 3\)"):
        data.normalize(image[0])
    with pytest.raises(ValueError, match=r"float in 0\.\.1, got torch.uint8"):
        data.normalize(image.byte())
