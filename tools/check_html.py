"""Check the built book: it reads without a network, and its links lead.

    python tools/check_html.py [_build/html]

On every page: nothing is fetched from another host; every picture has words
in its place; a link inside the book finds its page and its heading; a link
into the repository names its branch and a file that exists.
"""

import re
import sys
from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import guards
import notebooks

# The attributes from which a browser fetches something by itself.
FETCHED = {
    "audio": ("src",),
    "embed": ("src",),
    "iframe": ("src",),
    "img": ("src", "srcset"),
    "input": ("src",),
    "link": ("href",),
    "object": ("data",),
    "script": ("src",),
    "source": ("src", "srcset"),
    "video": ("src", "poster"),
}
CSS_FETCHES = re.compile(
    r"""(?:url\(\s*|@import\s+)['"]?((?:https?:)?//[^'")\s]+)"""
)


class Page(HTMLParser):
    """What a page fetches, shows, links to and can be linked at."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.alts: list[tuple[str, str]] = []
        self.links: list[str] = []
        self.anchors: set[str] = set()
        text = path.read_text(encoding="utf-8")
        self.fetched += CSS_FETCHES.findall(text)
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        """Note the addresses of one tag."""
        values = {name: value or "" for name, value in attrs}
        self.anchors.update(values[n] for n in ("id", "name") if n in values)
        for name in FETCHED.get(tag, ()):
            if name in values and values.get("rel") != "canonical":
                self.fetched.append(values[name])
        if tag == "img":
            self.alts.append((values.get("src", ""), values.get("alt", "")))
        if tag == "a" and values.get("href"):
            self.links.append(values["href"])


page = cache(Page)


def check(html: Path) -> Iterator[str]:
    """Yield a message for each fault of the built book."""
    templates = html / "_static"  # the theme leaves its own there
    pages = [p for p in html.rglob("*.html") if templates not in p.parents]
    if not pages:
        yield f"{html}: no page; build the book first"
    for path in sorted(pages):
        name = path.relative_to(html).as_posix()
        for fault in check_page(path):
            yield f"{name}: {fault}"
    for sheet in sorted(html.rglob("*.css")):
        for url in CSS_FETCHES.findall(sheet.read_text(encoding="utf-8")):
            yield f"{sheet.relative_to(html)}: fetches {url}"


def check_page(path: Path) -> Iterator[str]:
    """Yield a message for each fault of one page."""
    for url in page(path).fetched:
        parts = urlsplit(url)
        if parts.netloc:
            yield f"fetches {url}"
            continue
        here = parts.path and not parts.scheme  # not #here, not data:
        if here and not (path.parent / unquote(parts.path)).exists():
            yield f"needs {url}, which is not there"
    for source, alt in page(path).alts:
        if not guards.describes(alt):
            yield f"picture {source}: alt text {alt!r} says nothing"
    for link in page(path).links:
        yield from check_link(path, link)


def check_link(path: Path, link: str) -> Iterator[str]:
    """Yield a message if a link of a page leads nowhere."""
    parts = urlsplit(link)
    if parts.netloc:
        yield from check_repository_link(link)
        return
    if parts.scheme:  # mailto:, data:
        return
    target = path.parent / unquote(parts.path) if parts.path else path
    if target.is_dir():
        target /= "index.html"
    if not target.exists():
        yield f"link {link}: no such page"
        return
    heading = unquote(parts.fragment) if target.suffix == ".html" else ""
    if heading and heading not in page(target).anchors:
        yield f"link {link}: no such heading on that page"


def check_repository_link(link: str) -> Iterator[str]:
    """Yield a message if a link into our repository leads nowhere."""
    url, branch = notebooks.repository()
    slug = url.removeprefix("https://github.com/")
    colab = re.match(r"https://colab\.research\.google\.com/github/(.*)", link)
    if colab:
        inside = colab[1]
        if not inside.startswith(f"{slug}/blob/"):
            yield f"link {link}: not a notebook of {slug}"
            return
    elif f"{link}/".startswith(f"{url}/"):
        inside = link.removeprefix("https://github.com/")
    else:
        return
    file = re.match(
        r"(?:blob|edit|tree|raw)/([^/]+)/([^?#]*)", inside[len(slug) + 1 :]
    )
    if not file:  # the front page, the issues
        return
    if file[1] != branch:
        yield f"link {link}: the branch is {branch}"
    if not (notebooks.ROOT / unquote(file[2])).exists():
        yield f"link {link}: no such file"


def main() -> int:
    """Print the faults; return 1 if there is one."""
    html = Path(sys.argv[1] if len(sys.argv) > 1 else "_build/html")
    faults = list(check(html))
    print(*faults, sep="\n", end="\n" if faults else "")
    print(f"{html}: {len(faults) or 'no'} faults in the pages")
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
