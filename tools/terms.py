"""Sphinx extension: the book's index, from a list of terms and their chapters.

Each term of terms.txt leads to the section of its chapter that explains it:
the one that sets it in bold or italics, has it in its heading or in code, or
names it first, in this order. The search shows that section first.
"""

import re
from pathlib import Path
from typing import NamedTuple

from docutils import nodes
from sphinx import addnodes
from sphinx.transforms import SphinxTransform
from sphinx.util import logging

LIST = Path(__file__).with_name("terms.txt")
logger = logging.getLogger(__name__)


class Term(NamedTuple):
    """What a reader looks up, and how the chapter writes it."""

    name: str
    words: str


def terms(text: str) -> dict[str, list[Term]]:
    """Read the list: for each chapter its terms."""
    found: dict[str, list[Term]] = {}
    for part in re.sub(r"^#.*\n", "", text, flags=re.M).strip().split("\n\n"):
        chapter, _, rest = part.partition("\n")
        for entry in re.split(r",\s*|\n", rest.strip()):
            name, _, words = (x.strip() for x in entry.partition(" = "))
            found.setdefault(chapter, []).append(Term(name, words or name))
    return found


def place(document: nodes.document, words: str) -> nodes.section | None:
    """Find the section that explains a term."""
    pattern = re.compile(rf"(?<!\w){re.escape(words)}s?(?!\w)", re.IGNORECASE)
    ways = (
        ((nodes.strong, nodes.emphasis), pattern.fullmatch),
        ((nodes.title,), pattern.search),
        ((nodes.literal,), pattern.fullmatch),
        ((nodes.paragraph, nodes.literal_block), pattern.search),
    )
    for kinds, fits in ways:
        for node in document.findall(lambda node, k=kinds: isinstance(node, k)):
            if fits(node.astext().replace("’", "'")):
                while not isinstance(node, nodes.section):
                    node = node.parent
                return node
    return None


class Terms(SphinxTransform):
    """Put the entries of the index into the sections of a page."""

    default_priority = 800  # before the domains collect them, at 850

    def apply(self, **options) -> None:
        """Add one entry for each term; warn of a term that is not there."""
        chapter = self.env.docname.rpartition("/")[2]
        self.env.note_dependency(str(LIST))
        for term in terms(LIST.read_text(encoding="utf-8")).get(chapter, []):
            section = place(self.document, term.words)
            if section is None:
                logger.warning(
                    "the index looks for %r here", term.words,
                    location=self.env.docname,
                )  # fmt: skip
                continue
            entry = ("single", term.name, section["ids"][0], "main", None)
            section.insert(1, addnodes.index(entries=[entry]))


def setup(app) -> dict:
    """Register with Sphinx."""
    app.add_transform(Terms)
    return {"version": "1", "parallel_read_safe": True}
