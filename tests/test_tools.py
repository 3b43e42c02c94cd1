"""The tools that watch the book: each rule accepts, and each rule refuses."""

import base64
import os
import runpy
import shutil
import subprocess
import sys
from importlib.metadata import version

import nbformat
import pytest

import address
import check_html
import guards
import measures
import notebooks
import pinned
import quotes
import tolerance

PATH = notebooks.ROOT / "book" / "00_test.ipynb"
URL, BRANCH = notebooks.repository()
RAW, FILE = notebooks.raw_address(), notebooks.file_address()
ALT = "A line that rises from one to three"


def code(source, *outputs, **metadata):
    cell = nbformat.v4.new_code_cell(source, metadata=metadata)
    cell.outputs = list(outputs)
    return cell


def picture(size=100):
    data = base64.b64encode(bytes(size)).decode()
    return nbformat.v4.new_output("display_data", {"image/png": data})


def stderr(text):
    return nbformat.v4.new_output("stream", name="stderr", text=text)


@pytest.fixture
def notebook():
    """A notebook that keeps every rule."""
    image = {"alt": ALT, "classes": "dark-light"}
    found = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_markdown_cell("# A title\n\n$x$"),
            code("1 / 3", nbformat.v4.new_output("stream", text="0.3333\n")),
            code("plt.show()", picture(), mystnb={"image": image}),
        ]
    )
    notebooks.fix(found, PATH)
    for count, (_, cell) in enumerate(guards.code_cells(found), 1):
        cell.execution_count = count
    return found


def faults(notebook):
    """The messages of all the guards, by guard."""
    found = {g.__name__: list(g(notebook, PATH)) for g in guards.GUARDS}
    return {name: messages for name, messages in found.items() if messages}


def test_a_good_notebook_has_no_fault(notebook):
    assert faults(notebook) == {}


def set_output(notebook, kind, **fields):
    notebook.cells[3].outputs = [nbformat.v4.new_output(kind, **fields)]


def set_image(notebook, **fields):
    notebook.cells[4].metadata["mystnb"]["image"].update(fields)


def add_text(notebook, text):
    notebook.cells.append(nbformat.v4.new_markdown_cell(text))


BREAKS = {
    "count missing": (
        lambda n: n.cells[3].update(execution_count=None),
        "executed_in_order",
        "execution count None, not 2",
    ),
    "count out of order": (
        lambda n: n.cells[3].update(execution_count=7),
        "executed_in_order",
        "execution count 7, not 2",
    ),
    "warning": (
        lambda n: n.cells[3].outputs.append(stderr("UserWarning: old")),
        "no_stderr",
        "wrote to stderr: UserWarning: old",
    ),
    "error": (
        lambda n: set_output(n, "error", ename="ValueError", evalue=""),
        "no_stderr",
        "raised ValueError",
    ),
    "svg": (
        lambda n: set_output(
            n, "display_data", data={"image/svg+xml": "<svg/>"}
        ),
        "comparable_outputs",
        "image/svg+xml",
    ),
    "html": (
        lambda n: set_output(n, "display_data", data={"text/html": "<p>"}),
        "comparable_outputs",
        "text/html",
    ),
    "no alt": (
        lambda n: set_image(n, alt=""),
        "described_pictures",
        "mystnb.image.alt",
    ),
    "alt is a path": (
        lambda n: set_image(n, alt="_images/0a1b2c.png"),
        "described_pictures",
        "mystnb.image.alt",
    ),
    "colours change in the dark": (
        lambda n: set_image(n, classes="wide"),
        "described_pictures",
        "lacks dark-light",
    ),
    "large picture": (
        lambda n: n.cells[4].update(outputs=[picture(150_001)]),
        "described_pictures",
        "PNG of 150,001 bytes",
    ),
    "large file": (
        lambda n: add_text(n, "word " * 200_000),
        "small_file",
        "over 1,000,000",
    ),
    "image without alt": (
        lambda n: add_text(n, f"![]({RAW}book/_static/logo.svg)"),
        "described_images",
        "alt text '' says nothing",
    ),
    "image that is missing": (
        lambda n: add_text(n, f"![{ALT}]({RAW}book/no_such.svg)"),
        "described_images",
        "no such file",
    ),
    "image by its path": (
        lambda n: add_text(n, f"![{ALT}](_static/logo.svg)"),
        "described_images",
        "not below",
    ),
    "image of another host": (
        lambda n: add_text(n, f"![{ALT}](https://example.org/logo.svg)"),
        "described_images",
        "not below",
    ),
    "html image without alt": (
        lambda n: add_text(
            n, f'<img src="{RAW}book/_static/logo.svg" width="9">'
        ),
        "described_images",
        "alt text '' says nothing",
    ),
    "link by its path": (
        lambda n: add_text(n, "see [the names](names.md#a-stage)"),
        "whole_links",
        "link names.md#a-stage: not below",
    ),
    "link to a page that is missing": (
        lambda n: add_text(n, f"see [it]({FILE}book/no_such.md#there)"),
        "whole_links",
        "no such file",
    ),
    "link to another branch": (
        lambda n: add_text(n, f"see [it]({URL}/blob/other/book/names.md)"),
        "whole_links",
        "not below",
    ),
    "directive without alt": (
        lambda n: add_text(n, "```{figure} no.svg\n:name: x\n\nWords\n```"),
        "described_images",
        "alt text '' says nothing",
    ),
    "bootstrap changed": (
        lambda n: n.cells[1].update(source="import os"),
        "colab_cells",
        "colab-bootstrap",
    ),
    "badge of another notebook": (
        lambda n: n.cells[0].update(
            source=notebooks.badge(PATH.with_stem("01_other"))
        ),
        "colab_cells",
        "colab-badge",
    ),
    "badge shown on the page": (
        lambda n: n.cells[0].metadata.pop("tags"),
        "colab_cells",
        "lacks the tag remove-cell",
    ),
    "another kernel": (
        lambda n: n.metadata["kernelspec"].update(name="my-venv"),
        "plain_metadata",
        "make fix",
    ),
    "relative path": (
        lambda n: n.cells[3].update(source="open('../data/a.png')"),
        "no_typed_paths",
        "'../data/a.png'",
    ),
    "absolute path": (
        lambda n: n.cells[3].update(source="open(f'/home/{me}/a.png')"),
        "no_typed_paths",
        "'/home/'",
    ),
    "windows path": (
        lambda n: n.cells[3].update(source=r"open(r'C:\data\a.png')"),
        "no_typed_paths",
        "C:",
    ),
    "same id twice": (
        lambda n: n.cells[3].update(id=n.cells[4].id),
        "unique_ids",
        "2 cells with the id",
    ),
    "no id": (
        lambda n: n.cells[3].pop("id"),
        "unique_ids",
        "1 cells without an id",
    ),
    "semicolon": (
        lambda n: n.cells[3].update(source="torch.manual_seed(0);"),
        "no_semicolon",
        "ends with a semicolon",
    ),
    "marker in the code": (
        lambda n: n.cells[3].update(source="# NBVAL_IGNORE_OUTPUT\n1"),
        "known_tags",
        "a marker of nbval",
    ),
    "tag misspelt": (
        lambda n: n.cells[3].metadata.update(tags=["nbval-ignore"]),
        "known_tags",
        "tag 'nbval-ignore' is none of",
    ),
    "tag of a text misspelt": (
        lambda n: n.cells[2].metadata.update(tags=["remove_cell"]),
        "known_tags",
        "tag 'remove_cell' is none of",
    ),
}


@pytest.mark.parametrize("name", BREAKS)
def test_a_broken_notebook_is_refused(notebook, name):
    spoil, guard, message = BREAKS[name]
    spoil(notebook)
    found = faults(notebook)
    assert message in "\n".join(found.get(guard, []))
    assert set(found) == {guard}, "another guard spoke up as well"


def test_every_guard_is_proven():
    assert {guard for _, guard, _ in BREAKS.values()} == {
        guard.__name__ for guard in guards.GUARDS
    }


def test_guards_let_pass_what_is_meant(notebook):
    set_output(notebook, "error", ename="ValueError", evalue="")
    notebook.cells[3].metadata["tags"] = [
        "raises-exception",
        "nbval-ignore-output",
    ]
    notebook.cells[
        3
    ].source = (
        "rearrange(x, 'b (h w) c -> b h w c')\nprint(f'{speed:.1f}/s', a / b)"
    )
    add_text(notebook, f"[a]({FILE}book/names.md#a-stage) [b](#here) `x[0](y)`")
    add_text(notebook, "[c](https://arxiv.org/abs/2105.15203)")
    assert faults(notebook) == {}


# -- comparing outputs -------------------------------------------------------

SAME = [
    ("loss 0.5000", "loss 0.5004"),
    ("1234.5", "1235.5"),
    ("1e-3", "1.4e-03"),
    ("ends with 0.5.", "ends with 0.5001."),
    ("0.0001", "-0.0001"),
    ("tensor([[ 0.1000, 2.0]])", "tensor([[0.1001, 2.0]])"),
    ("[0.1 0.2]\n [3.  4. ]", "[ 0.1    0.2001]\n [ 3.     4.    ]"),
    ("x  12", "x 12"),
    ("nan inf", "nan inf"),
]
DIFFERENT = [
    ("loss 0.500", "loss 0.502"),
    ("1000.5", "1002.5"),
    ("step 3", "step 4"),
    ("torch.Size([1, 3])", "torch.Size([1, 4])"),
    ("-0.5", "0.5"),
    ("-3", "3"),
    ("cat 0.5", "dog 0.5"),
    ("nan", "0.5"),
    ("0.5", "nan"),
    ("inf", "-inf"),
    ("0.5 0.5", "0.5"),
    ("0.5 0.5", "0.5\n0.5"),
    ("1", "1.0"),
    ("version 3.11.7", "version 3.11.8"),
    ("True", "False"),
    ("", "0.5"),
]


@pytest.mark.parametrize(("stored", "fresh"), SAME)
def test_outputs_that_agree(stored, fresh):
    assert tolerance.same(stored, fresh)
    assert tolerance.same(fresh, stored)


@pytest.mark.parametrize(("stored", "fresh"), DIFFERENT)
def test_outputs_that_differ(stored, fresh):
    assert not tolerance.same(stored, fresh)
    assert not tolerance.same(fresh, stored)


@pytest.fixture
def nbval(tmp_path):
    """Run nbval on cells that print, under the settings of this repository."""

    def run(*cells, lock):
        root = notebooks.ROOT
        for name in (
            "conftest.py",
            "pyproject.toml",
            "tools/pinned.py",
            "tools/tolerance.py",
        ):
            (tmp_path / name).parent.mkdir(exist_ok=True)
            shutil.copy(root / name, tmp_path / name)
        (tmp_path / "requirements.txt").write_text(lock)
        made = nbformat.v4.new_notebook(cells=list(cells))
        for count, cell in enumerate(made.cells, 1):
            cell.execution_count = count
        notebooks.write(made, tmp_path / "a.ipynb")
        pytest_here = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"]
        done = subprocess.run(
            [*pytest_here, "--nbval", "--nbval-current-env", "a.ipynb"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        return done.stdout + done.stderr

    return run


def printing(text, *tags):
    """A cell that prints a third; `text` is stored as its output."""
    output = nbformat.v4.new_output("stream", text=f"{text}\n")
    return code("print(1 / 3)", output, tags=list(tags))


def test_nbval_uses_the_tolerance(nbval):
    """Close numbers pass and others fail, in a real run of nbval."""
    said = nbval(
        printing("0.333"),
        printing("0.345"),
        printing("0.345", "nbval-ignore-output"),
        printing("0.333", "pinned-torch"),
        printing("0.345", "pinned-torch"),
        lock=f"torch=={version('torch').partition('+')[0]}\n",
    )
    assert "2 failed, 3 passed" in said
    assert "FAILED a.ipynb::Cell 1" in said
    assert "FAILED a.ipynb::Cell 4" in said


def test_nbval_compares_pinned_numbers_under_the_pinned_torch(nbval):
    said = nbval(
        printing("0.345", "pinned-torch", "quote"),
        printing("0.345", "pinned-torch", "nbval-ignore-output"),
        printing("0.345"),
        lock="einops==0.8.2\ntorch==1.0.0\n",
    )
    assert "1 failed, 2 passed" in said
    assert "FAILED a.ipynb::Cell 2" in said


@pytest.mark.parametrize(
    ("installed", "here"),
    [("2.15.0", True), ("2.15.0+cpu", True), ("2.15.1", False)],
)
def test_builds_of_the_pinned_torch(monkeypatch, installed, here):
    monkeypatch.setattr(pinned, "torch", lambda: "2.15.0")
    monkeypatch.setattr(pinned, "version", lambda name: installed)
    assert pinned.is_here() == here


# -- running and mending notebooks -------------------------------------------


def test_fix_mends_and_then_rests(notebook):
    good = notebooks.text(notebook)
    notebook.cells[1].source = "import os"
    notebook.cells[3].metadata["execution"] = {"iopub.status.busy": "now"}
    notebook.metadata["widgets"] = {}
    del notebook.cells[0]
    notebooks.fix(notebook, PATH)
    assert notebooks.text(notebook) == good


def test_fix_writes_out_addresses(notebook):
    """Of pictures and pages; once, and nothing else."""
    add_text(
        notebook,
        f"![{ALT}](figures/map.svg) [n](names.md#a-stage) [r](../README.md) "
        "[h](#here) [e](https://example.org/a.md) [d](data) `x[0](y)`",
    )
    for _ in range(2):
        notebooks.fix(notebook, PATH)
        assert notebook.cells[-1].source == (
            f"![{ALT}]({RAW}book/figures/map.svg) "
            f"[n]({FILE}book/names.md#a-stage) [r]({FILE}README.md) "
            "[h](#here) [e](https://example.org/a.md) [d](data) `x[0](y)`"
        )


@pytest.mark.parametrize(
    ("tag", "hidden", "form"),
    [
        ("hide-cell", {"source_hidden", "outputs_hidden"}, True),
        ("hide-input", {"source_hidden"}, True),
        ("hide-output", {"outputs_hidden"}, False),
        ("quote", set(), False),
    ],
)
def test_fix_folds_what_the_book_folds(notebook, tag, hidden, form):
    """In Jupyter and in Colab; without the tag, all is open again."""
    cell = notebook.cells[3]
    cell.metadata["tags"] = [tag]
    notebooks.fix(notebook, PATH)
    assert cell.metadata.get("jupyter", {}) == dict.fromkeys(hidden, True)
    assert cell.metadata.get("cellView") == ("form" if form else None)
    del cell.metadata["tags"]
    notebooks.fix(notebook, PATH)
    assert cell.metadata == {}


def test_fix_keeps_the_export_cell_where_it_is(notebook):
    cell = code("old", tags=["quote"])
    cell.id = notebooks.EXPORT_ID
    notebook.cells.insert(4, cell)
    notebooks.fix(notebook, PATH)
    assert notebook.cells[4].source == notebooks.EXPORT
    assert notebook.cells[4].metadata == {"tags": ["remove-cell"]}


def test_run_twice_writes_the_same_bytes(notebook, tmp_path):
    path = tmp_path / "a.ipynb"
    notebook.cells = [
        code("print(6 * 7)"),
        code("import os\nprint(os.listdir())"),
    ]
    notebooks.write(notebook, path)
    assert notebooks.main(["run", str(path)]) == 0
    first = path.read_bytes()
    assert notebooks.main(["run", str(path)]) == 0
    assert path.read_bytes() == first
    found = notebooks.read(path)
    assert found.cells[2].outputs[0].text == "42\n"
    assert found.cells[3].outputs[0].text == "['a.ipynb']\n"
    assert list(guards.executed_in_order(found, path)) == []


def test_a_failing_notebook_is_left_as_it_was(notebook, tmp_path, capsys):
    path = tmp_path / "a.ipynb"
    notebook.cells = [code("1 / 0")]
    notebooks.write(notebook, path)
    before = path.read_bytes()
    assert notebooks.main(["run", str(path)]) == 1
    assert path.read_bytes() == before
    assert "ZeroDivisionError" in capsys.readouterr().err


# -- the cell that prepares Colab --------------------------------------------


@pytest.fixture
def colab(monkeypatch, tmp_path):
    """Run the bootstrap cell with Colab's folder and commands replaced."""
    calls = []

    def fake_run(command, check):
        assert check, "a failure has to stop the cell"
        calls.append(command)
        if "clone" in command:
            (tmp_path / "segformer-tutorial/book").mkdir(parents=True)

    cell = tmp_path / "cell.py"
    cell.write_text(
        notebooks.bootstrap().replace("/content", tmp_path.as_posix())
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path[:])
    monkeypatch.setattr(subprocess, "run", fake_run)
    return lambda: (runpy.run_path(str(cell)), calls)[1]


def test_bootstrap_does_nothing_outside_colab(colab, monkeypatch):
    monkeypatch.delenv("COLAB_RELEASE_TAG", raising=False)
    before = os.getcwd(), sys.path[:]
    assert colab() == []
    assert (os.getcwd(), sys.path) == before


def test_bootstrap_prepares_colab_once(colab, monkeypatch, tmp_path):
    monkeypatch.setenv("COLAB_RELEASE_TAG", "release")
    home = f"{tmp_path.as_posix()}/segformer-tutorial"
    clone, install = colab()
    assert clone[:2] == ["git", "clone"] and clone[-2:] == [URL, home]
    assert install[-2:] == ["--editable", f"{home}[book]"]
    assert os.path.samefile(os.getcwd(), f"{home}/book")
    assert colab()[2:] == [install], "cloned twice"
    assert sys.path.count(home) == 1


def test_export_cell_keeps_the_protobuf_that_is_there(monkeypatch):
    """It runs after the first cell, whose names it uses."""
    calls = []
    monkeypatch.setattr(subprocess, "run", lambda c, check: calls.append(c))
    monkeypatch.setattr("importlib.metadata.version", lambda name: "5.29.6")
    names = {"os": os, "subprocess": subprocess, "install": ["pip", "install"]}
    monkeypatch.delenv("COLAB_RELEASE_TAG", raising=False)
    exec(notebooks.EXPORT, names)
    assert calls == []
    monkeypatch.setenv("COLAB_RELEASE_TAG", "release")
    exec(notebooks.EXPORT, names)
    assert calls[0][:2] == names["install"]
    assert {"onnx", "protobuf==5.29.6"} <= set(calls[0])


# -- quotes ------------------------------------------------------------------

SOURCE = '''\
"""A module."""

import torch


@torch.no_grad()
def half(x):
    return x / 2  # exactly


class Block:
    """Two lines."""

    width = 3
'''


@pytest.fixture
def known(tmp_path):
    (tmp_path / "module.py").write_text(SOURCE)
    return quotes.package(tmp_path)


def quoting(source):
    return nbformat.v4.new_notebook(cells=[code(source, tags=["quote"])])


def test_a_true_quote_passes(known):
    text = SOURCE.split("torch\n\n\n")[1].rstrip("\n")
    assert list(quotes.check(quoting(text), known, fix=False)) == []


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("class Block:\n    width = 3", "differs from the package: Block"),
        ("def half(x):\n    return x / 2  # exactly", "differs"),
        ("class Block:\n    pass\n\n\nBlock()", "line 5 is no class"),
        ("import torch", "line 1 is no class"),
        ("class Other:\n    pass", "Other is defined 0 times"),
        ("class Block(", "is not Python"),
        ("# nothing", "defines nothing"),
    ],
)
def test_a_false_quote_is_reported(known, source, message):
    assert message in "\n".join(quotes.check(quoting(source), known, False))


def test_fix_copies_the_packages_text(known):
    found = quoting("class Block:\n    pass\n\n\ndef half(x):\n    pass")
    assert len(list(quotes.check(found, known, fix=True))) == 1
    assert list(quotes.check(found, known, fix=False)) == []
    assert "width = 3\n\n\n@torch.no_grad()\ndef half" in found.cells[0].source


def test_untagged_drafts_are_free(known):
    found = nbformat.v4.new_notebook(cells=[code("class Block:\n    pass")])
    assert list(quotes.check(found, known, fix=False)) == []


def test_a_second_quote_is_found(known):
    once, both = quoting("class Block: ..."), quoting("class Block: ...")
    both.cells.append(code("class Other: ...", tags=["quote"]))
    assert quotes.repeated([once]) == []
    assert quotes.repeated([once, both]) == ["Block"]


# -- the address -------------------------------------------------------------


@pytest.fixture
def copy(tmp_path):
    """A copy of every file in which the address may stand."""
    for path in address.files(notebooks.ROOT):
        target = tmp_path / path.relative_to(notebooks.ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    return tmp_path


def contents(root):
    return {path: path.read_bytes() for path in address.files(root)}


def test_set_and_set_back_is_the_identity(copy):
    before, old = contents(copy), address.configured(copy)
    changed = address.replace(copy, "https://github.com/someone/their.fork-2")
    assert {"_config.yml", "pyproject.toml"} <= {p.name for p in changed}
    assert address.configured(copy) == "https://github.com/someone/their.fork-2"
    assert list(address.check(copy)) == []
    address.replace(copy, old)
    assert contents(copy) == before


def test_a_stale_address_is_reported(copy):
    owner, name = address.configured(copy).split("/")[-2:]
    (copy / "README.md").write_text(
        f"https://github.com/old/{name} https://github.com/{owner}/old "
        "https://colab.research.google.com/github/old/old/blob/main/a.ipynb "
        "https://raw.githubusercontent.com/old/old/main/a.svg "
        "https://github.com/NVlabs/SegFormer"
    )
    found = "\n".join(address.check(copy))
    assert f"github.com/old/{name} is not" in found
    assert f"github.com/{owner}/old is not" in found
    assert "google.com/github/old/old is not" in found
    assert "raw.githubusercontent.com/old/old is not" in found
    assert "NVlabs" not in found
    assert "README.md: does not give" in found


def test_a_wrong_address_is_refused(copy):
    with pytest.raises(SystemExit, match="OWNER/NAME"):
        address.replace(copy, "https://example.org/a/b")


# -- the built pages ---------------------------------------------------------


def pages(folder, body):
    (folder / "a.html").write_text(f"<html><body>{body}</body></html>")
    (folder / "b.html").write_text('<p id="here">b</p>')
    return list(check_html.check(folder))


@pytest.mark.parametrize(
    "body",
    [
        '<a href="b.html#here">b</a>',
        f'<img src="b.html" alt="{ALT}">',
        '<a href="https://example.org/anything">elsewhere</a>',
        f'<a href="{URL}">repository</a>',
        f'<a href="{URL}/blob/{BRANCH}/Makefile">file</a>',
        '<img src="data:image/png;base64,AA==" alt="a white square">',
    ],
)
def test_good_pages_pass(tmp_path, body):
    assert pages(tmp_path, body) == []


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('<script src="https://cdn.example/x.js"></script>', "fetches https"),
        ('<link rel="stylesheet" href="//cdn.example/x.css">', "fetches //"),
        ("<style>@import url(https://cdn.example/f.css)</style>", "fetches"),
        ('<img src="https://example.org/a.png" alt="a red bus">', "fetches"),
        ('<img src="gone.png" alt="a red bus">', "not there"),
        ('<img src="b.html" alt="_images/0a1b.png">', "says nothing"),
        ('<img src="b.html">', "says nothing"),
        ('<a href="c.html">c</a>', "no such page"),
        ('<a href="b.html#there">b</a>', "no such heading"),
        ('<a href="#there">here</a>', "no such heading"),
        (f'<a href="{URL}/blob/{BRANCH}/no.py">x</a>', "no such file"),
        (f'<a href="{URL}/blob/other/Makefile">x</a>', "the branch is"),
        (
            '<a href="https://colab.research.google.com/github/a/b/blob/main/c">',
            "not a notebook of",
        ),
    ],
)
def test_a_fault_of_a_page_is_found(tmp_path, body, message):
    assert message in "\n".join(pages(tmp_path, body))


def test_a_stylesheet_that_fetches_is_found(tmp_path):
    (tmp_path / "x.css").write_text('src: url("https://cdn.example/f.woff")')
    assert "x.css: fetches https://cdn" in "\n".join(pages(tmp_path, ""))


def test_no_pages_is_a_fault(tmp_path):
    assert "no page" in next(check_html.check(tmp_path))


def test_addresses_of_this_book_become_paths():
    local_files = pytest.importorskip("local_files")
    text = (
        f"![{ALT}]({RAW}book/figures/map.svg) [n]({FILE}book/names.md#a) "
        f"[m]({FILE}Makefile) [e](https://example.org/names.md)"
    )
    source = [text]
    local_files.use_local_files(None, "book/a", source)
    assert source[0] == (
        f"![{ALT}](/book/figures/map.svg) [n](/book/names.md#a) "
        f"[m]({FILE}Makefile) [e](https://example.org/names.md)"
    )


# -- formulas ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("latex", "complaint"),
    [
        (r"\frac{H}{S}", None),
        (r"\begin{aligned} a &= b \\ c &= d \end{aligned}", None),
        (r"\begin{align} a &= b \\ c &= d \end{align}", None),
        (r"\nosuchcommand{x}", "no MathML for"),
        (r"\begin{gather} a \\ b \end{gather}", "no MathML for"),
        (r"\begin{equation} a &= b \end{equation}", "no MathML for"),
        (r"\frac{a", "formula"),
        ("x_1_2", "formula"),
    ],
)
def test_formulas_become_mathml(monkeypatch, latex, complaint):
    docutils = pytest.importorskip("docutils.nodes")
    mathml = pytest.importorskip("mathml")
    said = []
    monkeypatch.setattr(
        mathml.logger, "warning", lambda text, *rest, **_: said.append(text)
    )
    text = mathml.mathml(docutils.math(latex, latex), "inline")
    if complaint:
        assert complaint in said[0]
    else:
        assert said == [] and text.startswith("<math") and "\\" not in text


@pytest.mark.parametrize(
    "latex, part",
    [
        (r"|a|", 'lspace="0" rspace="0">&#x0007C;</mo><mi>a</mi>'),
        (r"f'(x)", '<mi>f</mi><mo lspace="0" rspace="0">&#x02032;</mo>'),
        (r"-\ln p", '<mi>ln</mi><mspace width="0.17em" /><mi>p</mi>'),
        (r"\ln(p)", "<mi>ln</mi><mo"),
        (r"\log_2 x", "<msub><mi>log</mi><mn>2</mn></msub>"),
        (r"\epsilon", "<mi>&#x003B5;</mi>"),
    ],
)
def test_formulas_have_the_spaces_of_a_book(latex, part):
    docutils = pytest.importorskip("docutils.nodes")
    mathml = pytest.importorskip("mathml")
    assert part in mathml.mathml(docutils.math(latex, latex), "inline")


def test_measures_of_a_chapter(notebook, tmp_path):
    """Colab's cells are left out; blank lines do not count."""
    text = "Four words here? " + "Yes. ![A line](a.svg)" + " word" * 356
    notebook.cells += [
        nbformat.v4.new_markdown_cell(text),
        code("a = 1\n\nassert a\nb = 2", tags=["hide-output"]),
        code("class A:\n    b = 1\n    c = 2\n    d = 3", tags=["quote"]),
    ]
    path = tmp_path / "00_test.ipynb"
    notebooks.write(notebook, path)
    row = dict(zip(measures.COLUMNS, measures.measure(path), strict=True))
    assert row["code cells"] == 4 and row["lines: median"] == "2"
    assert row["predictions"] == 1 and row["minutes"] >= 4
    assert 0 < float(row["? in 1,000 words"]) < 3
    assert row["longest"] == 4 and row["longest but quotes"] == 3
    assert row["show something"] == "50%" and row["checks"] == 1
    assert row["pictures"] == 1 and row["diagrams"] == 1
