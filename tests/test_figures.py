"""The diagrams: what the script draws, legible, and true to the model."""

import xml.etree.ElementTree as ET
from itertools import combinations
from pathlib import Path

import pytest
import torch

import figures  # pytest finds it in tools/
from diagrams.drawing import ACCENT, IMAGE
from diagrams.model_map import TODAY, model_map
from segformer_tutorial import SegFormer
from segformer_tutorial.config import PRESETS

SVG = "{http://www.w3.org/2000/svg}"

names = pytest.mark.parametrize("name", figures.DRAWINGS)


def boxes(root: ET.Element) -> list[tuple[str, float, float, float, float]]:
    """Each text with its left, top, right and bottom in DejaVu Sans, which
    is wider than the system fonts of phones and laptops."""
    pytest.importorskip("matplotlib")
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextPath

    found = []
    for element in root.iter(f"{SVG}text"):
        mono = element.get("class") == "m"
        font = FontProperties(
            family="DejaVu Sans Mono" if mono else "DejaVu Sans",
            weight="bold" if element.get("font-weight") else "normal",
        )
        size = float(element.get("font-size"))
        path = TextPath((0, 0), element.text, size=size, prop=font)
        box = path.get_extents()
        x, y = float(element.get("x")), float(element.get("y"))
        shift = {"start": 0, "middle": 0.5, "end": 1}
        x -= box.width * shift[element.get("text-anchor")]
        found.append((element.text, x, y - box.y1, x + box.width, y - box.y0))
    return found


@names
def test_committed_file_is_what_the_script_draws(name):
    committed = (figures.FOLDER / f"{name}.svg").read_text(encoding="utf-8")
    assert committed == figures.DRAWINGS[name]().svg()


def test_there_is_no_other_diagram():
    committed = {path.stem for path in figures.FOLDER.glob("*.svg")}
    assert set(figures.DRAWINGS) == committed


def test_every_file_of_drawings_is_found():
    folder = Path(figures.__file__).parent / "diagrams"
    files = {path.stem for path in folder.glob("*.py")}
    found = {draw.__module__ for draw in figures.DRAWINGS.values()}
    found = {name.rpartition(".")[2] for name in found}
    assert found == files - {"__init__", "drawing"}


def test_check_reports_a_changed_file(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(figures, "FOLDER", tmp_path)
    assert figures.main(["--check"]) == 1
    assert "map.svg" in capsys.readouterr().out
    assert figures.main([]) == 0
    assert figures.main(["--check"]) == 0
    (tmp_path / "map.svg").write_text("changed", encoding="utf-8")
    assert figures.main(["--check"]) == 1
    assert capsys.readouterr().out.endswith("now: map.svg\n")


@names
def test_readable_on_a_phone_and_without_sight(name):
    root = ET.fromstring(figures.DRAWINGS[name]().svg())
    assert len(root.find(f"{SVG}title").text) > 10
    assert len(root.find(f"{SVG}desc").text) > 100
    width = float(root.get("width"))
    assert width <= 560
    for element in root.iter(f"{SVG}text"):
        shown = float(element.get("font-size")) * 358 / width
        assert shown >= 10, element.text


@names
def test_no_text_is_cut_off_or_covers_another(name):
    root = ET.fromstring(figures.DRAWINGS[name]().svg())
    width, height = float(root.get("width")), float(root.get("height"))
    found = boxes(root)
    for words, left, top, right, bottom in found:
        assert left >= 4 and right <= width - 4, words
        assert top >= 4 and bottom <= height - 4, words
    for (a, *box_a), (b, *box_b) in combinations(found, 2):
        across = min(box_a[2], box_b[2]) - max(box_a[0], box_b[0])
        down = min(box_a[3], box_b[3]) - max(box_a[1], box_b[1])
        assert across <= 0 or down <= 0, f"{a!r} covers {b!r}"


@torch.no_grad()
def test_shapes_in_the_map_are_the_model_s():
    model = SegFormer(PRESETS["b0"]).eval()
    image = torch.zeros(1, 3, IMAGE, IMAGE)
    shapes = [m.shape[1:] for m in model.encoder(image)]
    shapes.append(model(image).shape[1:])
    root = ET.fromstring(model_map("map").svg())
    written = [element.text for element in root.iter(f"{SVG}text")]
    for c, h, w in shapes:
        assert f"b {c} {h} {w}" in written


def test_each_variant_has_its_own_part_in_colour():
    drawn = {name: model_map(name).svg() for name in TODAY}
    coloured = {
        name: text.count(f'fill="{ACCENT}"') for name, text in drawn.items()
    }
    stages = len(PRESETS["b0"].dims)
    assert coloured["map"] == 0
    assert coloured["map_patch_embedding"] == stages
    assert coloured["map_attention"] == stages
    assert coloured["map_mix_ffn"] == stages
    assert coloured["map_block"] == 2 * stages
    assert coloured["map_model"] == (
        coloured["map_encoder"] + coloured["map_decoder"]
    )
    descriptions = [
        ET.fromstring(text).find(f"{SVG}desc").text for text in drawn.values()
    ]
    assert len(set(descriptions)) == len(drawn)
