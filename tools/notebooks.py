"""Keep the notebooks of the book in one shape, and their outputs true.

    python tools/notebooks.py fix [FILE ...]   mend the common cells, metadata
    python tools/notebooks.py run [FILE ...]   mend, execute, store the outputs

Without a file, every notebook in book/. Running an unchanged notebook again
changes a file only where an output did.
"""

import argparse
import posixpath
import re
import sys
import time
from base64 import b64decode, b64encode
from collections.abc import Collection
from io import BytesIO
from pathlib import Path

import nbformat
import numpy as np
import yaml
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
CELL_TIMEOUT = 600  # seconds
AREA = 0.001  # of a picture's pixels, in one colour
PALETTE_ERROR = 3.0  # of 255, root mean square: beyond it, bands can be seen

BADGE_ID, BOOTSTRAP_ID = "colab-badge", "colab-bootstrap"
EXPORT_ID = "colab-export"

BADGE = """\
[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]\
({colab})"""

# In Colab the kernel is already running when pip installs the package, so
# that the path that pip leaves for the next start has to be added by hand.
BOOTSTRAP = """\
# In Colab: fetch the book and install its package. Elsewhere: nothing.
import os
import subprocess
import sys

if "COLAB_RELEASE_TAG" in os.environ:
    home = "/content/segformer-tutorial"
    url = "{repository}"
    if not os.path.isdir(home):
        clone = ["git", "clone", "--quiet", "--depth=1", url, home]
        subprocess.run(clone, check=True)
    install = [sys.executable, "-m", "pip", "install", "--quiet"]
    subprocess.run([*install, "--editable", f"{home}[book]"], check=True)
    if home not in sys.path:
        sys.path.insert(0, home)
    os.chdir(f"{home}/book")"""

# The newest onnx asks for another protobuf than Colab's, on which much of what
# is installed there depends. An older onnx is content with it.
EXPORT = """\
# In Colab: add the ONNX packages, beside the protobuf that is there.
if "COLAB_RELEASE_TAG" in os.environ:
    from importlib.metadata import version

    held = f"protobuf=={version('protobuf')}"
    onnx = ["onnx", "onnxruntime", "onnxscript", held]
    subprocess.run([*install, *onnx], check=True)"""

METADATA = {
    "kernelspec": {
        "display_name": "Python 3",
        "language": "python",
        "name": "python3",
    },
    "language_info": {"name": "python", "pygments_lexer": "ipython3"},
}
CELL_METADATA = ("mystnb", "tags")
LINK = re.compile(r"(!?)(\[[^\]]*\]\()(?![a-z]+:|#)([^)\s]+)(?=\))")
PAGE = re.compile(r"\.(?:md|ipynb)(?:#.*)?$")


def paths() -> list[Path]:
    """List the notebooks of the book, in order."""
    return sorted((ROOT / "book").glob("*.ipynb"))


def relative(path: Path) -> str:
    """Write a path as it reads from the root of the repository."""
    path = path.resolve()
    return (
        path.relative_to(ROOT).as_posix()
        if path.is_relative_to(ROOT)
        else f"book/{path.name}"
    )


def read(path: Path) -> nbformat.NotebookNode:
    """Read a notebook."""
    return nbformat.read(path, as_version=4)


def text(notebook: nbformat.NotebookNode) -> str:
    """Return what a notebook's file holds, the same for the same content."""
    return nbformat.writes(notebook).rstrip("\n") + "\n"


def write(notebook: nbformat.NotebookNode, path: Path) -> None:
    """Write a notebook."""
    nbformat.validate(notebook)
    path.write_text(text(notebook), encoding="utf-8", newline="\n")


def repository() -> tuple[str, str]:
    """Return the address of the repository and its branch, from _config.yml."""
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    return config["repository"]["url"], config["repository"]["branch"]


def file_address() -> str:
    """Return the address below which each file has a page, with a slash."""
    url, branch = repository()
    return f"{url}/blob/{branch}/"


def raw_address() -> str:
    """Return the address below which each file is served, with a slash."""
    url, branch = repository()
    slug = url.removeprefix("https://github.com/")
    return f"https://raw.githubusercontent.com/{slug}/{branch}/"


def badge(path: Path) -> str:
    """Return the Colab badge of a notebook."""
    url, branch = repository()
    slug = url.removeprefix("https://github.com/")
    colab = "https://colab.research.google.com/github"
    return BADGE.format(colab=f"{colab}/{slug}/blob/{branch}/{relative(path)}")


def bootstrap() -> str:
    """Return the cell that prepares Colab, the same in every notebook."""
    return BOOTSTRAP.replace("{repository}", repository()[0])


def absolute(text: str, path: Path) -> str:
    """Write out the addresses of the pictures and pages that a text names.

    In Colab a notebook has no folder, so that a path leads nowhere. While
    the book is built, local_files.py makes paths of the addresses again.
    """
    folder = posixpath.dirname(relative(path))

    def write_out(found: re.Match) -> str:
        picture, words, target = found.groups()
        if not picture and not PAGE.search(target):
            return found[0]
        base = raw_address() if picture else file_address()
        return picture + words + base + posixpath.normpath(f"{folder}/{target}")

    return LINK.sub(write_out, text)


def folding(tags: Collection[str]) -> dict:
    """Return what folds a cell in Jupyter and Colab as in the book."""
    hidden: dict[str, bool] = {}
    if "hide-cell" in tags or "hide-input" in tags:
        hidden["source_hidden"] = True
    if "hide-cell" in tags or "hide-output" in tags:
        hidden["outputs_hidden"] = True
    folded: dict[str, object] = {"jupyter": hidden} if hidden else {}
    if "source_hidden" in hidden:
        folded["cellView"] = "form"
    return folded


def fix(notebook: nbformat.NotebookNode, path: Path) -> None:
    """Give a notebook its Colab cells, whole addresses and plain metadata."""
    first = nbformat.v4.new_markdown_cell(badge(path), id=BADGE_ID)
    second = nbformat.v4.new_code_cell(bootstrap(), id=BOOTSTRAP_ID)
    rest = []
    for cell in notebook.cells:
        if cell.get("id") == BOOTSTRAP_ID:
            second.execution_count = cell.execution_count
        elif cell.get("id") != BADGE_ID:
            rest.append(cell)
    for cell in rest:
        if cell.get("id") == EXPORT_ID:
            cell.source, cell.metadata["tags"] = EXPORT, ["remove-cell"]
        if cell.cell_type == "markdown":
            cell.source = absolute(cell.source, path)
    for cell in (first, second):
        cell.metadata["tags"] = ["remove-cell"]
    notebook.cells = [first, second, *rest]
    notebook.metadata = nbformat.from_dict(METADATA)
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    for cell in notebook.cells:
        kept = {k: v for k, v in cell.metadata.items() if k in CELL_METADATA}
        if cell.cell_type == "code":
            kept |= folding(kept.get("tags", ()))
        cell.metadata = nbformat.from_dict(kept)


def smaller(png: bytes) -> bytes:
    """Store a picture with a palette of 256 colours where that serves it.

    What fills an area, such as paper and classes, keeps its exact colour.
    Where the palette alone would show bands, its colours are mixed dot by
    dot. A picture that does not become smaller stays as it was.
    """
    with Image.open(BytesIO(png)) as image:
        dpi = image.info.get("dpi")
        whole = image.convert("RGB")
    pixels = np.asarray(whole)
    packed = pixels.astype(np.int32) @ (1 << 16, 1 << 8, 1)
    colours, counts = np.unique(packed, return_counts=True)
    many = counts > AREA * counts.sum()
    areas = colours[many][np.argsort(-counts[many], kind="stable")][:64]
    rest = whole.quantize(256 - len(areas), dither=Image.Dither.NONE)
    palette = Image.new("P", (1, 1))
    filled = (areas[:, None] >> (16, 8, 0)) & 255
    palette.putpalette([*filled.ravel().tolist(), *rest.getpalette()])
    picture = whole.quantize(palette=palette, dither=Image.Dither.NONE)
    away = np.asarray(picture.convert("RGB"), float) - pixels
    if np.sqrt(np.square(away).mean()) > PALETTE_ERROR:
        picture = whole.quantize(
            palette=palette, dither=Image.Dither.FLOYDSTEINBERG
        )
    numbers = np.array(picture)
    for number, colour in enumerate(areas):
        numbers[packed == colour] = number
    picture.putdata(numbers.ravel())
    file = BytesIO()
    picture.save(file, "png", optimize=True, **({"dpi": dpi} if dpi else {}))
    return min(png, file.getvalue(), key=len)


def run(notebook: nbformat.NotebookNode, path: Path) -> None:
    """Execute a notebook from top to bottom in its own folder."""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    NotebookClient(
        notebook,
        timeout=CELL_TIMEOUT,
        kernel_name="python3",
        resources={"metadata": {"path": str(path.parent)}},
        coalesce_streams=True,
        record_timing=False,
        store_widget_state=False,
        extra_arguments=["--log-level=ERROR"],  # of the kernel, not the cells
    ).execute()
    notebook.metadata = nbformat.from_dict(METADATA)  # without this machine's
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if png := output.get("data", {}).get("image/png"):
                small = b64encode(smaller(b64decode(png))).decode()
                output.data["image/png"] = small


def main(arguments: list[str] | None = None) -> int:
    """Mend or run notebooks; return 1 when one of them fails."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("action", choices=("fix", "run"))
    parser.add_argument("files", nargs="*", type=Path, default=paths())
    options = parser.parse_args(arguments)
    failed = False
    for path in options.files:
        notebook = read(path)
        fix(notebook, path)
        if options.action == "run":
            print(f"{relative(path)}: running ...", flush=True)
            start = time.perf_counter()
            try:
                run(notebook, path)
            except CellExecutionError as error:
                print(
                    f"{relative(path)}: left as it was\n{error}",
                    file=sys.stderr,
                )
                failed = True
                continue
            seconds = time.perf_counter() - start
            print(f"{relative(path)}: {seconds:.0f} s")
        write(notebook, path)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
