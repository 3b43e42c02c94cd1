"""Try the page that runs the model in Chromium, as a reader does.

    python tools/page_model_check.py [_build/html]

From the disk, in light and dark mode: the first scene gets its labels, the
logits are those of PyTorch with the weights that the page holds, the pointer,
the arrow keys and the brush do what they say, a picture that is broken or too
long is refused with a sentence, nothing is wrong by axe or wider than the
window, and without JavaScript a picture stands in its place. What
tools/pages.txt lists has to be installed; CHROMIUM names the program where it
is not found by itself.
"""

import argparse
import io
import sys
from collections.abc import Iterator
from pathlib import Path

import torch
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

import notebooks
import page_model
import pages
from pdf import chromium
from segformer_tutorial.data.normalize import normalize
from segformer_tutorial.model import labels_from_logits
from segformer_tutorial.weights import load_model

NAME = "book/try_it.html"
CLOSE = 1e-4  # between logits
MOST_BYTES = 5_000_000
LIMIT = 30_000  # milliseconds: a machine may be busy

# Label a picture of random colours in a worker of our own.
RUN = """([height, width, seed]) => new Promise((resolve) => {
  const code = new Blob([SEGFORMER.worker], {type: "text/javascript"});
  const worker = new Worker(URL.createObjectURL(code));
  const rgba = new Uint8ClampedArray(4 * height * width);
  for (let i = 0; i < rgba.length; i++) {
    seed = (1103515245 * (seed % 65536) + 12345) % 2147483648;
    rgba[i] = seed / 8388608;
  }
  let labels;
  worker.onmessage = ({data}) => {
    if (data.labels) {
      labels = [...data.labels];
      worker.postMessage({logits: true});
    } else {
      worker.terminate();
      const {h, w, c, data: values} = data.logits;
      resolve({rgba: [...rgba], labels, shape: [h, w, c],
        logits: [...values]});
    }
  };
  worker.postMessage({packed: SEGFORMER.packed});
  worker.postMessage({picture: {rgba, height, width, serial: 0}});
})"""


def shipped():
    """Return the model with the weights as the page holds them."""
    model = load_model(notebooks.ROOT / page_model.WEIGHTS).eval()
    model.load_state_dict(page_model.unpack(page_model.pack(model), model))
    return model


def numbers(page: Page) -> Iterator[str]:
    """Yield a message where the page's numbers are not PyTorch's."""
    model = shipped()
    for height, width in ((256, 384), (128, 192), (75, 118)):
        got = page.evaluate(RUN, [height, width, 7])
        rgba = torch.tensor(got["rgba"]).reshape(height, width, 4)
        image = rgba[..., :3].permute(2, 0, 1) / 255
        with torch.no_grad():
            expected = model(normalize(image)[None])
        logits = torch.tensor(got["logits"]).reshape(got["shape"])
        logits = logits.permute(2, 0, 1)[None]
        most = (logits - expected).abs().max().item()
        print(f"{height} x {width}: logits differ by at most {most:.1e}")
        if not most < CLOSE:
            yield f"logits of {height} x {width} differ by {most:.1e}"
        labels = torch.tensor(got["labels"]).reshape(height, width)
        wrong = (
            labels != labels_from_logits(expected, (height, width))[0]
        ).sum()
        if wrong > 1e-4 * height * width:  # ties
            yield f"{wrong} labels of {height} x {width} differ"


def said(page: Page, words: str) -> str:
    """Wait until the page says these words, and return its sentence."""
    line = page.locator("#try-model output", has_text=words)
    line.wait_for(timeout=LIMIT)
    return line.inner_text()


def uses(page: Page) -> Iterator[str]:
    """Yield a message for each thing that does not do what it says."""
    canvas = page.locator("#try-model canvas")
    first = said(page, "Row ")
    canvas.focus()
    canvas.press("ArrowUp")
    page.wait_for_function(
        "(old) => !document.querySelector('#try-model output')"
        ".textContent.includes(old)",
        arg=first.partition(":")[0],
        timeout=LIMIT,
    )
    bars = page.locator("#try-model .classes b").all_inner_texts()
    total = sum(float(bar.split()[0]) for bar in bars)
    if len(bars) != 12 or not 97 < total < 103:
        yield f"the class probabilities are {bars}"
    page.check("[name=show][value=attention]")
    page.select_option("[name=stage]", label="2")
    page.select_option("[name=head]", label="2")
    said(page, "In stage 2, head 2")
    page.check("[name=show][value=labels]")
    pixel = "() => document.querySelector('#try-model canvas').toDataURL()"
    before = page.evaluate(pixel)
    page.check("[name=tool][value=grass]")
    canvas.press("Enter")
    if page.evaluate(pixel) == before:
        yield "Enter paints nothing"
    said(page, "Row ")
    page.click("[name=undo]")
    said(page, "Row ")
    long = io.BytesIO()
    Image.new("RGB", (900, 20)).save(long, "PNG")
    files = {"a.png": b"no picture", "b.png": long.getvalue()}
    answers = ("a.png cannot be read", "b.png is 900 x 20 pixels")
    for (name, data), words in zip(files.items(), answers, strict=True):
        file = {"name": name, "mimeType": "image/png", "buffer": data}
        page.set_input_files("#try-model [type=file]", files=[file])
        said(page, words)
    own = io.BytesIO()
    Image.new("RGB", (300, 400), (90, 120, 60)).save(own, "PNG")
    file = {"name": "c.png", "mimeType": "image/png", "buffer": own.getvalue()}
    page.select_option("[name=height]", "128")
    page.set_input_files("#try-model [type=file]", files=[file])
    said(page, "Row ")
    size = page.evaluate(
        "() => (({width, height}) => [width, height])"
        "(document.querySelector('#try-model canvas'))"
    )
    if size != [192, 256]:
        yield f"a picture of 300 x 400 is drawn as {size}"


def look(browser: Browser, file: Path) -> Iterator[str]:
    """Yield a message for each fault of the page, in each view."""
    address = file.resolve().as_uri()
    for scheme, width, height in pages.VIEWS:
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme=scheme,
            is_mobile=width < 500,
            has_touch=width < 500,
        )
        page = context.new_page()
        found: list[str] = []
        page.on("pageerror", lambda error, to=found: to.append(str(error)))
        page.goto(address)
        page.wait_for_selector("#try-model[data-ms]", timeout=LIMIT)
        since = page.evaluate("performance.now()") / 1000
        print(f"{width} wide: first labels {since:.1f} s after opening")
        found += uses(page)
        if (wide := page.evaluate(pages.WIDE)) > 0:
            found.append(f"scrolls sideways by {wide} pixels")
        page.evaluate(pages.AXE.read_text(encoding="utf-8"))
        found += page.evaluate(pages.EXAMINE, pages.RULES)
        if scheme == "light":
            found += numbers(page)
        yield from (f"{scheme}, {width} wide: {fault}" for fault in found)
        context.close()
    plain = browser.new_context(java_script_enabled=False).new_page()
    plain.goto(address)
    if not plain.locator(".without-script img").first.is_visible():
        yield "without JavaScript: no picture"


def main(arguments: list[str] | None = None) -> int:
    """Print the faults of the page; return 1 if there is one."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("html", nargs="?", type=Path, default="_build/html")
    html = parser.parse_args(arguments).html
    program = chromium()
    if program is None:
        print("error: no Chromium; install it, or name it in CHROMIUM")
        return 1
    if not (html / NAME).exists():
        print(f"error: {html / NAME} is not there: `make book`")
        return 1
    files = (html / "_static/model").iterdir()
    size = sum(file.stat().st_size for file in files)
    faults = []
    if size > MOST_BYTES:
        faults.append(f"the model has {size:,} bytes, over {MOST_BYTES:,}")
    with sync_playwright() as play:
        browser = play.chromium.launch(
            executable_path=program, args=["--no-sandbox", "--disable-gpu"]
        )
        faults += look(browser, html / NAME)
        browser.close()
    print(*faults, sep="\n", end="\n" if faults else "")
    print(f"{NAME} in Chromium: {len(faults) or 'no'} faults")
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
