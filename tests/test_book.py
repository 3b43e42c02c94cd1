"""The book as it stands: every notebook keeps every rule."""

import re

import pytest
from test_standalone import FILES

import address
import contents
import guards
import notebooks
import quotes

ROOT = notebooks.ROOT
NOTEBOOKS = notebooks.paths()
PAGES = sorted(
    page
    for folder in ("", "book/", "data/**/", "benchmarks/")
    for page in ROOT.glob(f"{folder}*.md")
)

each_notebook = pytest.mark.parametrize(
    "path", NOTEBOOKS, ids=lambda path: path.stem
)


@each_notebook
@pytest.mark.parametrize("guard", guards.GUARDS, ids=lambda g: g.__name__)
def test_notebook_keeps_the_rule(path, guard):
    assert list(guard(notebooks.read(path), path)) == []


@each_notebook
def test_notebook_is_stored_as_the_tools_write_it(path):
    fixed = notebooks.read(path)
    notebooks.fix(fixed, path)
    assert path.read_text(encoding="utf-8") == notebooks.text(fixed), (
        "run `make fix`"
    )


@each_notebook
def test_quotes_are_the_packages_text(path):
    known = quotes.package()
    assert list(quotes.check(notebooks.read(path), known, fix=False)) == []


def test_a_class_is_quoted_once():
    assert quotes.repeated(map(notebooks.read, NOTEBOOKS)) == []


def test_every_class_of_the_model_is_quoted():
    """All classes of the files that the README tells readers to copy."""
    named = {
        name
        for path in NOTEBOOKS
        for _, cell in quotes.quotes(notebooks.read(path))
        for name in quotes.quoted(cell.source)
    }
    classes = {
        name
        for file in FILES
        for name, text in quotes.definitions(
            (quotes.PACKAGE / f"{file}.py").read_text(encoding="utf-8")
        )
        if re.search(r"^class ", text, re.MULTILINE)
    }
    assert len(classes) == 12
    assert classes <= named


def test_contents_and_files_agree():
    assert list(contents.faults(ROOT)) == []


def test_the_tables_of_chapters_are_fresh():
    assert list(contents.stale(ROOT, write=False)) == []
    assert list(contents.stale_picture(ROOT, write=False)) == []


@pytest.mark.parametrize("path", PAGES, ids=notebooks.relative)
def test_images_and_links_of_a_page(path):
    text = path.read_text(encoding="utf-8")
    for alt, target in guards.text_images(text):
        assert guards.describes(alt), f"{target}: {alt!r}"
        if "://" not in target:
            assert (path.parent / target).is_file(), target
    for target in re.findall(r"\]\(([^)#\s]+)", text):
        if "://" not in target:
            assert (path.parent / target).exists(), target


def test_the_address_is_the_same_everywhere():
    assert list(address.check(ROOT)) == []


def test_the_lock_holds_every_requirement_and_no_index():
    def name(line):
        return re.match(r"[\w-]+", line)[0].lower().replace("_", "-")

    asked = (ROOT / "requirements.in").read_text(encoding="utf-8")
    lock = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    lines = [x for x in lock.splitlines() if re.match(r"[A-Za-z]", x)]
    pinned = {name(line) for line in lines}
    wanted = [x for x in asked.splitlines() if re.match(r"[A-Za-z]", x)]
    assert {name(line) for line in wanted} <= pinned
    for line in wanted:
        if "==" in line:
            assert line in lock, f"run `make lock`: {line}"
    for line in lines:
        assert re.match(r"[\w.-]+(\[[\w,-]+\])?==[\w.]+( ; .*)?$", line), line
    assert not re.search(r"://|^-|\+cpu", lock, re.MULTILINE)
