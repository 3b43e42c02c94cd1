"""Which pictures a command line means, and what their results are called."""

import os
from pathlib import Path

import pytest

pytest.importorskip("PIL")
from segformer_tutorial.data import DataError
from segformer_tutorial.predict.inputs import find_pictures, name_results


@pytest.fixture(autouse=True)
def root(tmp_path, monkeypatch):
    for name in (
        "one/b.jpg",
        "one/a.PNG",
        "one/c.npy",
        "one/.hidden.png",
        "one/notes.txt",
        "one/below/d.png",
        "one/folder.png/e.tif",
        "two/a.jpg",
        "[x].png",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    monkeypatch.chdir(tmp_path)


def found(*arguments):
    pictures, others = find_pictures(arguments)
    return [x.as_posix() for x in pictures], [x.as_posix() for x in others]


@pytest.mark.parametrize(
    ("arguments", "pictures"),
    [
        (["two/a.jpg"], ["two/a.jpg"]),
        (["one/notes.txt"], ["one/notes.txt"]),  # named, so it is tried
        (["two", "[x].png"], ["two/a.jpg", "[x].png"]),
        (["*/a.*"], ["one/a.PNG", "two/a.jpg"]),
        (["o*/b.jpg", "one/b.jpg", "./one/b.jpg"], ["one/b.jpg"]),
        (["one/**/*.tif"], ["one/folder.png/e.tif"]),
        (["one/[af]*"], ["one/a.PNG", "one/folder.png/e.tif"]),
    ],
)
def test_pictures(arguments, pictures):
    assert found(*arguments) == (pictures, [])


def test_folder():
    """Without subfolders, even if they are called like a picture."""
    pictures, others = found("one")
    assert pictures == ["one/a.PNG", "one/b.jpg", "one/c.npy"]
    assert others == ["one/notes.txt"]


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("nowhere.png", "nowhere.png: there is no such file or folder"),
        ("", "there is no such file"),
        ("no*.png", r"no\*.png: no file has such a name"),
        ("empty", "empty: no file in it is a picture by its extension"),
    ],
)
def test_arguments_that_mean_nothing(argument, message):
    os.mkdir("empty")
    with pytest.raises(DataError, match=message):
        find_pictures(["two", argument])


@pytest.mark.parametrize(
    ("pictures", "names"),
    [
        (["a.png", "x/b.jpg"], ["a", "b"]),
        (["x/a.png", "y/a.jpg", "y/b.jpg"], ["x/a", "y/a", "y/b"]),
        (["p/x/a.png", "p/a.png"], ["x/a", "a"]),
        (["x/a.png", "x/a.jpg"], ["a.png", "a.jpg"]),
        (["x/a.png", "x/A.jpg"], ["a.png", "A.jpg"]),
        (
            ["x/a.png", "x/a.jpg", "y/a.jpg"],
            ["x/a.png", "x/a.jpg", "y/a.jpg"],
        ),
        (["a.b.png", "a.c.png"], ["a.b", "a.c"]),
        (["../q/a.png", "a.png"], None),
    ],
)
def test_names(pictures, names):
    results = name_results([Path(x) for x in pictures])
    assert len({x.as_posix().lower() for x in results}) == len(pictures)
    assert not any(x.is_absolute() or ".." in x.parts for x in results)
    if names is not None:
        assert [x.as_posix() for x in results] == names


def test_names_that_differ_in_case_alone():
    """Where files are not told apart by it, one would replace the other."""
    with pytest.raises(DataError, match="upper and lower case alone"):
        name_results([Path("x/a.png"), Path("x/A.png")])
