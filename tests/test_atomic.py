"""A file is written whole or not at all."""

import pytest

from segformer_tutorial.data.atomic import write_whole


def test_written(tmp_path):
    path = tmp_path / "x.txt"
    write_whole(path, "Straße\r\n")
    assert path.read_bytes() == "Straße\r\n".encode()
    write_whole(path, b"\0\1")
    assert path.read_bytes() == b"\0\1"
    assert [*tmp_path.iterdir()] == [path]


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "x.txt"
    write_whole(path, "old")

    def full(*arguments):
        raise OSError("no space left")

    for call in ("fsync", "replace"):
        with monkeypatch.context() as patch:
            patch.setattr(f"os.{call}", full)
            with pytest.raises(OSError, match="no space left"):
                write_whole(path, "new")
        assert path.read_text() == "old"
        assert [*tmp_path.iterdir()] == [path]


def test_a_link_is_followed(tmp_path):
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("old")
    try:
        link.symlink_to(target)
    except OSError:
        pytest.skip("this system does not let us make links")
    write_whole(link, "new")
    assert link.is_symlink() and target.read_text() == "new"
