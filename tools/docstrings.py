"""Sphinx extension: the docstrings of the package, as the reference has them.

The package writes them for `help()`, as plain text. For a page of autodoc they
get markup here:

- Code is what stands in backticks, and without them shapes such as `b h w c ->
  b h w c`, formulas, files, dtypes and exceptions. A name of the reference
  becomes a link to it.
- Lines `name: text` become the list of parameters, and what begins with
  `Raises` or `Source:` a field of its own. Lines with a dash are a list.
- A class that a chapter quotes names the chapter, and every name its source.

The directive `names` is the table of what a page describes: each name with the
first sentence of its docstring.
"""

import dataclasses
import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib import import_module
from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import Directive
from sphinx import addnodes

import notebooks
import quotes

PAGE = notebooks.ROOT / "book" / "reference.md"
DESCRIBED = re.compile(r"^\.\. auto\w+:: ([\w.]+)$", re.MULTILINE)

# Code that needs no backticks. An axis is a letter, a number or a width.
AXIS = (
    r"(?:ceil\([^()]*\)|\((?:[a-z] )+[a-z]\)|\.\.\.|\d+|[a-z](?:_\w)?(?!\w)'?"
    r"|(?:dims?|size|\w+_\w+)(?:\[\w+\])?(?!\w))"
)
NUMBER = r"(?<![\w.])\d+(?:\.\d+)?(?!\w|\.\d)"
TERM = (
    r"(?:ceil\([^()]*\)|\(\w{1,2}(?: (?://|[-+*/]) \w{1,2})+\)"
    rf"|{NUMBER}|(?<![\w'])[A-Za-z](?:_\w)?(?!\w)'?)"
)
OPERATOR = r"(?:\*\*| (?://|[-+*/=]) |(?=\())"
CODE = re.compile(
    rf"\[?\bb(?: {AXIS})+\]? -> \[?b(?: {AXIS})+\]?"  # a shape
    rf"|{TERM}(?:{OPERATOR}{TERM})+(?:(?:, {NUMBER})+|(?: [b-z](?!\w))+)?"
    r"|(?<!\w)[a-z]'(?!\w)"  # an axis by itself
    r'|(?:\b\w+=)?"[\w=,+-]*"'  # a word that is an argument
    r"|(?<![\w/.])[\w-]*\.(?:bin|ckpt|csv|json|jpg|npy|onnx|png|pt2|pth?"
    r"|safetensors|tif|txt)\b"
    r"|(?<!\w)--[a-z][\w-]*"
    r"|\b(?:None|True|False|u?int\d+|b?float\d+)\b"
)
LINKED = re.compile(r"\b(?:[A-Z]\w*[A-Z]\w*|Stopped)\b")
PREPRINT = re.compile(r"arXiv (\d{4}\.\d{5})")

FIELDS = ("Parameters", "Attributes", "Raises", "Source")
SENTENCE = r"(?:^|(?<=[.)] ))"
SOURCE = re.compile(rf"{SENTENCE}Source: (.*)$")
RAISES = re.compile(rf"{SENTENCE}Raises (.*?(?:\.(?= [A-Z`(])|$))")
LABEL = re.compile(rf"{SENTENCE}((?:[a-z_]\w*, )*[a-z_]\w*): (?=\S)")


@cache
def described() -> dict[str, str]:
    """Return the names on the page, each with its whole path."""
    paths = DESCRIBED.findall(PAGE.read_text(encoding="utf-8"))
    return {path.rpartition(".")[2]: path for path in paths}


@cache
def chapters() -> dict[str, str]:
    """Return the page that quotes a class or a function, by its name."""
    return {
        name: f"/book/{path.stem}"
        for path in notebooks.paths()
        for _, cell in quotes.quotes(notebooks.read(path))
        for name in quotes.quoted(cell.source)
    }


def resolve(path: str):
    """Return what a whole path names."""
    module, _, name = path.rpartition(".")
    return getattr(import_module(module), name)


def inline(text: str, known: Mapping[str, str]) -> str:
    """Write a paragraph as reStructuredText."""
    pieces = re.split(r"`([^`]+)`", " ".join(text.split()))
    for index, piece in enumerate(pieces):
        pieces[index] = code(piece, known) if index % 2 else words(piece, known)
    return "".join(pieces)


def code(text: str, known: Mapping[str, str]) -> str:
    """Write code, as a link where it is a name of the page."""
    if text in known:
        return rf"\ :py:obj:`{text} <{known[text]}>`\ "
    return rf"\ ``{text}``\ "


def words(text: str, known: Mapping[str, str]) -> str:
    """Write words between two pieces of code, with what is code in them."""
    rules: tuple[tuple[re.Pattern, Callable], ...] = (
        (CODE, lambda found: code(found[0], known)),
        (LINKED, lambda found: linked(found[0], known)),
        (PREPRINT, lambda found: preprint(found[0], found[1])),
    )
    for pattern, write in rules:
        if found := pattern.search(text):
            before, after = text[: found.start()], text[found.end() :]
            rest = words(after, known)
            return words(before, known) + write(found) + rest
    text = re.sub(r"\b(\d+) x (?=\d)", r"\1 × ", text)
    return re.sub(r"([\\*_`|<>])", r"\\\1", text.replace("->", "→"))


def linked(name: str, known: Mapping[str, str]) -> str:
    """Write a name that stands without backticks."""
    if name.endswith("Error") or (name in known and name != "SegFormer"):
        return code(name, known)
    return name


def preprint(name: str, number: str) -> str:
    """Write the number of a preprint as a link."""
    return rf"\ `{name} <https://arxiv.org/abs/{number}>`__\ "


def parts(text: str, names: set[str]) -> tuple[list[str], dict[str, list]]:
    """Take a docstring apart: its paragraphs and lists, and its fields.

    names: the parameters, each of which may begin a sentence `name: text`.
    """
    kept: list[str] = []
    fields: dict[str, list] = {name: [] for name in FIELDS}
    for block in re.split(r"\n\s*\n", inspect.cleandoc(text)):
        if re.search(r"^- ", block, re.MULTILINE):
            kept += listed(block)
            continue
        line = " ".join(block.split())
        for name, pattern in (("Source", SOURCE), ("Raises", RAISES)):
            if found := pattern.search(line):
                fields[name].append(found[1])
                line = (line[: found.start()] + line[found.end() :]).strip()
        labels = [
            found
            for found in LABEL.finditer(line)
            if not found.start() or names.issuperset(found[1].split(", "))
        ]
        if labels and not labels[0].start():
            ends = [label.start() for label in labels[1:]] + [len(line)]
            for label, end in zip(labels, ends, strict=True):
                given = names.issuperset(label[1].split(", "))
                meaning = (label[1], line[label.end() : end].strip())
                fields["Parameters" if given else "Attributes"].append(meaning)
        elif line:
            kept.append(line)
    return kept, fields


def listed(block: str) -> Iterator[str]:
    """Yield the paragraph before a list, and its points, which keep a dash."""
    before, *points = re.split(r"^- ", block, flags=re.MULTILINE)
    if before.strip():
        yield before
    yield from (f"- {point}" for point in points)


def parameters(obj) -> set[str]:
    """Return the names of what a class or a function takes."""
    try:
        return set(inspect.signature(obj).parameters)
    except (TypeError, ValueError):  # an exception, a number
        return set()


def settings(obj) -> Iterator[tuple[str, str]]:
    """Yield the fields of a dataclass that say what they are."""
    if not (isinstance(obj, type) and dataclasses.is_dataclass(obj)):
        return
    for field in dataclasses.fields(obj):
        if "help" in field.metadata:
            yield f"{field.name}={field.default!r}", field.metadata["help"]


def page(text: str, obj=None) -> list[str]:
    """Write a docstring as lines of reStructuredText."""
    names = parameters(obj)
    known = {n: p for n, p in described().items() if n not in names}
    kept, fields = parts(text, names)
    lines = []
    for paragraph in kept:
        dash = "- " if paragraph.startswith("- ") else ""
        lines += [dash + inline(paragraph.removeprefix("- "), known), ""]
    fields["Parameters"] += settings(obj)
    for name, found in fields.items():
        if not found:
            continue
        if name in ("Raises", "Source"):
            lines.append(f":{name}: {inline(' '.join(found), known)}")
            continue
        lines.append(f":{name}:")
        for label, meaning in found:
            lines += [f"   ``{label}``", f"      {inline(meaning, known)}"]
    if chapter := chapters().get(getattr(obj, "__name__", "")):
        lines.append(f":Chapter: :doc:`{chapter}`")
    return [*lines, ""]


def use_docstring(app, what, name, obj, options, lines: list[str]) -> None:
    """Replace the lines of a docstring; a number has none of its own."""
    lines[:] = [] if what == "data" else page("\n".join(lines), obj)


def use_signature(app, what, name, obj, options, arguments, result):
    """Shorten a signature: settings that are listed below it, modules."""
    if arguments and any(settings(obj)):
        arguments = "(**settings)"
    short = [
        re.sub(r"~torch\.nn[\w.]*\.Module\b", "nn.Module", text)
        if text
        else text
        for text in (arguments, result)
    ]
    if short[0]:
        short[0] = short[0].replace("<factory>", "{}")
    return tuple(short)


def source(domain: str, info: Mapping[str, str]) -> str | None:
    """Return the address of the lines that define a name."""
    try:
        found = inspect.unwrap(resolve_inside(info))
        file = Path(inspect.getsourcefile(found))
        lines, first = inspect.getsourcelines(found)
    except (TypeError, OSError):  # a number has no lines
        return None
    address = notebooks.file_address() + notebooks.relative(file)
    return f"{address}#L{first}-L{first + len(lines) - 1}"


def resolve_inside(info: Mapping[str, str]):
    """Return a name of a module, or one of a class in it."""
    found = import_module(info["module"])
    for part in info["fullname"].split("."):
        found = getattr(found, part)
    return getattr(found, "fget", found)


class Table(nodes.General, nodes.Element):
    """The place of the table, until the page has been read."""


class Names(Directive):
    """`names`: the table of what the page describes."""

    def run(self) -> list[nodes.Node]:
        """Hold the table's place."""
        return [Table()]


def fill(app, doctree: nodes.document) -> None:
    """Put the table in its place."""
    for place in list(doctree.findall(Table)):
        place.replace_self(table(doctree))


def table(doctree: nodes.document) -> nodes.table:
    """Return a row for each name of a page, below a row for its section."""
    body, last = nodes.tbody(), None
    for desc in doctree.findall(addnodes.desc):
        section = desc.parent
        if not isinstance(section, nodes.section):  # a method of a class
            continue
        if section is not last:
            link = nodes.reference(
                "", section[0].astext(), internal=True, refid=section["ids"][0]
            )
            strong = nodes.strong("", "", link)
            entry = nodes.entry("", nodes.paragraph("", "", strong), morecols=1)
            body += nodes.row("", entry)
            last = section
        signature, content = desc[0], desc[-1]
        name = signature["fullname"].rpartition(".")[2]
        link = nodes.reference(
            "",
            "",
            nodes.literal("", name),
            internal=True,
            refid=signature["ids"][0],
        )
        body += nodes.row(
            "",
            nodes.entry("", nodes.paragraph("", "", link)),
            nodes.entry("", first_sentence(content)),
        )
    group = nodes.tgroup(
        "", nodes.colspec(colwidth=30), nodes.colspec(colwidth=70), body, cols=2
    )
    head = [
        nodes.entry("", nodes.paragraph("", title))
        for title in ("Name", "What it does")
    ]
    group.insert(2, nodes.thead("", nodes.row("", *head)))
    return nodes.table("", group, classes=["names"])


def first_sentence(content: nodes.Element) -> nodes.paragraph:
    """Copy the first paragraph of a description."""
    for paragraph in content.findall(nodes.paragraph):
        return paragraph.deepcopy()
    return nodes.paragraph()


def setup(app) -> dict:
    """Register with Sphinx."""
    app.setup_extension("sphinx.ext.autodoc")
    app.setup_extension("sphinx.ext.linkcode")
    app.config.linkcode_resolve = source
    app.add_node(Table)
    app.add_directive("names", Names)
    app.connect("autodoc-process-docstring", use_docstring)
    app.connect("autodoc-process-signature", use_signature)
    app.connect("doctree-read", fill)
    return {"version": "1", "parallel_read_safe": True}
