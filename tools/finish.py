"""Sphinx extension: finish the built pages.

The theme writes them; here a page loses the scripts that it does not use, its
pictures get their sizes and a variant for dark mode, and its head what search
engines and previews ask for. A page is rewritten in each build, because some
of this comes from other pages.
"""

import posixpath
import re
import subprocess
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import unquote, urlsplit

from bs4 import BeautifulSoup, NavigableString
from PIL import Image

import cards
import dark
import notebooks
from hues import hues
from icons import Icons
from strips import strips

BOOK_DPI = 90  # of a picture that is shown pixel by pixel
CARD_WIDTH = 560  # pixels, twice the width of a card
INDEX = "genindex.html"  # the name that Sphinx gives it
# Spaces at which no line breaks: 4 × 4, 50 %, 17 MB, chapter 4.
APART = re.compile(
    r"(?<=\d) (?=(?:[%×·]|[kMG]B\b|m?s\b|px\b))|(?<=[×·]) (?=\d)"
    r"|(?<=\b[cC]hapter) (?=\d)|(?<=\b[sS]tage) (?=\d)"
)
# The picture of a chapter's card, where it is not the first one.
CARD = {"book/04_self_attention": 1, "book/06_mix_ffn": 2}
KEPT = 20  # letters of code that stay on one line
FOLDS = {"source": "code", "content": "cell"}

# Scripts and styles of the theme, and the class without which a page has no
# use for them. The search's are loaded by the page of results alone.
UNUSED = {
    "fontawesome.js": None,
    "searchtools.js": "#search-results",
    "language_data.js": "#search-results",
    "searchindex.js": "#search-results",
    "togglebutton.js": ".toggle, .admonition.dropdown",
    "togglebutton.css": ".toggle, .admonition.dropdown",
    "design-tabs.js": ".sd-tab-set",
    "sphinx-design.min.css": "[class*='sd-']",
    "clipboard.min.js": "div.highlight",
    "copybutton.js": "div.highlight",
    "live.js": "[class*='live-']",
}
# One figure, whose picture has the class; its data and other parts.
LIVE = re.compile(r"(live-\w+)(?:\.\w+)?\.js")
# What a line of script that stands in the page itself reads at once.
AT_ONCE = ("documentation_options.js",)

# Before anything is drawn: the mode that the reader chose, or the system's. The
# theme does this later, when a light page has been seen.
MODE = """
{
  const root = document.documentElement;
  root.dataset.mode = localStorage.getItem("mode") || "auto";
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const system = dark ? "dark" : "light";
  root.dataset.theme =
    root.dataset.mode === "auto" ? system : root.dataset.mode;
}
"""

LOST = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<meta name="color-scheme" content="light dark">
<title>No such page – {title}</title>
<style>
body {{ font: 1.1rem/1.6 system-ui, sans-serif; margin: 15vh auto;
  max-width: 34rem; padding: 0 1.5rem; }}
</style>
</head>
<body>
<main>
<h1>There is no such page</h1>
<p>It may have moved: a chapter gets a new number when one is added before
it.</p>
<p><a href="{home}">{title}</a> lists them all.</p>
</main>
</body>
</html>
"""


def sizes(soup, page: Path) -> None:
    """Give each picture its width and height, and load most of them late.

    A plot says in its file how many pixels make an inch, so that one with
    twice the pixels is shown as large as before.
    """
    article = soup.select(".bd-article img")
    for image in soup.find_all("img"):
        file = local(image.get("src", ""), page)
        if file is None:
            continue
        width, height = size(file)
        image["width"], image["height"] = round(width), round(height)
        image.attrs.pop("style", None)  # it would not shrink with the page
        if image in article[1:]:
            image["loading"] = "lazy"
        image["decoding"] = "async"


def size(file: Path) -> tuple[float, float]:
    """Return the width and the height at which a picture is shown."""
    if file.suffix == ".svg":
        tag = re.search(r"<svg\b[^>]*>", file.read_text(encoding="utf-8"))[0]
        box = re.search(r'viewBox="([^"]+)"', tag)
        given = [
            re.search(rf'\s{x}="([\d.]+)', tag) for x in ("width", "height")
        ]
        if all(given):
            return float(given[0][1]), float(given[1][1])
        _, _, width, height = map(float, box[1].split())
        return width, height
    with Image.open(file) as image:
        dpi = image.info.get("dpi", (BOOK_DPI, BOOK_DPI))
        return tuple(
            pixels * BOOK_DPI / round(per_inch)
            for pixels, per_inch in zip(image.size, dpi, strict=True)
        )


def local(address: str, page: Path) -> Path | None:
    """Return the file that an address of a page means, if it is one."""
    parts = urlsplit(address)
    if parts.scheme or parts.netloc or not parts.path:
        return None
    file = page.parent / unquote(parts.path)
    return file if file.is_file() else None


def variants(soup, page: Path) -> None:
    """Put beside each picture of the text its variant for dark mode."""
    for image in soup.select(".bd-article img"):
        file = local(image["src"], page)
        if file is None or "only-light" in image.get("class", []):
            continue
        variant = dark.variant(file)
        if variant is None:
            continue
        twin = soup.new_tag("img", attrs=dict(image.attrs))
        twin["src"] = posixpath.join(
            posixpath.dirname(image["src"]), variant.name
        )
        kept = [c for c in image.get("class", []) if c != "dark-light"]
        image["class"] = [*kept, "only-light"]
        twin["class"] = [*kept, "only-dark"]
        twin["loading"] = "lazy"
        image.insert_after(twin)


def picture_first(soup) -> None:
    """Show the picture of a chapter's opening before the code that draws it."""
    picture = soup.select_one(
        ".bd-article > section > .cell > .cell_output img"
    )
    if picture is None:
        return
    output = picture.find_parent(class_="cell_output")
    cell = output.parent
    first = cell
    while True:
        before = first.find_previous_sibling()
        if before is None or "cell" not in before.get("class", []):
            break
        if before.select_one(".cell_output"):
            break
        first = before
    shown = soup.new_tag("div", attrs={"class": "cell"})
    first.insert_before(shown)
    shown.append(output.extract())


def lean(soup) -> None:
    """Take away the scripts and styles that a page has no use for."""
    searches = soup.select_one("#search-results") is not None
    for tag in soup.find_all(["script", "link"]):
        address = tag.get("src") or tag.get("href") or ""
        name = posixpath.basename(urlsplit(address).path)
        figure = LIVE.fullmatch(name)
        used = f".{figure[1]}" if figure else UNUSED.get(name, "html")
        if used is None or not soup.select_one(used):
            tag.decompose()
        elif tag.get("src") and not searches and name not in AT_ONCE:
            tag["defer"] = ""
    for again in soup.select("meta[name=viewport]")[1:]:
        again.decompose()
    for twice in soup.select("#jb-print-docs-body"):
        twice.decompose()  # a heading and a contents list for paper
    for button in soup.select(".search-button-field"):
        del button["aria-label"]  # its name is all that stands on it


def mode(soup) -> None:
    """Choose light or dark before the page is drawn."""
    soup.body["data-default-mode"] = "auto"
    for script in soup.head.find_all("script", src=False):
        if "dataset.mode" in script.get_text():
            script.string = MODE


def menu(soup) -> None:
    """Let the menu open without a script, and name the index in it.

    The theme's button is a link to the menu. Its script stops the link and
    opens a dialog; without it the style sheet shows what the link leads to.
    """
    for button in soup.select("button.primary-toggle"):
        button.name = "a"
        button["href"] = "#pst-primary-sidebar"
        button["aria-label"] = "Menu"
    if soup.select_one("#pst-secondary-sidebar") is None:
        for button in soup.select(".secondary-toggle"):
            button.decompose()
    bar = soup.select_one("#pst-primary-sidebar")
    if bar is None:
        return
    bar["role"], bar["aria-label"] = "navigation", "The book"
    close = soup.new_tag("a", attrs={"href": "#"})
    close.string = "Close the menu"
    without = soup.new_tag("noscript")
    without.append(close)
    bar.insert(0, without)
    for last in bar.select("nav ul.nav > li.toctree-l1:last-child")[-1:]:
        root = soup.html.get("data-content_root", "./")
        line = soup.new_tag("li", attrs={"class": "toctree-l1"})
        link = soup.new_tag(
            "a",
            attrs={"class": "reference internal", "href": f"{root}{INDEX}"},
        )
        link.string = "The index"
        line.append(link)
        last.insert_after(line)


def folds(soup) -> None:
    """Name each fold by what is in it, in words that can be read out."""
    for fold in soup.select("details.hide > summary"):
        fold.attrs.pop("aria-label", None)
        section = fold.find_parent("section")
        solution = section and section.get("id", "").startswith("solution")
        kind = fold.p.get_text().partition(" the ")[2]
        kind = "solution" if solution else FOLDS.get(kind, kind)
        verbs = {"collapsed": "Show", "expanded": "Hide"}
        for line in fold.find_all("p"):
            (verb,) = (v for c, v in verbs.items() if c in line["class"])
            line.string = f"{verb} the {kind}"


def tables(soup) -> None:
    """Leave no heading without words; let the keyboard reach what scrolls."""
    for cell in soup.select(".bd-article th"):
        if not cell.get_text(strip=True):
            cell.name = "td"
    wide = ".bd-article :is(pre, .pst-scrollable-table-container, div.math)"
    for box in soup.select(wide):
        box["tabindex"] = "0"


def kept(soup) -> None:
    """Break no line inside short code, or between a formula and its stop."""
    for code in soup.select(".bd-article :is(p, li, td, th) code"):
        short = len(code.get_text()) <= KEPT
        for part in [code] if short else code.select(".pre"):
            if len(part.get_text()) <= KEPT:
                part["class"] = [*part.get("class", []), "kept"]
    for formula in soup.select(".bd-article :is(p, li, td) > math"):
        after = formula.next_sibling
        if not isinstance(after, NavigableString):
            continue
        if found := re.match(r"[).,;:!?]+", after):
            line = soup.new_tag("span", attrs={"class": "kept"})
            formula.wrap(line)
            line.append(found[0])
            after.replace_with(after[found.end() :])


def numbers(soup) -> None:
    """Keep a number and its unit, a product, and "chapter 4" on one line."""
    for tag in soup.select(".bd-article :is(p, li, td, th, figcaption)"):
        for text in tag.find_all(string=True, recursive=False):
            kept = APART.sub("\u00a0", text)
            if kept != text:
                text.replace_with(NavigableString(kept))


def head(soup, *, address: str, picture: str | None) -> None:
    """Describe the page to search engines and to previews of a link."""
    words = soup.select_one(".bd-article h1 ~ p")
    text = " ".join(words.get_text().split()) if words else ""
    if len(text) > 200:
        text = text[:200].rpartition(" ")[0] + " …"
    title = soup.title.get_text()
    named = {"description": text, "color-scheme": "light dark"}
    shared = {
        "og:title": title,
        "og:description": text,
        "og:type": "article",
        "og:url": address,
        "og:image": picture,
    }
    for key, values in (("name", named), ("property", shared)):
        for name, value in values.items():
            if value and not soup.select_one(f"meta[{key}='{name}']"):
                tag = soup.new_tag("meta", attrs={key: name, "content": value})
                soup.head.append(tag)
    canonical = soup.select_one("link[rel=canonical]")
    if canonical is None:
        canonical = soup.new_tag("link", attrs={"rel": "canonical"})
        soup.head.append(canonical)
    canonical["href"] = address


def moved_up(soup, folder: str) -> None:
    """Make the addresses of a page in a folder fit the folder above it."""
    for tag in soup.find_all(True):
        for name in ("href", "src", "action", "data-content_root"):
            value = tag.get(name)
            if not value or value.startswith(("#", "/")) or ":" in value:
                continue
            end = "/" if value.endswith("/") else ""
            tag[name] = posixpath.normpath(f"{folder}/{value}") + end


def thumbnail(image, page: Path, soup) -> list:
    """Return tags that show a picture of a page, smaller, on a card."""
    file = local(image["src"], page)
    versions = {"only-light": file, "only-dark": dark.variant(file)}
    tags = []
    for shown, version in versions.items():
        end = "-dark" if shown == "only-dark" else ""
        small = file.with_name(f"card-{page.stem}{end}.png")
        width, height = reduce(version, small)
        tag = soup.new_tag(
            "img",
            attrs={
                "src": f"../_images/{small.name}",
                "alt": image["alt"],
                "class": [shown],
                "width": width // 2,
                "height": height // 2,
                "loading": "lazy",
                "decoding": "async",
            },
        )
        tags.append(tag)
    return tags


def reduce(file: Path, small: Path) -> tuple[int, int]:
    """Write a picture as it stands on a card, and return its size."""
    with Image.open(file) as image:
        width = min(CARD_WIDTH, image.width)
        height = round(image.height * width / image.width)
        picture = image.convert("RGB").resize(
            (width, height), Image.Resampling.LANCZOS
        )
    picture = picture.quantize(256, dither=Image.Dither.NONE)
    picture.save(small, optimize=True)
    return width, height


def finish(app, exception) -> None:
    """Finish all pages of a book that was built."""
    if exception or app.builder.format != "html":
        return
    html = Path(app.outdir)
    base = app.config.html_baseurl.rstrip("/") + "/"
    root = f"{app.config.root_doc}.html"
    listed = cards.chapters(notebooks.ROOT)
    known = {chapter.page: chapter for chapter in listed}
    last = listed[-1].number
    icons = Icons(html / "_static" / "scripts" / "fontawesome.js")
    names = [f"{name}.html" for name in sorted(app.env.found_docs)]
    names = [name for name in names if (html / name).exists()]
    made = [INDEX, "search.html"]
    pages = {name: soup_of(html / name) for name in [*names, *made]}
    pictures, shown = {}, {}
    for name, soup in pages.items():
        page = name.removesuffix(".html")
        drawn = soup.select(".bd-article img[src$='.png']")
        for image in drawn[CARD.get(page, 0) :]:
            if file := local(str(image["src"]), html / name):
                shown[name] = base + file.resolve().relative_to(html).as_posix()
                pictures[page] = thumbnail(image, html / name, pages[root])
                break
    cards.cards(pages[root], listed, pictures)
    cards.buttons(pages[root], listed[0])
    for name, soup in pages.items():
        path = html / name
        if chapter := known.get(name.removesuffix(".html")):
            cards.opening(soup, chapter, last)
        menu(soup)
        picture_first(soup)
        hues(soup, path.stem)
        strips(soup, path)
        sizes(soup, path)
        variants(soup, path)
        icons.draw(soup)
        folds(soup)
        tables(soup)
        kept(soup)
        numbers(soup)
        lean(soup)
        mode(soup)
        address = base if name == root else base + name
        picture = shown.get(name, shown.get(root))
        if name not in made:
            head(soup, address=address, picture=picture)
        path.write_text(str(soup), encoding="utf-8", newline="\n")
    front = pages[root]
    moved_up(front, posixpath.dirname(root))
    index = html / "index.html"
    index.write_text(str(front), encoding="utf-8", newline="\n")
    write_site(html, base, [n for n in names if n != root], app.config)
    (html / "_static" / "scripts" / "fontawesome.js").unlink()


def soup_of(path: Path) -> BeautifulSoup:
    """Read a page."""
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


def write_site(html: Path, base: str, names: Iterable[str], config) -> None:
    """Write what a site has besides its pages: the list of them, a lost one."""
    urls = "\n".join(
        f"<url><loc>{address}</loc></url>"
        for address in [base, *(base + name for name in names)]
    )
    files = {
        "sitemap.xml": '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n'
        f"{urls}\n</urlset>\n",
        "robots.txt": f"User-agent: *\nAllow: /\nSitemap: {base}sitemap.xml\n",
        "404.html": LOST.format(title=config.html_title, home=base),
    }
    for name, text in files.items():
        (html / name).write_text(text, encoding="utf-8", newline="\n")


def last_change(app, page, template, context, doctree) -> None:
    """Say below a page when its file was changed last, if git knows."""
    if doctree is None:
        return
    command = ["git", "log", "-1", "--format=%cs", "--"]
    file = app.env.doc2path(page)
    try:
        said = subprocess.run(
            [*command, str(file)],
            capture_output=True,
            text=True,
            cwd=app.srcdir,
        ).stdout.strip()
    except OSError:  # no git
        return
    context["last_updated"] = said or None


def every_page(app, env) -> Iterable[str]:
    """Have every page written, also those that did not change."""
    return env.found_docs


def setup(app) -> dict:
    """Register with Sphinx, and the scripts of the live figures behind all."""
    static = notebooks.ROOT / "book" / "_static"
    for script in sorted(static.glob("live-*.js")):
        app.add_js_file(script.name, priority=900)
    app.connect("env-updated", every_page)
    app.connect("html-page-context", last_change)
    app.connect("build-finished", finish)
    return {"version": "1", "parallel_read_safe": True}
