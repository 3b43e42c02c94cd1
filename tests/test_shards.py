"""Weights in several files, under an index."""

import json

import pytest
import torch
from states import assert_same

from segformer_tutorial.weights import WeightsError, load_weights, to_layout

pytest.importorskip("safetensors")
from safetensors.torch import save_file

KINDS = ("model.safetensors", "pytorch_model.bin")


@pytest.fixture
def write(trained, tmp_path):
    """Write the weights as three files with an index, and return the index."""

    def writing(kind):
        ending = kind[kind.index(".") :]
        state = to_layout(trained.state_dict(), "transformers")
        names, entries = sorted(state), {}
        for k in range(3):
            file = f"part-{k}{ending}"
            part = {name: state[name].clone() for name in names[k::3]}
            entries |= dict.fromkeys(part, file)
            path = tmp_path / file
            (save_file if kind == KINDS[0] else torch.save)(part, path)
        index = tmp_path / f"{kind}.index.json"
        index.write_text(json.dumps({"metadata": {}, "weight_map": entries}))
        return index

    return writing


@pytest.mark.parametrize("kind", KINDS)
def test_parts_are_joined(kind, write, trained, model, tmp_path):
    write(kind)
    report = load_weights(model, tmp_path)
    assert_same(model.state_dict(), trained.state_dict())
    assert report.source == str(tmp_path / f"{kind}.index.json")


def damaged(index, change):
    content = json.loads(index.read_text())
    change(content["weight_map"])
    index.write_text(json.dumps(content))


@pytest.mark.parametrize("kind", KINDS)
def test_an_index_that_does_not_fit(kind, write, model, tmp_path, unchanged):
    unchanged(model)
    for change, words in (
        (lambda entries: entries.popitem(), "does not hold what the index"),
        (lambda entries: entries.update(more=max(entries.values())), "more"),
        (lambda entries: entries.update(x=f"no{kind}"), "cannot be read"),
        (lambda entries: entries.clear(), "must name a file"),
    ):
        damaged(write(kind), change)
        with pytest.raises(WeightsError, match=words):
            load_weights(model, tmp_path)


def test_a_part_that_is_missing(write, model, tmp_path):
    write(KINDS[0])
    (tmp_path / "part-1.safetensors").unlink()
    with pytest.raises(WeightsError, match=r"part-1\.safetensors: cannot be"):
        load_weights(model, tmp_path)


def test_a_folder_without_weights(model, tmp_path):
    with pytest.raises(WeightsError, match="is a folder that has none of"):
        load_weights(model, tmp_path)
