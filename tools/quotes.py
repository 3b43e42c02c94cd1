"""Compare the classes that the chapters quote with those of the package.

    python tools/quotes.py [FILE ...]          report the differences
    python tools/quotes.py --fix [FILE ...]    copy the package's text

A chapter shows a finished class in one cell tagged `quote`. The package is
the authority: the cell holds its text, word for word, and nothing else.
"""

import argparse
import ast
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from nbformat import NotebookNode

import notebooks

PACKAGE = notebooks.ROOT / "segformer_tutorial"
Definition = ast.ClassDef | ast.FunctionDef


def definitions(source: str) -> Iterator[tuple[str, str]]:
    """Yield name and text of the classes and functions of a module."""
    lines = source.splitlines()
    for node in ast.parse(source).body:
        if isinstance(node, Definition):
            above = [decorator.lineno for decorator in node.decorator_list]
            first = min([node.lineno, *above])
            yield node.name, "\n".join(lines[first - 1 : node.end_lineno])


def package(folder: Path = PACKAGE) -> dict[str, list[str]]:
    """Return the texts of the package's definitions, by name."""
    found: dict[str, list[str]] = {}
    for module in sorted(folder.rglob("*.py")):
        for name, text in definitions(module.read_text(encoding="utf-8")):
            found.setdefault(name, []).append(text)
    return found


def quotes(notebook) -> Iterator[tuple[int, NotebookNode]]:
    """Yield index and cell of the cells tagged `quote`."""
    for index, cell in enumerate(notebook.cells):
        if "quote" in cell.metadata.get("tags", []):
            yield index, cell


def quoted(source: str) -> list[str]:
    """Return the names that a quoting cell defines, or raise ValueError."""
    try:
        body = ast.parse(source).body
    except SyntaxError as error:
        raise ValueError(f"is not Python: {error}") from None
    names = []
    for node in body:
        if not isinstance(node, Definition):
            raise ValueError(f"line {node.lineno} is no class and no function")
        names.append(node.name)
    if not names:
        raise ValueError("defines nothing")
    return names


def wanted(source: str, known: dict[str, list[str]]) -> str:
    """Return what a quoting cell has to hold, or raise ValueError."""
    names = quoted(source)
    for name in names:
        if len(known.get(name, [])) != 1:
            count = len(known.get(name, []))
            raise ValueError(f"{name} is defined {count} times in the package")
    return "\n\n\n".join(known[name][0] for name in names)


def check(notebook, known: dict[str, list[str]], fix: bool) -> Iterator[str]:
    """Yield a message for each cell that differs; mend it if asked to."""
    for index, cell in quotes(notebook):
        try:
            text = wanted(cell.source, known)
        except ValueError as error:
            yield f"cell {index}, tagged quote, {error}"
            continue
        if cell.source != text:
            names = ", ".join(quoted(text))
            yield f"cell {index} differs from the package: {names}"
            if fix:
                cell.source = text


def repeated(chapters: Iterable) -> list[str]:
    """List the names that more than one quoting cell defines."""
    counts = Counter(
        name
        for notebook in chapters
        for _, cell in quotes(notebook)
        for name in quoted(cell.source)
    )
    return sorted(name for name, count in counts.items() if count > 1)


def main(arguments: list[str] | None = None) -> int:
    """Report or mend the quotes; return 1 if a difference is left."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fix", action="store_true")
    parser.add_argument("files", nargs="*", type=Path)
    options = parser.parse_args(arguments)
    known, left = package(), 0
    for path in options.files or notebooks.paths():
        notebook = notebooks.read(path)
        messages = list(check(notebook, known, options.fix))
        for message in messages:
            print(f"{notebooks.relative(path)}: {message}")
        if options.fix and messages:
            notebooks.write(notebook, path)
            print(f"{notebooks.relative(path)}: mended, now `make run` it")
            messages = list(check(notebook, known, fix=False))
        left += len(messages)
    return int(left > 0)


if __name__ == "__main__":
    sys.exit(main())
