"""The tables of chapters: made from _toc.yml and from what the chapters say."""

import base64

import nbformat
import pytest

import contents
import notebooks
import pinned

FILE = notebooks.file_address()


@pytest.mark.parametrize(
    ("toc", "message"),
    [
        ("chapters: [{file: book/a}, {file: book/b}]", None),
        (
            "parts: [{chapters: [{file: book/a, sections: [{file: book/b}]}]}]",
            None,
        ),
        ("chapters: [{file: book/a}]", "book/b is not in _toc.yml"),
        (
            "chapters: [{file: book/a}, {file: book/b}, {file: book/c}]",
            "book/c does not exist",
        ),
        (
            "chapters: [{file: book/a}, {file: book/b}, {file: book/a}]",
            "book/a is listed 2 times",
        ),
    ],
)
def test_contents_agree_with_the_files(tmp_path, toc, message):
    (tmp_path / "book").mkdir()
    for name in ("intro.md", "a.ipynb", "b.ipynb"):
        (tmp_path / "book" / name).touch()
    (tmp_path / "_toc.yml").write_text(f"root: book/intro\n{toc}\n")
    found = list(contents.faults(tmp_path))
    assert len(found) == (message is not None)
    assert message is None or message in found[0]


@pytest.fixture
def small_book(tmp_path, monkeypatch):
    """A book of two chapters and a page, its tables not yet written."""
    (tmp_path / "book").mkdir()
    (tmp_path / "_toc.yml").write_text(
        "root: book/intro\nparts: [{chapters: [{file: book/02_b}]},"
        "{chapters: [{file: book/01_a}, {file: book/names}]}]\n"
    )
    marks = "before <!-- chapters --><!-- /chapters --> after"
    (tmp_path / "README.md").write_text(marks)
    (tmp_path / "book/intro.md").write_text(
        f"{marks} <!-- torch -->0.1<!-- /torch -->."
    )
    (tmp_path / "book/names.md").touch()
    ours = notebooks.repository()
    monkeypatch.setattr(notebooks, "ROOT", tmp_path)
    monkeypatch.setattr(notebooks, "repository", lambda: ours)
    for name, text in (
        ("01_a", "# 1. One\n\n*What is one?*\n\nWords."),
        ("02_b", "# 2. Two\n\n*What is two?*"),
    ):
        write_chapter(tmp_path / "book" / f"{name}.ipynb", text)
    return tmp_path


def write_chapter(path, text):
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(text)])
    notebooks.fix(made, path)
    notebooks.write(made, path)


def test_tables_follow_the_contents(small_book, capsys):
    """Written once in the order of _toc.yml; what is around them stays."""
    assert contents.main(["--check"]) == 1
    assert "README.md: stale" in capsys.readouterr().out
    assert contents.main([]) == 0
    assert contents.main(["--check"]) == 0
    intro = (small_book / "book/intro.md").read_text()
    assert intro == (
        f"before <!-- chapters -->\n{contents.HEAD}"
        "| [2. Two](02_b.ipynb) | What is two? |\n"
        "| [1. One](01_a.ipynb) | What is one? |\n"
        f"<!-- /chapters --> after <!-- torch -->{pinned.torch()}"
        "<!-- /torch -->."
    )
    readme = (small_book / "README.md").read_text()
    assert f"| [2. Two]({FILE}book/02_b.ipynb) [![Open in Colab](" in readme


def test_tables_notice_a_new_question(small_book):
    contents.main([])
    path = small_book / "book/01_a.ipynb"
    write_chapter(path, "# 1. One\n\n*Which one?*")
    assert contents.main(["--check"]) == 1
    contents.main([])
    assert "Which one?" in (small_book / "README.md").read_text()


@pytest.mark.parametrize(
    "text",
    ["Words.", "# 1. One\n\nWords.", "# 2. One\n\n*Which?*", "# One\n\n*W?*"],
)
def test_a_chapter_without_title_or_question_is_named(small_book, text):
    write_chapter(small_book / "book/01_a.ipynb", text)
    with pytest.raises(ValueError, match=r"01_a\.ipynb should begin with"):
        contents.main(["--check"])


def test_marks_that_are_gone_are_missed(small_book):
    (small_book / "README.md").write_text("no marks")
    with pytest.raises(ValueError, match="no <!-- chapters -->"):
        contents.main([])


def test_the_first_picture_of_the_book_becomes_a_file(small_book, capsys):
    path = small_book / "book/02_b.ipynb"
    notebook = notebooks.read(path)
    data = {"image/png": base64.b64encode(b"a street").decode()}
    output = nbformat.v4.new_output("display_data", data=data)
    notebook.cells.append(nbformat.v4.new_code_cell("show", outputs=[output]))
    notebooks.write(notebook, path)
    assert contents.main([]) == 0
    assert (small_book / contents.PICTURE).read_bytes() == b"a street"
    assert contents.main(["--check"]) == 0
    (small_book / contents.PICTURE).write_bytes(b"another")
    capsys.readouterr()
    assert contents.main(["--check"]) == 1
    assert f"{contents.PICTURE}: stale" in capsys.readouterr().out
