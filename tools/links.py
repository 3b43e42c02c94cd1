"""Sphinx extension: what the text names becomes a link.

"chapter 5" leads to the page whose title begins with "5.", and code that is
the name of a documented object leads to its documentation, once in a section.
Sphinx resolves both. A chapter that the book lacks is a warning.
"""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator

from docutils import nodes
from sphinx import addnodes
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging

logger = logging.getLogger(__name__)

NUMBER = re.compile(r"\d+")
AND = r"(?:,\s+(?:and\s+|or\s+)?|\s+(?:and|or|to)\s+|–)"
CHAPTERS = re.compile(
    rf"\b[Cc]hapter\s+\d+(?!\.?\d)|\b[Cc]hapters\s+\d+(?:{AND}\d+)*(?!\.?\d)"
)
TITLE = re.compile(r"(\d+)\.\s")
# Where no link is made: in headings and links, and in what is not text.
CLOSED = (
    nodes.title,
    nodes.rubric,
    nodes.reference,
    nodes.literal,
    nodes.literal_block,
    nodes.math,
    nodes.math_block,
    nodes.raw,
    nodes.comment,
    addnodes.pending_xref,
    addnodes.desc_signature,
)
OBJECTS = {"class", "exception", "function", "data"}
MEMBERS = {"method", "property", "attribute"}  # named after their class only


def open_texts(tree: nodes.Element) -> Iterator[nodes.Text]:
    """Yield the texts of a page in which a link may be made."""
    for element in tree.findall(nodes.TextElement):
        join_lines(element)
    for text in list(tree.findall(nodes.Text)):
        if not within(text, CLOSED) and not in_output(text):
            yield text


def join_lines(element: nodes.TextElement) -> None:
    """Make one text of the lines that follow each other in an element."""
    parts: list[nodes.Node] = []
    for child in element:
        if (
            parts
            and isinstance(child, nodes.Text)
            and isinstance(parts[-1], nodes.Text)
        ):
            parts[-1] = nodes.Text(parts[-1] + child)
        else:
            parts.append(child)
    if len(parts) < len(element):
        element[:] = parts


def within(node: nodes.Node, kinds: tuple[type, ...]) -> bool:
    """Tell whether a node stands in one of these kinds."""
    while node := node.parent:
        if isinstance(node, kinds):
            return True
    return False


def in_output(node: nodes.Node) -> bool:
    """Tell whether a node stands in the output of a cell."""
    while node := node.parent:
        if "cell_output" in node.get("classes", ()):
            return True
    return False


def chapters(env) -> dict[int, str]:
    """Return the page of each chapter, by the number in its title."""
    found = {}
    for page, title in env.titles.items():
        if number := TITLE.match(title.astext()):
            found[int(number[1])] = page
    return found


class ChapterLinks(SphinxPostTransform):
    """Link the chapters that a page names, but not the page to itself."""

    default_priority = 5  # before Sphinx resolves references, at 10

    def run(self, **_) -> None:
        """Link the chapters in all texts of a page."""
        known = chapters(self.env)
        for text in open_texts(self.document):
            parts, end = [], 0
            for start, stop, number in mentions(text):
                target = known.get(number)
                if target is None:
                    logger.warning(
                        "the text names chapter %d, which the book lacks",
                        number,
                        location=text.parent,
                    )
                elif target != self.env.docname:
                    parts.append(nodes.Text(text[end:start]))
                    parts.append(page_link(text[start:stop], target))
                    end = stop
            if parts:
                parts.append(nodes.Text(text[end:]))
                text.parent.replace(text, [p for p in parts if p.astext()])


def mentions(text: str) -> Iterator[tuple[int, int, int]]:
    """Yield start, end and number of each chapter that a text names.

    The first number of "chapters 3 and 4" is linked with the word.
    """
    for found in CHAPTERS.finditer(text):
        numbers = list(NUMBER.finditer(text, *found.span()))
        for number in numbers:
            first = found if number is numbers[0] else number
            yield first.start(), number.end(), int(number[0])


def page_link(text: str, page: str) -> addnodes.pending_xref:
    """Return a link to a page, which Sphinx resolves."""
    return addnodes.pending_xref(
        "",
        nodes.inline(text, text),
        refdomain="std",
        reftype="doc",
        reftarget=f"/{page}",
        refexplicit=True,
        refwarn=True,
    )


class NameLinks(SphinxPostTransform):
    """Link names of documented objects, at the first mention in a section."""

    default_priority = 5

    def run(self, **_) -> None:
        """Link the names on a page that documents none itself."""
        objects = self.env.domains["py"].objects
        if self.env.docname.endswith("/names"):
            return  # its tables link what is ours, and name what is not
        if self.env.docname in {entry.docname for entry in objects.values()}:
            return
        known, code, seen = ends(objects), Code(self.document), set()
        for literal in list(self.document.findall(nodes.literal)):
            if within(literal, CLOSED) or in_output(literal):
                continue
            name = literal.astext().removesuffix("()")
            target = code.meant(name, known.get(name, []))
            place = (chief_section(literal), target)
            if target and place not in seen:
                seen.add(place)
                link = object_link(target)
                literal.parent.replace(literal, link)
                link += literal


def ends(objects) -> dict[str, list[str]]:
    """Return the full names that end in a name: `read`, `data.read`, ..."""
    found = defaultdict(list)
    for full, entry in objects.items():
        if entry.aliased or entry.objtype not in OBJECTS | MEMBERS:
            continue
        parts = full.split(".")
        first = 2 if entry.objtype in MEMBERS else 1
        for count in range(first, len(parts) + 1):
            found[".".join(parts[-count:])].append(full)
    return found


class Code:
    """What the names in the code of a page stand for.

    imported: name -> module of the package. own: names of the page's
    variables, functions and arguments. texts: its strings.
    """

    def __init__(self, document: nodes.document) -> None:
        self.imported: dict[str, str] = {}
        self.own: set[str] = set()
        self.texts: set[str] = set()
        for block in document.findall(nodes.literal_block):
            try:
                tree = ast.parse(block.astext())
            except SyntaxError:  # no Python, or an output
                continue
            for node in ast.walk(tree):
                self.note(node)

    def note(self, node: ast.AST) -> None:
        """Note one node of the syntax tree."""
        match node:
            case ast.ImportFrom(module=str(module)):
                for name in node.names:
                    self.imported[name.asname or name.name] = module
            case ast.FunctionDef(name=name) | ast.keyword(arg=str(name)):
                self.own.add(name)
            case ast.arg(arg=name) | ast.Name(id=name, ctx=ast.Store()):
                self.own.add(name)
            case ast.Constant(value=str(text)):
                self.texts.add(text)

    def meant(self, name: str, candidates: list[str]) -> str | None:
        """Return the object that a name in the text means, if one is sure.

        A plain word such as `train` may also be a split of the data: it is
        linked where the page imports it and has no such string.
        """
        if name in self.imported:
            module = self.imported[name]
            inside = [c for c in candidates if c.startswith(f"{module}.")]
            candidates = inside or candidates
            sure = name not in self.texts
        else:
            word = name.islower() and "_" not in name and "." not in name
            sure = not word and name not in self.own
        return candidates[0] if sure and len(candidates) == 1 else None


def chief_section(node: nodes.Node) -> nodes.Node:
    """Return the section of the second level that a node stands in."""
    above = []
    while node := node.parent:
        if isinstance(node, nodes.section):
            above.append(node)
    return above[-2] if len(above) > 1 else above[-1] if above else None


def object_link(name: str) -> addnodes.pending_xref:
    """Return a link to the documentation of an object, still without text."""
    return addnodes.pending_xref(
        "",
        refdomain="py",
        reftype="obj",
        reftarget=name,
        refexplicit=False,
        refwarn=True,
        **{"py:module": None, "py:class": None},
    )


def setup(app) -> dict:
    """Register with Sphinx."""
    app.add_post_transform(ChapterLinks)
    app.add_post_transform(NameLinks)
    return {"version": "1", "parallel_read_safe": True}
