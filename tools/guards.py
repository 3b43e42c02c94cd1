"""What has to be true of every notebook: one function, one rule.

Each guard takes a notebook and its path, and yields a message for each fault.
The rules that need the package's source are in quotes.py.

    python tools/guards.py [FILE ...]
"""

import ast
import json
import re
import sys
from base64 import b64decode
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

from nbformat import NotebookNode

import contents
import notebooks

PICTURE_BYTES = 150_000
NOTEBOOK_BYTES = 1_000_000
COMPARED = {"text/plain", "image/png"}
PLACEHOLDERS = {
    "alt",
    "alt text",
    "figure",
    "image",
    "output",
    "picture",
    "plot",
}
TAGS = {
    "hide-cell",  # folded in the book, in Jupyter and in Colab
    "hide-input",
    "hide-output",
    "nbval-ignore-output",  # run by nbval, not compared
    "pinned-torch",  # compared under the torch of requirements.txt alone
    "quote",  # holds a class of the package, word for word
    "raises-exception",  # ends with an error on purpose
    "remove-cell",  # not in the book
    "remove-input",
    "remove-output",
}


def describes(alt: str) -> bool:
    """Tell whether an alt text is words, not nothing and not a file's name."""
    alt = alt.strip()
    if alt.lower() in PLACEHOLDERS or not re.search(r"[^\W\d_]{3}", alt):
        return False
    return " " in alt and not re.search(r"\.(png|svg|jpe?g|gif)$", alt)


def code_cells(notebook) -> Iterator[tuple[str, NotebookNode]]:
    """Yield the name and the cell of each code cell."""
    for index, cell in enumerate(notebook.cells):
        if cell.cell_type == "code":
            yield f"cell {index} ({cell.get('id', 'no id')})", cell


def tags(cell) -> list[str]:
    """Return the tags of a cell."""
    return cell.metadata.get("tags", [])


def executed_in_order(notebook, path: Path) -> Iterator[str]:
    """Ask for the counts 1, 2, 3, ...; nbval skips a cell without one."""
    for count, (name, cell) in enumerate(code_cells(notebook), 1):
        if cell.execution_count != count:
            yield f"{name}: execution count {cell.execution_count}, not {count}"


def no_stderr(notebook, path: Path) -> Iterator[str]:
    """Refuse a stored warning, progress bar or error."""
    for name, cell in code_cells(notebook):
        for output in cell.outputs:
            if output.get("name") == "stderr":
                yield f"{name}: wrote to stderr: {output.text.strip()[:70]}"
            expected = "raises-exception" in tags(cell)
            if output.output_type == "error" and not expected:
                yield f"{name}: raised {output.ename}"


def comparable_outputs(notebook, path: Path) -> Iterator[str]:
    """Refuse outputs that nbval cannot compare: SVG, HTML, widgets."""
    for name, cell in code_cells(notebook):
        for output in cell.outputs:
            for kind in sorted(set(output.get("data", {})) - COMPARED):
                yield f"{name}: output of type {kind}; print text, plot PNG"


def described_pictures(notebook, path: Path) -> Iterator[str]:
    """Ask each plotted picture for words, true colours and a small file."""
    for name, cell in code_cells(notebook):
        pictures = [
            output.data["image/png"]
            for output in cell.outputs
            if "image/png" in output.get("data", {})
        ]
        if not pictures:
            continue
        image = cell.metadata.get("mystnb", {}).get("image", {})
        if not describes(image.get("alt", "")):
            yield f"{name}: say what is seen in metadata mystnb.image.alt"
        if "dark-light" not in image.get("classes", "").split():
            yield f"{name}: metadata mystnb.image.classes lacks dark-light"
        for picture in pictures:
            size = len(b64decode(picture))
            if size > PICTURE_BYTES:
                yield f"{name}: PNG of {size:,} bytes, over {PICTURE_BYTES:,}"


def described_images(notebook, path: Path) -> Iterator[str]:
    """Ask each image of the text for words and for a file of this book."""
    for cell in notebook.cells[1:]:  # after the badge
        if cell.cell_type != "markdown":
            continue
        for alt, target in text_images(cell.source):
            if not describes(alt):
                yield f"image {target}: alt text {alt!r} says nothing"
            yield from missing(target, notebooks.raw_address(), "image")


def whole_links(notebook, path: Path) -> Iterator[str]:
    """Ask each link to a page of this book for its address and a file."""
    url, _ = notebooks.repository()
    for cell in notebook.cells[1:]:
        if cell.cell_type != "markdown":
            continue
        for target in re.findall(r"(?<!!)\[[^\]]*\]\(([^)\s]+)", cell.source):
            local = "://" not in target and notebooks.PAGE.search(target)
            if local or target.startswith((f"{url}/blob", f"{url}/raw")):
                yield from missing(target, notebooks.file_address(), "link")


def missing(target: str, base: str, kind: str) -> Iterator[str]:
    """Yield a message unless a target is a file below the address `base`."""
    if not target.startswith(base):
        yield f"{kind} {target}: not below {base}; run `make fix`"
        return
    file = target.removeprefix(base).partition("#")[0]
    if not (notebooks.ROOT / unquote(file)).is_file():
        yield f"{kind} {target}: no such file"


def text_images(text: str) -> Iterator[tuple[str, str]]:
    """Yield alt text and target of the images in Markdown or HTML."""
    for alt, target in re.findall(r"!\[([^\]]*)\]\(\s*<?([^\s)>]+)", text):
        yield alt, target
    for attributes in re.findall(r"<img\b([^>]*)>", text):
        found = dict(
            re.findall(r"""(\w+)\s*=\s*["']([^"']*)["']""", attributes)
        )
        yield found.get("alt", ""), found.get("src", "")
    directive = r"[`:]{3,}\{(?:figure|image)\}[ \t]*(\S+)((?:\n[ \t]*:.*)*)"
    for target, options in re.findall(directive, text):
        alt = re.search(r":alt:[ \t]*(.*)", options)
        yield (alt[1] if alt else ""), target


def small_file(notebook, path: Path) -> Iterator[str]:
    """Keep the file small enough to review and to load in Colab."""
    size = len(json.dumps(notebook, ensure_ascii=False).encode())
    if size > NOTEBOOK_BYTES:
        yield f"notebook of {size:,} bytes, over {NOTEBOOK_BYTES:,}"


def colab_cells(notebook, path: Path) -> Iterator[str]:
    """Ask for the badge and the bootstrap cell, the same everywhere."""
    wanted = (
        (notebooks.BADGE_ID, notebooks.badge(path)),
        (notebooks.BOOTSTRAP_ID, notebooks.bootstrap()),
    )
    for index, (name, source) in enumerate(wanted):
        cell = notebook.cells[index] if index < len(notebook.cells) else {}
        if cell.get("id") != name or cell.get("source") != source:
            yield f"cell {index} is not the {name} cell; run `make fix`"
        elif tags(cell) != ["remove-cell"]:
            yield f"cell {index} ({name}) lacks the tag remove-cell"


def plain_metadata(notebook, path: Path) -> Iterator[str]:
    """Ask for the kernel python3 and nothing of one machine."""
    if notebook.metadata != notebooks.METADATA:
        yield "metadata of the notebook is not the common one; run `make fix`"


def no_typed_paths(notebook, path: Path) -> Iterator[str]:
    """Refuse paths that hold on one machine or from one folder only."""
    for name, cell in code_cells(notebook):
        if cell.get("id") == notebooks.BOOTSTRAP_ID:
            continue
        for value in strings(cell.source):
            if re.match(r"(/\w|~/|\.\.[/\\]|[A-Za-z]:[/\\])", value):
                yield f"{name}: path {value!r}; ask the package for the file"


def strings(source: str) -> list[str]:
    """List the texts written in a cell; of an f-string, how it begins."""
    try:
        tree = ast.parse(source)
    except SyntaxError:  # a magic, or an error shown on purpose
        return re.findall(r"""["']([^"'\n]*)["']""", source)
    texts: list[str] = []
    inner: set[int] = set()
    for node in ast.walk(tree):  # an f-string comes before its parts
        if isinstance(node, ast.JoinedStr):
            inner.update(map(id, node.values[1:]))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            texts += [node.value] if id(node) not in inner else []
    return texts


def unique_ids(notebook, path: Path) -> Iterator[str]:
    """Ask every cell for an id of its own."""
    counts = Counter(cell.get("id") for cell in notebook.cells)
    for name, count in counts.items():
        if not name:
            yield f"{count} cells without an id"
        elif count > 1:
            yield f"{count} cells with the id {name}"


def known_tags(notebook, path: Path) -> Iterator[str]:
    """Refuse a tag that nothing reads, and nbval's markers in the code."""
    for index, cell in enumerate(notebook.cells):
        for tag in tags(cell):
            if tag not in TAGS:
                known = ", ".join(sorted(TAGS))
                yield f"cell {index}: tag {tag!r} is none of {known}"
    for name, cell in code_cells(notebook):
        if "NBVAL_" in cell.source:
            yield f"{name}: a marker of nbval in the code; use its tag"


def no_semicolon(notebook, path: Path) -> Iterator[str]:
    """Refuse `value;` at the end: under nbval it does not hide the value."""
    for name, cell in code_cells(notebook):
        if cell.source.rstrip().endswith(";"):
            yield f"{name}: ends with a semicolon; write `_ = ...`"


GUARDS = (
    executed_in_order,
    no_stderr,
    comparable_outputs,
    described_pictures,
    described_images,
    whole_links,
    small_file,
    colab_cells,
    plain_metadata,
    no_typed_paths,
    unique_ids,
    known_tags,
    no_semicolon,
)


def main() -> int:
    """Print the faults of the book; return 1 if there is one."""
    found = False
    for message in contents.faults(notebooks.ROOT):
        print(message)
        found = True
    for path in [Path(name) for name in sys.argv[1:]] or notebooks.paths():
        notebook = notebooks.read(path)
        for guard in GUARDS:
            for message in guard(notebook, path):
                print(f"{notebooks.relative(path)}: {message}")
                found = True
    return int(found)


if __name__ == "__main__":
    sys.exit(main())
