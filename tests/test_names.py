"""The page of names: its tables against the code that they speak of."""

import inspect
import re
from dataclasses import fields

import pytest

import segformer_tutorial
import segformer_tutorial.data
from segformer_tutorial import SegFormerConfig
from segformer_tutorial.weights.layouts import LAYOUTS, theirs

BOOK = segformer_tutorial.data.scenes.ROOT / "book"
HEADERS = {
    "official": "official",
    "transformers, in files": "transformers",
    "transformers, in memory": "transformers in memory",
    "timm": "timm",
    "mmsegmentation": "mmsegmentation",
    "smp": "smp",
}
# One stage and one block stand for all.
NUMBERS = {"i": 1, "s": 2, "r": 2, "j": 3}


def tables(text: str) -> list[list[dict[str, list[str]]]]:
    """Each table as rows; a row gives for each header its words in code."""
    found = []
    for block in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        header, _, *rows = (
            [cell.strip() for cell in line.strip("|").split("|")]
            for line in block.splitlines()
        )
        found.append(
            [
                dict(zip(header, (code(cell) for cell in row), strict=True))
                for row in rows
            ]
        )
    return found


def code(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


PARTS, SETTINGS, *TENSORS = tables(
    (BOOK / "names.md").read_text(encoding="utf-8")
)


def tensor_names():
    """Yield layout, our name and theirs for every cell of the tables."""
    for table in TENSORS:
        first = {}
        for row in table:
            names = {header: cell for header, cell in row.items() if cell}
            if not names["here"][0].startswith("."):
                first = {header: cell[0] for header, cell in names.items()}
                if ".blocks." in first["here"]:
                    continue
            else:
                names = {
                    header: [first[header] + part for part in cell]
                    for header, cell in names.items()
                }
            ours = names.pop("here")[0]
            for header, cell in names.items():
                yield HEADERS[header], ours, cell


@pytest.mark.parametrize(("layout", "ours", "written"), list(tensor_names()))
def test_tensor_is_called_so(layout, ours, written):
    layout = next(x for x in LAYOUTS if x.name == layout)
    known = theirs(f"{ours.format(**NUMBERS)}.", layout, layout.encoder[0])
    assert [name.format(**NUMBERS) for name in written] == [
        name.rstrip(".") for name in known
    ]


def test_the_tables_name_every_tensor_of_the_model(tiny):
    names = {ours.format(i=0, j=0) for _, ours, _ in tensor_names()}
    model = segformer_tutorial.SegFormer(tiny)
    kinds = {
        re.sub(r"(stages|blocks|unify)\.\d+", r"\1.0", name).rpartition(".")[0]
        for name, _ in model.named_parameters()
    }
    assert names == kinds


def test_parts_are_the_package_s_in_the_order_of_the_chapters():
    named = [row["here"][0] for row in PARTS]
    public = {
        name
        for name in segformer_tutorial.__all__
        if inspect.isclass(getattr(segformer_tutorial, name))
    }
    assert {*named, "SegFormerConfig"} == public


def test_settings_are_the_config_s():
    named = [row["here"][0] for row in SETTINGS]
    assert set(named) == {field.name for field in fields(SegFormerConfig)}


def test_names_in_transformers():
    pytest.importorskip("transformers", minversion="5")
    from transformers import SegformerConfig
    from transformers.models.segformer import modeling_segformer

    for row in PARTS:
        for name in row["transformers"]:
            assert hasattr(modeling_segformer, name)
    config = SegformerConfig()
    for row in SETTINGS:
        for name in row["transformers"]:
            assert hasattr(config, name)


def test_names_in_timm():
    pytest.importorskip("timm")
    from timm.models import pvt_v2

    for row in PARTS:
        for name in row["timm (`pvt_v2`)"]:
            assert hasattr(pvt_v2, name)
    known = inspect.signature(pvt_v2.PyramidVisionTransformerV2).parameters
    for row in SETTINGS:
        for name in row["timm (`pvt_v2`)"]:
            assert name in known


def test_every_paper_that_a_page_cites_is_among_the_sources():
    sources = (BOOK / "references.md").read_text(encoding="utf-8")
    known = set(re.findall(r"\b\d{4}\.\d{5}\b", sources))
    pages = [*BOOK.glob("*.ipynb"), *BOOK.glob("*.md")]
    for page in pages:
        text = page.read_text(encoding="utf-8")
        if page.suffix == ".ipynb":
            text = re.sub(r'"image/png": "[^"]*"', "", text)
        cited = set(re.findall(r"(?<![\d.])\d{4}\.\d{5}\b", text))
        assert cited <= known, page.name
