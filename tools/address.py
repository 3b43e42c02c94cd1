"""Keep the repository's address the same everywhere.

    python tools/address.py                  print it
    python tools/address.py --check          report what does not agree with it
    python tools/address.py --set https://github.com/OWNER/NAME

It stands in _config.yml. The notebooks (badge, bootstrap cell, pictures), the
links of the README and of the text, CITATION.cff and pyproject.toml are
derived.
"""

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import notebooks

ADDRESS = re.compile(r"https://github\.com/([\w.-]+)/([\w.-]+)")
DERIVED = (
    "_config.yml",
    "*.md",
    "CITATION.cff",
    "pyproject.toml",
    "book/*.md",
    "book/*.ipynb",
    ".github/**/*.yml",
    ".github/**/*.md",
)


def files(root: Path) -> list[Path]:
    """List the files in which the address may stand."""
    return sorted(path for glob in DERIVED for path in root.glob(glob))


def forms(address: str) -> list[str]:
    """Return the ways to write the address: repository, Colab, raw, book."""
    match = ADDRESS.fullmatch(address)
    if not match:
        raise SystemExit(f"{address}: not https://github.com/OWNER/NAME")
    owner, name = match.groups()
    return [
        f"github.com/{owner}/{name}",
        f"colab.research.google.com/github/{owner}/{name}",
        f"raw.githubusercontent.com/{owner}/{name}",
        f"{owner.lower()}.github.io/{name}",
    ]


def configured(root: Path) -> str:
    """Read the address from _config.yml."""
    text = (root / "_config.yml").read_text(encoding="utf-8")
    return re.search(r"^repository:\n  url: (\S+)$", text, re.MULTILINE)[1]


def replace(root: Path, new: str) -> list[Path]:
    """Write a new address in place of the configured one."""
    pairs = list(zip(forms(configured(root)), forms(new), strict=True))
    changed = []
    for path in files(root):
        before = after = path.read_bytes().decode()
        for old_form, new_form in pairs:
            whole = rf"(?<![\w.-]){re.escape(old_form)}(?![\w-]|\.\w)"
            after = re.sub(whole, new_form, after)
        if after != before:
            path.write_bytes(after.encode())
            changed.append(path)
    return changed


def check(root: Path) -> Iterator[str]:
    """Yield a message for each address that is almost ours, or stale."""
    address = configured(root)
    wanted = forms(address)
    ours = wanted[0]
    owner, name = ours.split("/")[1:]
    near = re.compile(
        rf"""colab\.research\.google\.com/github/[\w.-]+/[\w.-]+
           | raw\.githubusercontent\.com/[\w.-]+/[\w.-]+
           | (?<![\w.-])github\.com/(?:{re.escape(owner)}/[\w.-]+
                                 |[\w.-]+/{re.escape(name)}(?![\w-]))
           | [\w-]+\.github\.io/{re.escape(name)}(?![\w-])""",
        re.VERBOSE | re.IGNORECASE,
    )
    for path in files(root):
        text = path.read_text(encoding="utf-8")
        for found in near.findall(text):
            found = found.removesuffix(".").removesuffix(".git")
            if found not in wanted:
                yield f"{path.relative_to(root)}: {found} is not {address}"
    for name in ("pyproject.toml", "CITATION.cff", "README.md"):
        path = root / name
        if not path.exists() or ours not in path.read_text(encoding="utf-8"):
            yield f"{name}: does not give {address}"


def main(arguments: list[str] | None = None) -> int:
    """Print, check or set the address."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--set", metavar="URL")
    options = parser.parse_args(arguments)
    root = notebooks.ROOT
    if options.set:
        for path in replace(root, options.set.rstrip("/").removesuffix(".git")):
            print(f"rewrote {path.relative_to(root)}")
    messages = list(check(root)) if options.check else []
    print(*messages, configured(root), sep="\n")
    return int(bool(messages))


if __name__ == "__main__":
    sys.exit(main())
