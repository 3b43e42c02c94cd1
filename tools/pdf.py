"""Print the built book as one PDF, with Chromium.

    python tools/pdf.py [_build/html] [_build/segformer-from-the-bottom-up.pdf]

The pages are put one after another into a single one, in the order of
_toc.yml; links between them stay links. The book is printed twice, because the
first time tells on which page a chapter begins. CHROMIUM names the program
where it is not found by itself.
"""

import os
import posixpath
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from bs4 import BeautifulSoup, Tag

import contents
import notebooks

PROGRAMS = ("chromium", "google-chrome", "chromium-browser", "chrome")
SECONDS = 600
SHORT = 12  # so many lines of code stay on one page
OPEN = "In print everything is open: cover what follows with a sheet of paper."
STILL = "In print there is only a picture. The model runs at "
ANY_PAGE = "000"


def chromium() -> str | None:
    """Return the path of Chromium, or None where there is none."""
    named = os.environ.get("CHROMIUM")
    found = (shutil.which(name) for name in ((named,) if named else PROGRAMS))
    return next(filter(None, found), None)


def joined(html: Path, names: list[str]) -> BeautifulSoup:
    """Return the first page with the texts of all pages."""
    whole, known = None, {f"{name}.html" for name in names}
    for name in names:
        soup = BeautifulSoup(
            (html / f"{name}.html").read_text(encoding="utf-8"), "html.parser"
        )
        article = soup.select_one("article.bd-article")
        address = str(soup.find("link", rel="canonical")["href"])
        on_paper(article, address)
        renamed(article, name, known)
        if whole is None:
            whole, body = soup, article
            article.h1.insert_after(linked(Tag(name="p"), address))
        else:
            article["class"] = "bd-article next-page"
            body.insert_after(article)
            body = article
    for tag in whole.find_all("script"):
        tag.decompose()
    whole.html["data-theme"] = "light"
    for image in whole.select("img[loading]"):
        del image["loading"]
    for fold in whole.select("details"):
        fold["open"] = ""
    return whole


def on_paper(article, address: str) -> None:
    """Change what a page says and holds where it cannot be operated."""
    for link in article.select("a.image-reference"):
        link.unwrap()
    for code in article.select("div.cell_input, div.output"):
        if len(code.get_text().strip().splitlines()) <= SHORT:
            code["class"] = [*code["class"], "short"]
    for name in article.select("#the-names td code:not(.kept) > .pre"):
        breakable(name)
    for text in article.select(".without-script > p:first-child"):
        text.string = STILL
        linked(text, address).append(".")
    for title in article.select("#how-a-chapter-works > h2"):
        text = Tag(name="p")
        text.string = OPEN
        title.insert_after(text)


def linked(tag, address: str):
    """Put a link that shows its address at the end of a tag; return the tag."""
    link = Tag(name="a", attrs={"href": address})
    link.string = address
    tag.append(link)
    return tag


def breakable(tag) -> None:
    """Allow a line to end after each part of a name."""
    ends = r"(?<=[^._][._])(?=[^._])|(?<=[a-z])(?=[A-Z])"
    parts = re.split(ends, tag.get_text())
    tag.string = parts[0]
    for part in parts[1:]:
        tag.append(Tag(name="wbr", can_be_empty_element=True))
        tag.append(part)


def renamed(article, name: str, known: set[str]) -> None:
    """Make the names of one page's places differ from all other pages'."""
    prefix = Path(name).name
    article["id"] = prefix
    for tag in article.find_all(id=True):
        tag["id"] = f"{prefix}--{tag['id']}"
    folder = posixpath.dirname(name)
    for link in article.select("a[href]"):
        parts = urlsplit(link["href"])
        if parts.scheme or parts.netloc:
            continue
        page = posixpath.normpath(f"{folder}/{parts.path}")
        if parts.path and page not in known:
            continue
        stem = Path(parts.path).stem or prefix
        link["href"] = f"#{stem}" + (
            f"--{parts.fragment}" if parts.fragment else ""
        )


def marked(whole) -> None:
    """Leave room for the pages of the chapters in their list."""
    for link in whole.select(
        "#intro--the-chapters a:not(.headerlink)[href^='#']"
    ):
        mark = whole.new_tag("span", attrs={"data-page-of": link["href"][1:]})
        card = link.find_parent("li")
        if card:
            mark.string = f" · page {ANY_PAGE}"
            card.select_one(".card-time").append(mark)
        else:
            mark.string = f" (page {ANY_PAGE})"
            link.insert_after(mark)


def numbered(whole, pages: dict[str, int]) -> None:
    """Write the pages into the list of chapters; without a page, nothing."""
    for mark in whole.select("[data-page-of]"):
        page = pages.get(mark["data-page-of"])
        mark.string = mark.string.replace(ANY_PAGE, str(page)) if page else ""


def starts(pdf: bytes) -> dict[str, int]:
    """Return the page of each place that a file of Chromium has a name for."""
    nodes = re.findall(
        rb"(\d+) 0 obj\s*<</Type /Pages\b[^>]*?/Kids \[([^]]*)\]", pdf
    )
    kids = {node: re.findall(rb"(\d+) 0 R", refs) for node, refs in nodes}
    root = re.search(rb"/Type /Catalog\s*/Pages (\d+) 0 R", pdf)
    order = list(leaves(root[1], kids)) if root else []
    number = {page: place for place, page in enumerate(order, 1)}
    places = re.findall(rb"/(\S+) \[(\d+) 0 R\s*/XYZ", pdf)
    return {
        name.decode("latin-1"): number[page]
        for name, page in places
        if page in number
    }


def leaves(node: bytes, kids: dict[bytes, list[bytes]]) -> Iterator[bytes]:
    """Yield the pages below a node of the tree of pages, in their order."""
    for kid in kids.get(node, ()):
        if kid in kids:
            yield from leaves(kid, kids)
        else:
            yield kid


def write(html: Path, pdf: Path, program: str) -> None:
    """Print the book of a folder into a file."""
    names = contents.listed(notebooks.ROOT)
    page = html / Path(names[0]).parent / "all-pages.html"
    whole = joined(html, names)
    marked(whole)
    try:
        printed(whole, page, pdf, program)
        numbered(whole, starts(pdf.read_bytes()))
        printed(whole, page, pdf, program)
    finally:
        page.unlink(missing_ok=True)


def printed(whole: BeautifulSoup, page: Path, pdf: Path, program: str) -> None:
    """Write a page, and print it into a file."""
    page.write_text(str(whole), encoding="utf-8")
    subprocess.run(
        [
            program,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--no-pdf-header-footer",
            "--generate-pdf-document-outline",
            "--virtual-time-budget=60000",
            f"--print-to-pdf={pdf.resolve()}",
            page.resolve().as_uri(),
        ],
        check=True,
        capture_output=True,
        timeout=SECONDS,
    )


def main(arguments: list[str]) -> int:
    """Print the book; return 1 if that cannot be done."""
    html = Path(arguments[0] if arguments else "_build/html")
    pdf = Path(
        arguments[1]
        if len(arguments) > 1
        else "_build/segformer-from-the-bottom-up.pdf"
    )
    program = chromium()
    if program is None:
        print("error: no Chromium; install it, or name it in CHROMIUM")
        return 1
    if not (html / "index.html").exists():
        print(f"error: {html}: no book; `make book` builds it")
        return 1
    write(html, pdf, program)
    print(f"{pdf}: {pdf.stat().st_size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
