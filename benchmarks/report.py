"""Where measurements go: CSV files, Markdown tables, the README."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def write_rows(
    path: Path, columns: Sequence[str], order: Sequence[str], rows: list[dict]
) -> None:
    """Put rows in the place of those that have the same first column."""
    path.parent.mkdir(parents=True, exist_ok=True)
    key = columns[0]
    new = {row[key] for row in rows}
    if path.exists():
        with open(path, newline="", encoding="utf-8") as file:
            old = [row for row in csv.DictReader(file) if row[key] not in new]
        rows = sorted(old + rows, key=lambda row: order.index(row[key]))
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table, its first column left and the others right."""
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def put_in_readme(name: str, text: str) -> None:
    """Write between the README's marks `<!-- name -->`, if it has them."""
    path = ROOT / "README.md"
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    head, mark, rest = path.read_text(encoding="utf-8").partition(begin)
    if mark:
        tail = rest.split(end)[1]
        path.write_text(f"{head}{begin}\n{text}\n{end}{tail}", encoding="utf-8")
