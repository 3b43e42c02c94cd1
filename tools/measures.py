"""Count what a chapter is made of, as a table in Markdown.

    python tools/measures.py [FILE ...]

The cells that prepare Colab are left out. A cell shows something if it has an
output. A check is an `assert`, an `assert_close` or the `check` of an
exercise. Diagrams are the SVG files that the text shows. A prediction is a
cell whose output is folded.
"""

import re
import sys
from pathlib import Path
from statistics import median

import notebooks

WORDS_A_MINUTE = 180  # of prose that is followed, not skimmed
MINUTES_A_CELL = 0.6
COLUMNS = (
    "chapter",
    "minutes",
    "predictions",
    "? in 1,000 words",
    "code cells",
    "lines: median",
    "longest",
    "longest but quotes",
    "words a cell",
    "show something",
    "checks",
    "pictures",
    "diagrams",
    "MB",
)


def words(text: str) -> int:
    """Count the words of Markdown that are read in their order.

    Pictures, addresses, blocks of code and the lines of tables are left out.
    """
    text = re.sub(r"^```.*?^```|^\|[^\n]*", "", text, flags=re.S | re.M)
    text = re.sub(r"!\[[^]]*\]\([^)]*\)|\]\([^)]*\)|<[^>]*>", " ", text)
    return sum(any(map(str.isalnum, word)) for word in text.split())


def minutes(notebook) -> int:
    """Estimate how long a chapter takes, from its words and its cells."""
    text = "\n".join(
        cell.source for cell in notebook.cells if cell.cell_type == "markdown"
    )
    shown = sum(
        cell.cell_type == "code"
        and "remove-cell" not in cell.metadata.get("tags", [])
        for cell in notebook.cells
    )
    return max(1, round(words(text) / WORDS_A_MINUTE + shown * MINUTES_A_CELL))


def measure(path: Path) -> tuple:
    """Return one row of the table."""
    notebook = notebooks.read(path)
    cells = [
        cell
        for cell in notebook.cells
        if cell.get("id") not in (notebooks.BADGE_ID, notebooks.BOOTSTRAP_ID)
    ]
    code = [cell for cell in cells if cell.cell_type == "code"]
    text = [cell.source for cell in cells if cell.cell_type == "markdown"]
    prose = "\n".join(text)
    lines = [
        sum(bool(line.strip()) for line in cell.source.splitlines())
        for cell in code
    ]
    own = [
        n
        for n, cell in zip(lines, code, strict=True)
        if "quote" not in cell.metadata.get("tags", [])
    ]
    return (
        path.stem,
        minutes(notebook),
        sum("hide-output" in cell.metadata.get("tags", []) for cell in code),
        f"{1000 * prose.count('?') / max(1, words(prose)):.1f}",
        len(code),
        f"{median(lines):g}",
        max(lines),
        max(own),
        round(words(prose) / len(code)),
        f"{sum(bool(cell.outputs) for cell in code) / len(code):.0%}",
        sum(
            bool(re.search(r"\bassert|\bcheck\(", cell.source)) for cell in code
        ),
        sum(
            "image/png" in output.get("data", {})
            for cell in code
            for output in cell.outputs
        ),
        len(re.findall(r"\]\([^)]*\.svg\)", prose)),
        f"{path.stat().st_size / 1e6:.2f}",
    )


def main() -> None:
    """Print the table."""
    print("|", " | ".join(COLUMNS), "|")
    print("|", " | ".join("---" for _ in COLUMNS), "|")
    files = [Path(name) for name in sys.argv[1:]] or notebooks.paths()
    for path in files:
        print("|", " | ".join(map(str, measure(path))), "|")


if __name__ == "__main__":
    main()
