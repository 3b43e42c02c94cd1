"""Sphinx extension: the papers that the text cites, and their entries.

A link to a paper on arXiv leads to its entry on the page of the sources, if
there is one, and a number that is not linked becomes a link. Beside the first
paragraph that cites a paper stands what the entry says; the style sheet shows
it where there is room.
"""

import re
from typing import NamedTuple

from docutils import nodes
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging

from links import open_texts

logger = logging.getLogger(__name__)

ADDRESS = re.compile(r"https://arxiv\.org/abs/(\d{4}\.\d{4,5})")
WRITTEN = re.compile(r"\barXiv[:\s]\s*(\d{4}\.\d{4,5})")
SAID = re.compile(r"arXiv\s\d{4}\.\d{4,5}(?:,\s\d{4})?\.\s+(.+)", re.DOTALL)


class Entry(NamedTuple):
    """A paper on the page of the sources."""

    place: str  # the id of its item
    title: str  # up to its colon
    words: str  # what it contributed


class Note(nodes.General, nodes.Element):
    """What stands in the margin beside a paragraph."""


def anchors(app, tree: nodes.document) -> None:
    """Make the entries of the page of the sources places to link to."""
    if app.env.docname != app.config.sources_page:
        return
    for item, number in items(tree):
        place = f"arxiv-{number.replace('.', '-')}"
        if place in tree.ids:
            logger.warning("a second entry for arXiv %s", number, location=item)
        item["ids"].append(place)
        tree.ids[place] = item


def items(tree: nodes.document):
    """Yield the items of lists whose first link leads to a paper."""
    for item in tree.findall(nodes.list_item):
        link = next(item.findall(nodes.reference), None)
        found = link and ADDRESS.fullmatch(link.get("refuri", ""))
        if found:
            yield item, found[1]


def entries(env) -> dict[str, Entry]:
    """Return the entries of the page of the sources by their numbers."""
    page = env.config.sources_page
    if page not in env.found_docs:
        return {}
    found = {}
    for item, number in items(env.get_doctree(page)):
        title = next(item.findall(nodes.reference)).astext()
        title = " ".join(title.partition(":")[0].split())
        words = SAID.search(item.astext())
        found[number] = Entry(
            item["ids"][-1], title, " ".join(words[1].split()) if words else ""
        )
    return found


class Citations(SphinxPostTransform):
    """Lead to the entries, and say in the margin what they say."""

    default_priority = 6

    def run(self, **_) -> None:
        """Work on a page, unless it is the page of the sources."""
        if self.env.docname == self.config.sources_page:
            return
        known = entries(self.env)
        for text in open_texts(self.document):
            self.link(text)
        noted: set[str] = set(self.config.sources_unnoted)
        for link in list(self.document.findall(nodes.reference)):
            found = ADDRESS.fullmatch(link.get("refuri", ""))
            entry = found and known.get(found[1])
            if not entry:
                continue
            page = self.app.builder.get_relative_uri(
                self.env.docname, self.config.sources_page
            )
            address = link["refuri"]
            link["refuri"] = f"{page}#{entry.place}"
            link["internal"] = True
            if found[1] not in noted and self.comment(link, entry, address):
                noted.add(found[1])

    def link(self, text: nodes.Text) -> None:
        """Make links of the numbers in a text."""
        parts, end = [], 0
        for found in WRITTEN.finditer(text):
            parts.append(nodes.Text(text[end : found.start()]))
            address = f"https://arxiv.org/abs/{found[1]}"
            parts.append(nodes.reference("", found[0], refuri=address))
            end = found.end()
        if parts:
            parts.append(nodes.Text(text[end:]))
            text.parent.replace(text, [p for p in parts if p.astext()])

    def comment(self, link: nodes.reference, entry: Entry, to: str) -> bool:
        """Put an entry beside a paragraph that stands in a section itself."""
        paragraph = link
        while paragraph and not isinstance(paragraph, nodes.paragraph):
            paragraph = paragraph.parent
        section = paragraph and paragraph.parent
        if not isinstance(section, nodes.section):
            return False
        index = section.index(paragraph)
        if folded(section[:index]):
            return False
        if not index or not isinstance(section[index - 1], Note):
            section.insert(index, Note())
            index += 1
        title = nodes.reference("", entry.title, refuri=to, internal=False)
        stop = "" if entry.title.endswith("?") else "."
        words = nodes.inline("", f"{stop} {entry.words}")
        line = nodes.inline("", "", title, words, classes=["source"])
        section[index - 1] += line
        return True


def folded(before: list[nodes.Node]) -> bool:
    """Tell whether a fold, which is written in HTML, is open after these."""
    html = "".join(n.astext() for n in before if isinstance(n, nodes.raw))
    return html.count("<details") > html.count("</details")


def open_note(self, node: Note) -> None:
    """Begin a note."""
    self.body.append('<aside class="source-note" role="note">')


def close_note(self, node: Note) -> None:
    """End a note."""
    self.body.append("</aside>\n")


def setup(app) -> dict:
    """Register with Sphinx."""
    app.add_config_value("sources_page", "book/references", "env")
    app.add_config_value("sources_unnoted", [], "env")
    app.add_node(Note, html=(open_note, close_note))
    app.connect("doctree-read", anchors)
    app.add_post_transform(Citations)
    return {"version": "1", "parallel_read_safe": True}
