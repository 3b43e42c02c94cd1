"""The index: each term leads to the section that explains it."""

import pytest

import notebooks

pytest.importorskip("sphinx")
myst = pytest.importorskip("myst_parser.docutils_")

import terms  # noqa: E402

PAGE = """\
# 3. Cutting

The window comes up here, `stride` in code too.

## Windows of a stride

A **window** is a square of pixels. So is a *patch*.

## What overlaps

Patches overlap, and a window does. `patch` again.
"""


def section(words: str) -> str | None:
    """The heading of the section that explains `words` in the page."""
    from docutils.core import publish_doctree

    keep = {"doctitle_xform": False}  # as Sphinx has it: a title in a section
    tree = publish_doctree(PAGE, parser=myst.Parser(), settings_overrides=keep)
    found = terms.place(tree, words)
    return found and found[0].astext()


def test_reads_a_list_of_terms():
    read = terms.terms("# note\n\n01_a\nx, y z = y\nw\n\n02_b\nv\n")
    x, y, w = read["01_a"]
    assert (x.name, x.words, y.name, y.words) == ("x", "x", "y z", "y")
    assert w.name == "w" and [t.name for t in read["02_b"]] == ["v"]


def test_bold_comes_before_a_heading_and_that_before_code():
    assert section("window") == "Windows of a stride"
    assert section("stride") == "Windows of a stride"
    assert section("patch") == "Windows of a stride"
    assert section("overlap") == "What overlaps"


def test_a_term_that_is_not_there_has_no_place():
    assert section("indow") is None


def test_each_chapter_of_the_list_is_a_chapter():
    listed = terms.terms(terms.LIST.read_text(encoding="utf-8"))
    chapters = {path.stem for path in (notebooks.ROOT / "book").glob("*.ipynb")}
    assert set(listed) <= chapters
    assert len(listed) > 15
    names = [term.name for entries in listed.values() for term in entries]
    assert len(set(names)) == len(names)
