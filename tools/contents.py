"""Write the tables of chapters, and keep _toc.yml and the files together.

    python tools/contents.py            write what stands between the marks
    python tools/contents.py --check    report what is stale or missing

A chapter says its title in the first heading of its notebook and its question
in the line in italics below. README.md and book/intro.md show both between
marks, in the order of _toc.yml; intro.md also says which torch printed the
numbers. Both also show what the trained model makes of a street: the picture
that the first notebook with one stores, as a file of its own.
"""

import argparse
import base64
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import yaml

import notebooks
import pinned

HEAD = "| chapter | the question |\n|---|---|\n"
PICTURE = "book/figures/result.png"
TITLE = re.compile(r"# (?P<title>.+)\n+\*(?P<question>[^*\n]+)\*\n")


def listed(root: Path) -> list[str]:
    """List the files of _toc.yml in their order, without suffix."""
    toc = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
    return [toc["root"], *_files(toc)]


def _files(part) -> Iterator[str]:
    """Yield the files of a part of _toc.yml, at any depth."""
    if isinstance(part, list):
        for item in part:
            yield from _files(item)
    elif isinstance(part, dict):
        if "file" in part:
            yield part["file"]
        yield from _files(list(part.values()))


def faults(root: Path) -> Iterator[str]:
    """Yield a message where _toc.yml and the files of the book differ."""
    names = listed(root)
    written = {
        path.relative_to(root).with_suffix("").as_posix()
        for kind in ("ipynb", "md")
        for path in (root / "book").glob(f"*.{kind}")
    }
    for name in sorted(written - set(names)):
        yield f"{name} is not in _toc.yml"
    for name, count in Counter(names).items():
        if name not in written:
            yield f"_toc.yml: {name} does not exist"
        if count > 1:
            yield f"_toc.yml: {name} is listed {count} times"


def chapter(path: Path) -> tuple[str, str]:
    """Return title and question of a chapter, or raise ValueError."""
    texts = [
        cell.source
        for cell in notebooks.read(path).cells
        if cell.cell_type == "markdown" and cell.get("id") != notebooks.BADGE_ID
    ]
    found = TITLE.match(texts[0] + "\n") if texts else None
    number = path.stem.partition("_")[0].lstrip("0") or "0"
    if not found or not found["title"].startswith(f"{number}. "):
        raise ValueError(
            f"{path.name} should begin with its title, `# {number}. ...`, an "
            "empty line and its question in italics, `*...?*`"
        )
    return found["title"], found["question"]


def parts(root: Path) -> dict[str, dict[str, str]]:
    """Return what belongs between the marks: file -> mark -> text."""
    here = everywhere = HEAD
    for name in listed(root):
        path = root / f"{name}.ipynb"
        if not path.exists():  # a page to look something up
            continue
        title, question = chapter(path)
        address = f"{notebooks.file_address()}{name}.ipynb"
        badge = notebooks.badge(path)
        here += f"| [{title}]({path.name}) | {question} |\n"
        everywhere += f"| [{title}]({address}) {badge} | {question} |\n"
    return {
        "README.md": {"chapters": f"\n{everywhere}"},
        "book/intro.md": {"chapters": f"\n{here}", "torch": pinned.torch()},
    }


def filled(text: str, marks: dict[str, str]) -> str:
    """Put each text between `<!-- mark -->` and `<!-- /mark -->`."""
    for mark, content in marks.items():
        begin, end = f"<!-- {mark} -->", f"<!-- /{mark} -->"
        head, found, rest = text.partition(begin)
        _, closed, tail = rest.partition(end)
        if not found or not closed:
            raise ValueError(f"no {begin} ... {end}")
        text = head + begin + content + end + tail
    return text


def stale(root: Path, *, write: bool) -> Iterator[str]:
    """Yield a message for each page that is not as it would be written."""
    for name, marks in parts(root).items():
        path = root / name
        old = path.read_text(encoding="utf-8")
        new = filled(old, marks)
        if new != old:
            yield f"{name}: {'written' if write else 'stale; run `make fix`'}"
            if write:
                path.write_text(new, encoding="utf-8", newline="\n")


def picture(root: Path) -> bytes | None:
    """Return the first picture that a notebook stores, in the book's order."""
    for name in listed(root):
        path = root / f"{name}.ipynb"
        for cell in notebooks.read(path).cells if path.exists() else ():
            for output in cell.get("outputs", []):
                if "image/png" in output.get("data", {}):
                    return base64.b64decode(output.data["image/png"])
    return None


def stale_picture(root: Path, *, write: bool) -> Iterator[str]:
    """Yield a message if the picture's file is not what the notebook shows."""
    path, new = root / PICTURE, picture(root)
    old = path.read_bytes() if path.exists() else None
    if new is not None and new != old:
        yield f"{PICTURE}: {'written' if write else 'stale; run `make fix`'}"
        if write:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(new)


def main(arguments: list[str] | None = None) -> int:
    """Write, or check and return 1 if something is stale."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args(arguments)
    messages = list(faults(notebooks.ROOT))
    bad = bool(messages)
    if not bad:
        write = not options.check
        messages = [
            *stale(notebooks.ROOT, write=write),
            *stale_picture(notebooks.ROOT, write=write),
        ]
        bad = options.check and bool(messages)
    for message in messages:
        print(message)
    return int(bad)


if __name__ == "__main__":
    sys.exit(main())
