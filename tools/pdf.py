"""Print the built book as one PDF, with Chromium.

    python tools/pdf.py [_build/html] [_build/segformer-from-the-bottom-up.pdf]

The pages are put one after another into a single one, in the order of
_toc.yml; links between them stay links. CHROMIUM names the program where it is
not found by itself.
"""

import os
import posixpath
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

from bs4 import BeautifulSoup

import contents
import notebooks

PROGRAMS = ("chromium", "google-chrome", "chromium-browser", "chrome")
SECONDS = 600


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
        renamed(article, name, known)
        if whole is None:
            whole, body = soup, article
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


def write(html: Path, pdf: Path, program: str) -> None:
    """Print the book of a folder into a file."""
    names = contents.listed(notebooks.ROOT)
    page = html / Path(names[0]).parent / "all-pages.html"
    page.write_text(str(joined(html, names)), encoding="utf-8")
    try:
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
    finally:
        page.unlink()


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
