"""Live figures: notebooks, scripts, checks and the book's settings agree.

What the figures compute is compared in Chromium, by `make pages`.
"""

import json
import re

import numpy as np
import pytest
from PIL import Image

import live
import notebooks
from segformer_tutorial.classroom.photo import sample_photo

FILES = sorted(live.STATIC.glob("live*.js"))
DATA = [path for path in FILES if path.name.endswith(".data.js")]
# A figure's data and other parts stand in files with a second point.
SCRIPTS = [p.stem for p in FILES if p.stem != "live" and "." not in p.stem]
PICTURES = {
    path: [
        (name, cell)
        for cell in notebooks.read(path).cells
        for name in live.figures(cell.metadata)
    ]
    for path in notebooks.paths()
}


def test_each_live_picture_has_a_script_and_each_script_a_picture():
    named = [name for found in PICTURES.values() for name, _ in found]
    assert sorted(f"live-{name}" for name in named) == SCRIPTS


def test_each_script_is_checked():
    assert sorted(f"live-{name}" for name in live.CHECKS) == SCRIPTS


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_makes_the_figure_of_its_name(name):
    text = (live.STATIC / f"{name}.js").read_text(encoding="utf-8")
    made = re.findall(r'liveFigure\("(\w+)"', text)
    assert [f"live-{one}" for one in made] == [name]


@pytest.mark.parametrize("path", PICTURES, ids=notebooks.relative)
def test_a_chapter_has_two_at_most_and_each_is_one_picture(path):
    assert len(PICTURES[path]) <= 2
    for name, cell in PICTURES[path]:
        pictures = [o for o in cell.outputs if "image/png" in o.get("data", {})]
        assert len(pictures) == 1, name


def test_the_scripts_are_small_and_ask_no_one():
    texts = [p.read_text(encoding="utf-8") for p in FILES if p not in DATA]
    assert all(len(text.encode()) < 4096 for text in texts)
    assert not re.search(r"fetch|XMLHttp|import\b|https?:", "".join(texts))


def test_each_part_belongs_to_a_figure():
    parts = [path.stem for path in FILES if "." in path.stem]
    assert {part.partition(".")[0] for part in parts} <= set(SCRIPTS)


@pytest.mark.parametrize("path", PICTURES, ids=notebooks.relative)
def test_the_scripts_of_a_page_are_light(path):
    mine = {"live", *(f"live-{name}" for name, _ in PICTURES[path])}
    files = [f for f in FILES if f.stem.partition(".")[0] in mine]
    assert sum(f.stat().st_size for f in files) <= live.SCRIPT_BYTES


def test_every_state_is_listed():
    controls = [
        {"name": "n", "min": 0, "max": 4, "step": 2, "value": 2},
        {"name": "mode", "options": ["a", "b"], "value": "a"},
    ]
    found = live.states(controls)
    assert [(state["n"], state["mode"]) for state in found] == [
        (n, mode) for n in (0, 2, 4) for mode in "ab"
    ]


def test_the_photo_behind_a_figure_is_the_book_s():
    with Image.open(live.STATIC / "photo.jpg") as image:
        side = image.width
        pixels = np.asarray(image.convert("RGB"), np.float32) / 255
    photo = sample_photo(side).permute(1, 2, 0).numpy()
    assert np.abs(pixels - photo).mean() < 0.03
    assert np.abs(pixels[::-1] - photo).mean() > 0.1


def test_the_stages_have_the_colours_of_the_figures():
    plots = pytest.importorskip("segformer_tutorial.classroom.plots")
    script = (live.STATIC / "live-pyramid.js").read_text()
    assert re.findall(r"#[0-9a-f]{6}", script) == list(plots.STAGES)
    script = (live.STATIC / "model" / "page.js").read_text(encoding="utf-8")
    found = re.search(r"STAGES = (.*);", script)[1]
    colors = ["#" + bytes(rgb).hex() for rgb in json.loads(found)]
    assert colors == list(plots.STAGES)
