"""The page of the package: what stands on it, and how docstrings get there."""

import ast
import inspect
import re
import textwrap
from importlib import import_module
from types import FunctionType

import pytest

pytest.importorskip("nbformat")
pytest.importorskip("torchvision")
pytest.importorskip("matplotlib")
pytest.importorskip("sphinx")

import docstrings
import notebooks

PACKAGE = "segformer_tutorial"
FLOORS = ("data", "weights", "predict", "evaluate", "export", "see", "train")
PAGE = docstrings.PAGE.read_text(encoding="utf-8")
PATHS = docstrings.DESCRIBED.findall(PAGE)
DESCRIBED = {path: docstrings.resolve(path) for path in PATHS}
TEXTS = {path: value for path, value in DESCRIBED.items() if callable(value)}
TEXTS |= {
    f"{path}.{name}": getattr(member, "__func__", member)
    for path, value in DESCRIBED.items()
    if inspect.isclass(value)
    for name, member in vars(value).items()
    if isinstance(member, FunctionType | property | classmethod)
    if not name.startswith("_") and member.__doc__
}
FUNCTIONS = {p: f for p, f in TEXTS.items() if inspect.isfunction(f)}
# Two axes and more in backticks, an arrow, or another name that says it.
SHAPE = re.compile(
    r"`(?:\.\.\. )?[\w']+(?: [\w'()\[\]]+)+`|->|as in `|of one shape"
)


def stands(value) -> bool:
    """Whether the page describes this very object."""
    return any(value is known for known in DESCRIBED.values())


def imported(source: str) -> set[tuple[str, str]]:
    """The names that a cell takes from the package, each with its module."""
    try:
        nodes = list(ast.walk(ast.parse(source)))
    except SyntaxError:  # a magic, or an error shown on purpose
        return set()
    found = {
        (node.module, name.name)
        for node in nodes
        if isinstance(node, ast.ImportFrom)
        and (node.module or "").partition(".")[0] == PACKAGE
        for name in node.names
    }
    modules = {name: module for module, name in found}
    return found | {
        (f"{modules[node.value.id]}.{node.value.id}", node.attr)
        for node in nodes
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id in modules
    }


# -- what stands on the page --------------------------------------------------


@pytest.mark.parametrize("floor", ["", *FLOORS])
def test_every_public_name_is_on_the_page(floor):
    module = import_module(f"{PACKAGE}.{floor}".strip("."))
    missing = [x for x in module.__all__ if not stands(getattr(module, x))]
    assert not missing


@pytest.mark.parametrize("path", notebooks.paths(), ids=lambda path: path.stem)
def test_every_name_that_a_chapter_imports_is_on_the_page(path):
    missing = []
    for cell in notebooks.read(path).cells:
        for module, name in imported(cell.source):
            if cell.cell_type != "code":
                continue
            value = getattr(import_module(module), name, None)
            if not (inspect.ismodule(value) or value is None or stands(value)):
                missing.append(f"{module}.{name}")
    assert not missing


def test_a_name_stands_once_and_where_it_is_imported_from():
    """One anchor a name; a floor's own names without a module of it."""
    assert len({path.rpartition(".")[2] for path in PATHS}) == len(PATHS)
    floors = {f"{PACKAGE}.{floor}".strip(".") for floor in ("", *FLOORS)}
    for path in PATHS:
        module, _, name = path.rpartition(".")
        above = module.rpartition(".")[0]
        if above in floors and module not in floors:
            public = getattr(import_module(above), "__all__", ())
            assert name not in public, path


def test_the_lines_that_import_run():
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert len(blocks) == PAGE.count("\n## ")  # one for each section
    for block in blocks:
        exec(block, {})


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("weights.layouts.LAYOUTS", lambda value: [x.name for x in value]),
        ("data.READERS", list),
        ("PRESETS", lambda value: [min(value), max(value)]),
    ],
)
def test_the_page_names_what_a_table_holds(path, names):
    section = PAGE.partition(f".. autodata:: {PACKAGE}.{path}\n")[2]
    text = section.partition("```")[0]
    for name in names(DESCRIBED[f"{PACKAGE}.{path}"]):
        assert f'``"{name}"``' in text


# -- what the docstrings say --------------------------------------------------


@pytest.mark.parametrize("path", TEXTS)
def test_a_docstring_begins_with_a_sentence(path):
    first, *rest = inspect.cleandoc(TEXTS[path].__doc__).splitlines()
    assert re.fullmatch(r"(?:[A-Z0-9`]|[am][A-Z]).*[.]", first), first
    assert not rest or not rest[0], "a blank line below the sentence"


def tensors(function) -> bool:
    """Whether tensors go in or come out, other than in a state dict."""
    found = inspect.signature(function)
    hints = [found.return_annotation]
    hints += [p.annotation for p in found.parameters.values()]
    text = " ".join(
        re.sub(r"\w*(?:dict|Mapping)\[[^]]*\]", "", str(hint)) for hint in hints
    )
    return re.search(r"\bTensor\b|\bndarray\b", text) is not None


@pytest.mark.parametrize("path", FUNCTIONS)
def test_shapes_are_given_where_tensors_go(path):
    name = path.rpartition(".")[2]
    if tensors(FUNCTIONS[path]) and not name.startswith("check_"):
        assert SHAPE.search(FUNCTIONS[path].__doc__)


@pytest.mark.parametrize("path", FUNCTIONS)
def test_errors_are_named(path):
    """Of what a function itself raises, its docstring names each kind."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(FUNCTIONS[path])))
    for node in ast.walk(tree):
        if isinstance(node, ast.Try):
            node.body = []  # what is raised there may be caught below
    raised = {
        node.exc.func.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Raise)
        and isinstance(node.exc, ast.Call)
        and isinstance(node.exc.func, ast.Name)
    }
    for name in raised:
        assert name in FUNCTIONS[path].__doc__, name


@pytest.mark.parametrize("path", FUNCTIONS)
def test_what_is_listed_is_a_parameter(path):
    function = FUNCTIONS[path]
    names = docstrings.parameters(function)
    _, fields = docstrings.parts(function.__doc__, names)
    assert not fields["Attributes"]


def test_every_setting_of_training_is_explained():
    config = DESCRIBED[f"{PACKAGE}.train.TrainConfig"]
    listed = {name.partition("=")[0] for name, _ in docstrings.settings(config)}
    assert listed == docstrings.parameters(config)


# -- how they get there -------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("From `b c h w` to two.", "From ``b c h w`` to two."),
        ("b h w c -> b h w c. So", "``b h w c -> b h w c``. So"),
        (
            "b c h w -> [b dims[i] ceil(h / s_i)], one",
            "``b c h w -> [b dims[i] ceil(h / s_i)]``, one",
        ),
        ("(`a` -> `b`)", "(``a`` → ``b``)"),
        ("scaled by 1 / (1 - p), so", "scaled by ``1 / (1 - p)``, so"),
        (
            "the cost is n * n / r**2; with",
            "the cost is ``n * n / r**2``; with",
        ),
        ("with s = 4, 8, 16 pixels", "with ``s = 4, 8, 16`` pixels"),
        ("a 3 x 3 convolution - and", "a 3 × 3 convolution - and"),
        ("of 150, a share", "of 150, a share"),
        ('is "fp16" or None', 'is ``"fp16"`` or ``None``'),
        ("reads best.safetensors.", "reads ``best.safetensors``."),
        ("raises KeyError here", "raises ``KeyError`` here"),
        ("as in `load`", "as in :py:obj:`load <p.load>`"),
        ("a name_ and *two*", r"a name\_ and \*two\*"),
        (
            "see arXiv 1603.09382.",
            "see `arXiv 1603.09382 <https://arxiv.org/abs/1603.09382>`__.",
        ),
    ],
)
def test_words_get_markup(text, written):
    found = docstrings.inline(text, {"load": "p.load"})
    assert found.replace("\\ ", "") == written


def sample(size, flip=False, *, mode="a"):
    """Take it.

    size, flip: what they
    are. mode: another one. Raises ValueError for `mode` b.

    Some words: not a list. Raises TypeError as well. Never twice.
    - one
      point
    - two

    Source: a paper. And a second sentence.
    """


def test_a_docstring_is_taken_apart():
    kept, fields = docstrings.parts(sample.__doc__, {"size", "flip", "mode"})
    assert kept[0] == "Take it."
    assert kept[-2:] == ["- one\n  point\n", "- two"]
    assert fields == {
        "Parameters": [
            ("size, flip", "what they are."),
            ("mode", "another one."),
        ],
        "Attributes": [],
        "Raises": ["ValueError for `mode` b."],
        "Source": ["a paper. And a second sentence."],
    }


def test_a_page_of_names_is_built(tmp_path, monkeypatch):
    """Signatures are short, types are links, and the table has every name."""
    sphinx = pytest.importorskip("sphinx.application")
    bs4 = pytest.importorskip("bs4")
    names = ("SegFormerConfig", "SegFormer", "weights.load_model", "data.MEAN")
    kinds = ("class", "class", "function", "data")
    blocks = "\n\n".join(
        f".. auto{kind}:: {PACKAGE}.{name}"
        for kind, name in zip(kinds, names, strict=True)
    )
    (tmp_path / "index.rst").write_text(
        f"Top\n===\n\n.. names::\n\nPart\n----\n\n{blocks}\n"
    )
    monkeypatch.setattr(docstrings, "chapters", dict)
    folders = [tmp_path / name for name in ("html", "trees")]
    settings = {
        "extensions": ["docstrings"],
        "autodoc_inherit_docstrings": False,
        "html_theme": "basic",
    }
    sphinx.Sphinx(
        tmp_path,
        None,
        *folders,
        "html",
        settings,
        status=None,
        warningiserror=True,
    ).build()
    page = (tmp_path / "html" / "index.html").read_text(encoding="utf-8")
    soup = bs4.BeautifulSoup(page, "html.parser")
    rows = [row.get_text(" ", strip=True) for row in soup.select("tr")]
    assert rows[:3] == [
        "Name What it does",
        "Part",
        "SegFormerConfig The hyper-parameters of a SegFormer; the defaults "
        "are those of B0.",
    ]
    assert len(rows) == 2 + len(names)
    loads = soup.find(id=f"{PACKAGE}.weights.load_model").get_text()
    assert "source: str | PathLike," in loads and "torch" not in loads
    link = soup.find(id=f"{PACKAGE}.SegFormer").select_one("em a")
    assert link["href"] == f"#{PACKAGE}.SegFormerConfig"
    source = soup.find(id=f"{PACKAGE}.SegFormer").select_one("a.external")
    assert re.search(r"blob/\w+/\w+/model\.py#L\d+-L\d+$", source["href"])
    assert (
        "built-in" not in soup.find(id=f"{PACKAGE}.data.MEAN").parent.get_text()
    )
