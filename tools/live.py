"""Compare the live figures of the built pages with the package.

A live figure (book/_static/live.js) computes in the reader's browser. Here
Chromium computes every state of each one, and the result has to be what torch
and the package say. Each page is opened over http and as a file; its controls
have labels and answer to the keyboard, and its scripts stay small.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import notebooks
from live_checks import CHECKS, State

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

STATIC = notebooks.ROOT / "book" / "_static"
SCRIPT_BYTES = 60_000  # of one page

UNFOLD = "document.querySelectorAll('details').forEach((d) => (d.open = true))"
# States and results travel as text, which is many times faster than as objects.
COMPUTE = """(figure, states) => {
  const results = JSON.parse(states).map(figure.compute);
  return JSON.stringify(results.map((one) => [one, figure.say(one)]));
}"""


def figures(metadata: dict) -> list[str]:
    """Return the names of the live figures that a cell's metadata asks for."""
    image = metadata.get("mystnb", {}).get("image", {})
    classes = image.get("classes", "").split()
    return [c.removeprefix("live-") for c in classes if c.startswith("live-")]


def asked(path: Path) -> list[str]:
    """Return the names of the live figures of a notebook."""
    cells = notebooks.read(path).cells
    return [name for cell in cells for name in figures(cell.metadata)]


def states(controls: list[dict]) -> list[State]:
    """List all states of a figure."""
    names = [control["name"] for control in controls]
    values = [
        control.get("options")
        or range(control["min"], control["max"] + 1, control.get("step", 1))
        for control in controls
    ]
    return [dict(zip(names, state, strict=True)) for state in product(*values)]


def look(browser: Browser, base: str, html: Path) -> Iterator[str]:
    """Yield a message for each fault of the live figures of a book."""
    for path in notebooks.paths():
        names = asked(path)
        page_name = f"book/{path.stem}.html"
        if not names or not (html / page_name).exists():
            continue
        for address in (base, html.resolve().as_uri()):
            page = browser.new_page()
            said: list[str] = []
            page.on(
                "pageerror", lambda error, said=said: said.append(str(error))
            )
            page.goto(f"{address}/{page_name}", wait_until="load")
            page.evaluate(UNFOLD)
            for name in names:
                said += (f"{name}: {fault}" for fault in faults(page, name))
            said += weight(page)
            page.close()
            yield from (f"{address}/{page_name}: {fault}" for fault in said)


def faults(page: Page, name: str) -> Iterator[str]:
    """Yield a message for each fault of one live figure."""
    figure = page.locator(f"#live-figure-{name}")
    if figure.count() != 1:
        yield "is not there"
        return
    if page.locator(f".live-{name}").first.is_visible():
        yield "the stored picture is still to be seen"
    pictures = page.locator(f".live-{name} img, img.live-{name}")
    words = pictures.evaluate_all("all => all.map((picture) => picture.alt)")
    if len(words) != 2 or not all(words):
        yield "the stored picture lacks its words or its dark twin"
    controls = figure.evaluate("figure => figure.controls")
    yield from moved(page, figure, controls)
    every = states(controls)
    results = json.loads(figure.evaluate(COMPUTE, json.dumps(every)))
    for state, (result, sentence) in zip(every, results, strict=True):
        for fault in CHECKS[name](state, result):
            yield f"{state}: {fault}"
        if not sentence.endswith(".") or "NaN" in sentence:
            yield f"{state}: says {sentence!r}"


def moved(page: Page, figure: Locator, controls: list[dict]) -> Iterator[str]:
    """Move each control by the keyboard, and back."""
    sentence = figure.locator("output")
    if sentence.get_attribute("aria-live") != "polite":
        yield "its sentence is not read out"
    first = sentence.inner_text()
    for control in controls:
        labelled = figure.get_by_label(control["label"], exact=True)
        if not control["label"] or labelled.count() != 1:
            yield f"{control['label']}: no such label"
            continue
        labelled.press(key(control))
        if sentence.inner_text() == first:
            yield f"{control['label']}: the keyboard changes nothing"
        figure.get_by_role("button", name="Reset").press("Enter")
        if sentence.inner_text() != first:
            yield f"{control['label']}: the button does not take it back"


def key(control: dict) -> str:
    """Return the key that changes a control from its first value."""
    if "options" in control:
        return "ArrowDown"
    return "ArrowDown" if control["value"] == control["max"] else "ArrowUp"


def weight(page: Page) -> Iterator[str]:
    """Yield a message if the live scripts of a page are too large."""
    names = page.eval_on_selector_all(
        "script[src*='/live']", "all => all.map((s) => s.src)"
    )
    files = {
        STATIC / name.rpartition("/")[2].partition("?")[0] for name in names
    }
    if (total := sum(file.stat().st_size for file in files)) > SCRIPT_BYTES:
        yield f"live scripts of {total:,} bytes, over {SCRIPT_BYTES:,}"
