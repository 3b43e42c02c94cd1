"""Look at the built pages in Chromium, as a reader does.

    python tools/pages.py [--sample] [_build/html]

On every page, in light and in dark mode: no fault of accessibility (axe), no
error in the console, no request to another host, nothing that scrolls
sideways, no picture that is stretched, a weight within bounds, and little that
moves while a slow line loads it. Live figures compute what the package does
(live.py). --sample looks at four pages, and at the live figures. What
tools/pages.txt lists has to be installed; CHROMIUM names the program where it
is not found by itself.
"""

import argparse
import gzip
import sys
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import chain
from pathlib import Path
from threading import Thread

import axe_playwright_python
from playwright.sync_api import Browser, Page, sync_playwright

import contents
import live
import notebooks
from pdf import chromium

AXE = Path(axe_playwright_python.__file__).with_name("axe.min.js")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
VIEWS = (("light", 1280, 900), ("dark", 390, 844))
TEXT_BYTES, CHAPTER_BYTES = 400_000, 900_000  # as they are sent
MODEL_BYTES = {"book/try_it.html": 3_000_000}  # it loads the model
PACKED = {".html", ".css", ".js", ".svg"}
SHIFT = 0.1  # cumulative layout shift that counts as good
SLOW = {  # a mobile line: milliseconds, bytes a second
    "offline": False,
    "latency": 150,
    "downloadThroughput": 200_000,
    "uploadThroughput": 90_000,
}

WATCH = """
window.moved = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries())
    if (!entry.hadRecentInput) window.moved += entry.value;
}).observe({type: "layout-shift", buffered: true});
"""
EXAMINE = """async (rules) => {
  document.querySelectorAll("article details").forEach((d) => (d.open = true));
  const found = await axe.run(document, {
    runOnly: {type: "tag", values: rules}, resultTypes: ["violations"],
    preload: false});
  return found.violations.map((v) => v.id + ": " + v.nodes.length +
    " times, such as " + v.nodes[0].target.join(" "));
}"""
STRETCHED = """() => [...document.querySelectorAll("article img")]
  .filter((i) => i.complete && i.offsetWidth > 40 &&
    getComputedStyle(i).objectFit === "fill" &&
    Math.abs(i.offsetWidth / i.offsetHeight * i.naturalHeight /
      i.naturalWidth - 1) > 0.03)
  .map((i) => "stretched: " + i.getAttribute("src"))"""
WIDE = """() => {
  const root = document.documentElement;
  return root.scrollWidth - root.clientWidth;
}"""


class Quiet(SimpleHTTPRequestHandler):
    """Serve files as GitHub Pages does, text packed, and say nothing."""

    def log_message(self, *_):
        """Say nothing."""

    def do_GET(self):
        """Send a file."""
        path = Path(self.translate_path(self.path))
        if path.suffix not in PACKED or not path.is_file():
            super().do_GET()
            return
        body = gzip.compress(path.read_bytes(), 6)
        self.send_response(200)
        self.send_header("Content-Type", self.guess_type(str(path)))
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with suppress(ConnectionError):  # the page was closed meanwhile
            self.wfile.write(body)


def look(browser: Browser, base: str, name: str) -> Iterator[str]:
    """Yield a message for each fault of a page, in each view."""
    for scheme, width, height in VIEWS:
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme=scheme,
            is_mobile=width < 500,
            has_touch=width < 500,
        )
        page = context.new_page()
        for fault in faults(page, base, name):
            yield f"{name}, {scheme}, {width} wide: {fault}"
        context.close()


def faults(page: Page, base: str, name: str) -> Iterator[str]:
    """Yield a message for each fault of a page in one view."""
    found: list[str] = []
    weights: list[int] = []

    def gate(route) -> None:
        if route.request.url.startswith((base, "data:")):
            route.continue_()
        else:
            found.append(f"asks another host: {route.request.url}")
            route.abort()

    def weigh(response) -> None:
        if response.status >= 400:
            found.append(f"{response.status} for {response.url}")
        elif response.url.startswith(base):
            weights.append(int(response.headers.get("content-length", 0)))

    page.route("**/*", gate)
    page.on("response", weigh)
    page.on("pageerror", lambda error: found.append(f"script: {error}"))
    page.on(
        "console",
        lambda line: (
            found.append(f"console: {line.text}")
            if line.type == "error"
            else None
        ),
    )
    page.add_init_script(WATCH)
    line = page.context.new_cdp_session(page)
    line.send("Network.enable")
    line.send("Network.emulateNetworkConditions", SLOW)
    page.goto(f"{base}/{name}", wait_until="load")
    page.wait_for_timeout(300)
    moved, wide = page.evaluate("window.moved"), page.evaluate(WIDE)
    if moved > SHIFT:
        found.append(f"moves by {moved:.2f} while it loads, over {SHIFT}")
    if wide > 0:
        found.append(f"scrolls sideways by {wide} pixels")
    chapter = (notebooks.ROOT / name).with_suffix(".ipynb").exists()
    most = MODEL_BYTES.get(name, CHAPTER_BYTES if chapter else TEXT_BYTES)
    if sum(weights) > most:
        found.append(f"weighs {sum(weights):,} bytes, over {most:,}")
    found += page.evaluate(STRETCHED)
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found += [f"axe: {rule}" for rule in page.evaluate(EXAMINE, RULES)]
    yield from dict.fromkeys(found)


def sample(names: list[str]) -> list[str]:
    """Choose the first page, a chapter, the longest one and the last page."""
    sizes = {n: (notebooks.ROOT / n).with_suffix(".ipynb") for n in names}
    chapters = [n for n, path in sizes.items() if path.exists()]
    longest = max(chapters, key=lambda n: sizes[n].stat().st_size)
    return list(dict.fromkeys([names[0], chapters[2], longest, names[-1]]))


def main(arguments: list[str] | None = None) -> int:
    """Print the faults of the pages; return 1 if there is one."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("html", nargs="?", type=Path, default="_build/html")
    parser.add_argument("--sample", action="store_true")
    options = parser.parse_args(arguments)
    program = chromium()
    if program is None:
        print("error: no Chromium; install it, or name it in CHROMIUM")
        return 1
    names = [f"{name}.html" for name in contents.listed(notebooks.ROOT)]
    names = sample(names) if options.sample else [*names, "search.html"]
    missing = [name for name in names if not (options.html / name).exists()]
    if missing:
        print(f"error: {options.html / missing[0]} is not there: `make book`")
        return 1
    server = ThreadingHTTPServer(
        ("127.0.0.1", 0), partial(Quiet, directory=str(options.html))
    )
    Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{server.server_port}"
    count = 0
    with sync_playwright() as play:
        browser = play.chromium.launch(
            executable_path=program, args=["--no-sandbox", "--disable-gpu"]
        )
        looks = [look(browser, base, name) for name in names]
        for fault in chain(live.look(browser, base, options.html), *looks):
            count += 1
            print(fault, flush=True)
        browser.close()
    server.shutdown()
    print(f"{len(names)} pages in Chromium: {count or 'no'} faults")
    return int(count > 0)


if __name__ == "__main__":
    sys.exit(main())
