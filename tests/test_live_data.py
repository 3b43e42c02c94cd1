"""The data of the live figures are what the package computes."""

import io
import random
from base64 import b64decode

import numpy as np
import pytest
import torch
from PIL import Image

import live_data
import notebooks
import pinned

ATTENTION = live_data.read("attention")
FIELD = live_data.read("field")
SQUARES = [(row, column) for row in range(8) for column in range(12)]


@pytest.fixture(scope="module", autouse=True)
def threads():
    yield
    for made in (live_data.weights_from, live_data.fields):
        made.cache_clear()


def test_heads_are_those_of_the_last_blocks():
    heads = live_data.trained().config.num_heads
    assert [head["name"] for head in ATTENTION["heads"]] == [
        f"stage {stage}, head {head + 1}"
        for stage, number in enumerate(heads, 1)
        for head in range(number)
    ]


def test_stored_weights_are_the_models():
    chosen = [(4, 1), *random.Random(0).sample(SQUARES, 10)]
    decoded = [live_data.decoded(head) for head in ATTENTION["heads"]]
    for row, column in chosen:
        found = torch.stack([w[row * 12 + column] for w in decoded])
        wanted = torch.cat(live_data.weights_from(row, column))
        assert (found.sum(1) - 1).abs().max() < 0.01
        assert live_data.near(found, wanted)


def test_stored_scene_is_the_models():
    file = io.BytesIO(b64decode(ATTENTION["picture"]))
    with Image.open(file) as picture:
        found = np.asarray(picture.convert("RGB"), dtype=float)
    scene = live_data.scene(live_data.SCENE).permute(1, 2, 0).numpy()
    wanted = np.asarray(
        Image.fromarray(scene).resize(live_data.THUMBNAIL), dtype=float
    )
    assert np.abs(found - wanted).mean() < 8


def test_coding_keeps_what_it_says():
    draw = torch.Generator().manual_seed(0)
    query, key = torch.randn(2, 96, 5, generator=draw)
    weights = (query @ key.T).softmax(1)
    found = live_data.decoded(live_data.encoded(weights))
    assert live_data.near(found, weights)
    assert not live_data.near(found.flip(1), weights)


OTHER_WEIGHTS = pytest.mark.skipif(
    not pinned.is_here(), reason="another torch draws other initial weights"
)


@pytest.mark.parametrize(
    "name", ["trained", pytest.param("untrained", marks=OTHER_WEIGHTS)]
)
def test_stored_fields_are_the_models(name):
    for i, field in enumerate(live_data.fields()[name]):
        found, wanted = (
            np.frombuffer(x, np.uint8).astype(int)
            for x in (
                b64decode(FIELD[name]["maps"][i]),
                live_data.levels(field),
            )
        )
        assert len(found) == 32 * 32 and found.max() == 255
        assert np.abs(found - wanted).max() <= 1
        for tenths, side in enumerate(FIELD[name]["sides"][i], 1):
            assert side == live_data.side(field, tenths / 10)


def test_stored_sides_are_those_that_the_chapter_prints():
    path = notebooks.ROOT / "book" / "17_what_it_sees.ipynb"
    (cell,) = (c for c in notebooks.read(path).cells if c.id == "field-side")
    (output,) = cell.outputs
    lines = [line.split() for line in output["text"].splitlines()[1:]]
    for part, name, *printed in lines:
        tenths = round(float(part.rstrip("%")) / 10)
        sides = [five[tenths - 1] for five in FIELD[name]["sides"]]
        assert sides == [int(number) for number in printed]
    assert len(lines) == 4
