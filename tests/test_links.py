"""Links that the build makes: chapters, names of the package, papers."""

import os
import re
import subprocess
import sys
from copy import copy
from pathlib import Path

import pytest

import notebooks

bs4 = pytest.importorskip("bs4")
pytest.importorskip("sphinx")

import links  # noqa: E402

CONF = """
extensions = ["myst_parser", "links", "sources"]
sources_page = "sources"
sources_unnoted = ["2105.15203"]
html_theme = "basic"
myst_enable_extensions = ["colon_fence"]
"""
PAGES = {
    "index.md": """\
# A book

```{toctree}
one
two
three
sources
names
```
""",
    "one.md": """\
# 1. Chapter 2 in a heading

Chapter 2 follows, and so does chapter 3. This is chapter 1.

## Chapter 3 here too

In chapters 1, 2 and 3 and in chapters 2 to 3; `chapter 2` is code, and
[chapter 3](two.md) leads where it says. Equation 2 is no chapter.

- An item names chapter
  3.

| cell |
|---|
| chapter 2 |

<details>
<summary>chapter 2</summary>

Folded: chapter 3.

</details>
""",
    "two.md": """\
# 2. Names

```python
from pack.files import train, load, read
from pack import Thing
split = dict(part="train", size=3)
```

## A section

`Thing` and `Thing`, `Helper`, `load()`, `Thing.run`.

`train` is a split, `run` a method, `size` an argument, `check` a plain word,
`save_all` is there twice, `read` is imported.

### A smaller heading

`Thing` once more.

## Another `Thing`

`Thing` again, and [the `Helper`](one.md).
""",
    "three.md": """\
# 3. Papers

## Text

Swin ([arXiv 2103.14030](https://arxiv.org/abs/2103.14030)) and
[*Swin*](https://arxiv.org/abs/2103.14030), and SegFormer, arXiv 2105.15203.

Swin, arXiv:2103.14030, once more; unknown: arXiv 1234.56789.

| paper |
|---|
| [ViT](https://arxiv.org/abs/2010.11929) |

<details>
<summary>Deeper</summary>

Folded: [ViT](https://arxiv.org/abs/2010.11929).

</details>

After the table [ViT](https://arxiv.org/abs/2010.11929).
""",
    "sources.md": """\
# The sources

- Enze Xie: [*SegFormer*](https://arxiv.org/abs/2105.15203). NeurIPS 2021,
  arXiv 2105.15203. The paper.
- Ze Liu: [*Swin Transformer: Windows*](https://arxiv.org/abs/2103.14030). ICCV
  2021, arXiv 2103.14030. Attention in windows.
- Alexey: [*An Image*](https://arxiv.org/abs/2010.11929). arXiv 2010.11929,
  2021. A list of patches.
""",
    "names.md": """\
# The names

:::{py:class} pack.thing.Thing
:::
:::{py:method} pack.thing.Thing.run
:::
:::{py:class} pack.thing.Helper
:::
:::{py:function} pack.files.load()
:::
:::{py:function} pack.files.read()
:::
:::{py:function} pack.other.read()
:::
:::{py:function} pack.files.train()
:::
:::{py:function} pack.files.size()
:::
:::{py:function} pack.files.check()
:::
:::{py:function} pack.files.save_all()
:::
:::{py:function} pack.other.save_all()
:::
""",
}


def build(folder: Path, pages: dict[str, str]) -> subprocess.CompletedProcess:
    """Build a small book; a warning is an error."""
    folder.mkdir(exist_ok=True)
    for name, text in {"conf.py": CONF, **pages}.items():
        (folder / name).write_text(text, encoding="utf-8")
    tools = str(notebooks.ROOT / "tools")
    return subprocess.run(
        [sys.executable, "-m", "sphinx", "-W", "-q", ".", "html"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": tools},
        capture_output=True,
        text=True,
    )


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    """The pages of a small book, by name."""
    folder = tmp_path_factory.mktemp("book")
    done = build(folder, PAGES)
    assert done.returncode == 0, done.stderr
    return {
        page: bs4.BeautifulSoup(
            (folder / "html" / f"{page}.html").read_text(encoding="utf-8"),
            "html.parser",
        ).select_one(".body")
        for page in ("one", "two", "three", "sources", "names")
    }


def made(soup, where: str = "p, td, li") -> list[tuple[str, str]]:
    """List text and address of the links of a page, each once."""
    found = [link for part in soup.select(where) for link in part.select("a")]
    return [
        (" ".join(link.get_text().split()), link["href"])
        for link in {id(link): link for link in found}.values()
    ]


def test_each_chapter_that_the_text_names_is_a_link(book):
    assert made(book["one"]) == [
        ("Chapter 2", "two.html"),
        ("chapter 3", "three.html"),
        ("2", "two.html"),
        ("3", "three.html"),
        ("chapters 2", "two.html"),
        ("3", "three.html"),
        ("chapter 3", "two.html"),  # the author's own
        ("chapter 3", "three.html"),
        ("chapter 2", "two.html"),
        ("chapter 3", "three.html"),
    ]


def test_no_plain_chapter_is_left_but_the_pages_own(book):
    page = copy(book["one"])
    for closed in page.select("a, code, summary, h1, h2"):
        closed.extract()
    text = " ".join(page.get_text().split())
    assert re.findall(r"[Cc]hapters? \d+", text) == ["chapter 1", "chapters 1"]


def test_a_chapter_that_the_book_lacks_is_an_error(tmp_path):
    page = "# 1. One\n\nAs chapter 1 shows.\n\nAs chapters 1 and 12 show.\n"
    done = build(tmp_path / "book", {"index.md": page})
    assert done.returncode != 0
    assert "chapter 12, which the book lacks" in done.stderr


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("Chapter 3 and 4 heads", [3]),
        ("chapters 3, 4, and 12", [3, 4, 12]),
        ("chapters 3–5", [3, 5]),
        ("in chapter 3, 12 of them", [3]),
        ("chapter 3.", [3]),
        ("chapter 3.2 of the report", []),
        ("subchapter 3, chapter three", []),
    ],
)
def test_numbers_of_chapters(text, numbers):
    found = list(links.mentions(text))
    assert [number for *_, number in found] == numbers
    assert all(text[a:b].endswith(str(n)) for a, b, n in found)


def test_a_name_is_linked_once_in_a_section_where_it_is_sure(book):
    there = "names.html#pack."
    assert made(book["two"], "p") == [
        ("Thing", f"{there}thing.Thing"),
        ("Helper", f"{there}thing.Helper"),
        ("load()", f"{there}files.load"),
        ("Thing.run", f"{there}thing.Thing.run"),
        ("read", f"{there}files.read"),
        ("Thing", f"{there}thing.Thing"),  # of the next section
        ("the Helper", "one.html"),  # the author's own
    ]
    assert not book["two"].select("h2 a:not(.headerlink)")


def test_papers_lead_to_their_entries(book):
    entry = "sources.html#arxiv-2103-14030"
    assert made(book["three"], "p, td") == [
        ("arXiv 2103.14030", entry),
        ("Swin", entry),
        ("arXiv 2105.15203", "sources.html#arxiv-2105-15203"),
        ("arXiv:2103.14030", entry),
        ("arXiv 1234.56789", "https://arxiv.org/abs/1234.56789"),
        *[("ViT", "sources.html#arxiv-2010-11929")] * 3,
    ]
    places = [item["id"] for item in book["sources"].select("li[id]")]
    assert places == [
        "arxiv-2105-15203",
        "arxiv-2103-14030",
        "arxiv-2010-11929",
    ]


def test_a_paper_stands_in_the_margin_once_beside_a_paragraph(book):
    notes = book["three"].select("aside.source-note")
    assert [" ".join(note.get_text().split()) for note in notes] == [
        "Swin Transformer. Attention in windows.",
        "An Image. A list of patches.",
    ]
    beside = [note.find_next_sibling().get_text()[:5] for note in notes]
    assert beside == ["Swin ", "After"]
    address = notes[0].a["href"]
    assert address == "https://arxiv.org/abs/2103.14030"


def test_two_entries_of_a_paper_are_an_error(tmp_path):
    pages = {"index.md": "# A\n\n```{toctree}\nsources\n```\n"}
    item = "- [A](https://arxiv.org/abs/2103.14030). arXiv 2103.14030. B.\n"
    pages["sources.md"] = f"# Sources\n\n{item}{item}"
    done = build(tmp_path / "book", pages)
    assert "a second entry for arXiv 2103.14030" in done.stderr
    assert done.returncode != 0


def test_a_book_without_the_two_pages_is_built(tmp_path):
    page = "# 1. One\n\n`Thing` of [A](https://arxiv.org/abs/2103.14030).\n"
    done = build(tmp_path / "book", {"index.md": page})
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "book/html/index.html").read_text(encoding="utf-8")
    assert 'href="https://arxiv.org/abs/2103.14030"' in text
