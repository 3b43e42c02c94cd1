"""Weights from a hub: a stand-in serves them, or the real library's cache."""

import json
import logging
import re
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import save_file
from states import assert_same

from segformer_tutorial.data import Task
from segformer_tutorial.weights import (
    WeightsError,
    config_from_weights,
    load_model,
    load_weights,
    save_weights,
    to_layout,
)

NAMES = ("wall", "floor", "blåbær", "door", "sky")
COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub:
    """Serves a folder as a repository, and notes what is asked for."""

    def __init__(self, folder):
        self.folder = folder / "snapshots" / COMMIT
        self.folder.mkdir(parents=True)
        self.asked = []
        self.errors = {}

    def card(self, text):
        (self.folder / "README.md").write_text(text)

    def download(self, name, file, *, revision=None, local_files_only=False):
        from huggingface_hub.utils import EntryNotFoundError

        self.asked.append((file, revision, local_files_only))
        for pattern, error in self.errors.items():
            if re.fullmatch(pattern, file):
                raise error
        if not (self.folder / file).exists():
            raise EntryNotFoundError("404")
        return str(self.folder / file)


@pytest.fixture
def hub(tmp_path, monkeypatch):
    huggingface_hub = pytest.importorskip("huggingface_hub")
    hub = Hub(tmp_path)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", hub.download)
    return hub


def test_hub_says_that_nvidia_is_not_commercial(hub, trained, model, caplog):
    hub.card("---\nlicense: other\ntags: [vision]\n---\n# SegFormer\n")
    state = to_layout(trained.state_dict(), "transformers")
    save_file(state, hub.folder / "model.safetensors")
    torch.save({}, hub.folder / "pytorch_model.bin")
    name = "nvidia/segformer-b0-finetuned-ade-512-512"
    report = load_weights(model, name)
    assert_same(model.state_dict(), trained.state_dict())
    assert (report.revision, report.license) == (COMMIT, "other")
    assert report.source == f"{name}/model.safetensors"
    terms = (
        f"revision {COMMIT}, licence other: NVIDIA's weights are not for "
        "commercial use"
    )
    assert terms in str(report)
    assert len(str(report).splitlines()) == 2
    [record] = caplog.records
    assert record.levelno == logging.WARNING
    assert record.getMessage() == f"{name}: {terms}"
    # The weights are of the commit whose licence was read.
    assert hub.asked == [
        ("README.md", None, False),
        ("model.safetensors", COMMIT, False),
    ]


def test_hub_falls_back_to_the_pickle(hub, trained, model, caplog):
    hub.card("---\nlicense: apache-2.0\n---\n")
    torch.save(trained.state_dict(), hub.folder / "pytorch_model.bin")
    caplog.set_level(logging.INFO)
    report = load_weights(model, "timm/pvt_v2_b0.in1k", revision="v1")
    assert report.license == "apache-2.0"
    assert f"revision {COMMIT}, licence apache-2.0" in str(report)
    assert caplog.records[0].levelno == logging.INFO
    assert hub.asked[0] == ("README.md", "v1", False)
    assert report.source.endswith("pytorch_model.bin")
    assert (
        config_from_weights("timm/x", num_heads=(1, 2, 3, 4)) == trained.config
    )


@pytest.mark.parametrize("card", [None, "no header", "---\ntags: [a]\n---\n"])
def test_hub_without_a_licence(card, hub, trained, model, caplog):
    if card:
        hub.card(card)
    save_file(trained.state_dict(), hub.folder / "model.safetensors")
    report = load_weights(model, "some/model")
    assert report.license is None and report.revision == COMMIT
    assert "licence not known: read its page" in str(report)
    assert "licence not known" in caplog.text


def hub_errors():
    from huggingface_hub import errors

    response = SimpleNamespace(headers={}, request=None)
    return {
        "cannot be reached": errors.LocalEntryNotFoundError("no network"),
        "no public repository": errors.RepositoryNotFoundError(
            "401 Client Error", response=response
        ),
        "accept its terms": errors.GatedRepoError("403", response=response),
        "bad revision": errors.RevisionNotFoundError(
            "404: bad\nrevision", response=response
        ),
        "offline mode": errors.OfflineModeIsEnabled("offline mode"),
        "neither model.safetensors": errors.EntryNotFoundError("404"),
        "reset by peer": ConnectionError("reset by peer"),
        "No space left": OSError(28, "No space left"),
    }


@pytest.mark.parametrize(
    "reason",
    [
        "cannot be reached",
        "no public repository",
        "accept its terms",
        "bad revision",
        "offline mode",
        "neither model.safetensors",
        "reset by peer",
        "No space left",
    ],
)
@pytest.mark.parametrize("files", [".*", "[mp].*"])
def test_hub_errors(reason, files, hub, model, unchanged):
    hub.errors[files] = hub_errors()[reason]
    hub.card("---\nlicense: mit\n---\n")
    unchanged(model)
    with pytest.raises(WeightsError, match=f"^some/model: .*{reason}") as error:
        load_weights(model, "some/model")
    assert error.value.__cause__ is hub.errors[files]
    if reason == "cannot be reached" and files == ".*":
        assert all(local for _, _, local in hub.asked[1:])


def test_hub_file_that_is_damaged(hub, model, unchanged):
    hub.card("")
    (hub.folder / "model.safetensors").write_bytes(b"half of a file")
    unchanged(model)
    with pytest.raises(WeightsError, match="damaged"):
        load_weights(model, "some/model")


@pytest.mark.parametrize("name", ["weights/b0.pth", "no_such_thing", "a/b/c"])
def test_a_path_that_is_missing_is_not_a_hub_name(name, model, monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(WeightsError, match="No such file"):
        load_weights(model, name)


def test_without_huggingface_hub(model, monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(WeightsError, match="pip install safetensors"):
        load_weights(model, "nvidia/mit-b0")


@pytest.fixture
def offline(tmp_path, monkeypatch):
    """The real library in offline mode, with a cache of its own."""
    constants = pytest.importorskip("huggingface_hub.constants")
    cache = tmp_path / "cache"
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    return cache


def test_offline_without_a_cache(offline, model, unchanged):
    unchanged(model)
    with pytest.raises(WeightsError, match="not in the cache") as error:
        load_weights(model, "nvidia/mit-b0")
    assert isinstance(error.value.__cause__, FileNotFoundError)
    reason = error.value.__cause__.__cause__
    assert type(reason).__name__ == "OfflineModeIsEnabled"
    left = [x for x in Path(offline).rglob("*") if x.is_file()]
    assert left == []


def test_offline_from_the_cache(offline, trained, model):
    repository = offline / "models--nvidia--mit-b0"
    folder = repository / "snapshots" / COMMIT
    folder.mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(COMMIT)
    state = to_layout(trained.state_dict(), "transformers")
    torch.save(state, folder / "pytorch_model.bin")
    report = load_weights(model, "nvidia/mit-b0")
    assert (report.revision, report.license) == (COMMIT, None)
    assert "not for commercial use" in str(report)
    assert_same(model.state_dict(), trained.state_dict())

    (folder / "README.md").write_text("---\nlicense: other\n---\n")
    report = load_weights(model, "nvidia/mit-b0", revision=COMMIT)
    assert (report.revision, report.license) == (COMMIT, "other")
    shutil.rmtree(folder)
    with pytest.raises(WeightsError, match="not in the cache"):
        load_weights(model, "nvidia/mit-b0")


CONFIG = {
    "model_type": "segformer",
    "hidden_sizes": [8, 16, 24, 32],
    "depths": [1, 2, 1, 1],
    "num_attention_heads": [1, 2, 3, 4],
    "decoder_hidden_size": 20,
    "id2label": {str(k): name for k, name in enumerate(NAMES)},
}


def test_a_whole_model(hub, trained):
    hub.card("---\nlicense: mit\n---\n")
    state = to_layout(trained.state_dict(), "transformers")
    save_file(state, hub.folder / "model.safetensors")
    text = json.dumps(CONFIG)
    (hub.folder / "config.json").write_text(text)
    text = json.dumps({"size": 64, "reduce_labels": True})
    (hub.folder / "preprocessor_config.json").write_text(text)
    model = load_model("some/model", revision="v1")
    assert_same(model.state_dict(), trained.state_dict())
    assert model.config.num_heads == (1, 2, 3, 4)
    assert model.task == Task(
        classes=NAMES, short_side=64, labels_from_one=True
    )
    # All files are of one commit.
    assert hub.asked == [
        ("README.md", "v1", False),
        ("model.safetensors", COMMIT, False),
        ("config.json", COMMIT, False),
        ("preprocessor_config.json", COMMIT, False),
    ]
    assert config_from_weights("some/model") == model.config


def test_weights_in_parts(hub, trained, model):
    state = to_layout(trained.state_dict(), "transformers")
    names = {name: f"{k % 2}.safetensors" for k, name in enumerate(state)}
    for file in set(names.values()):
        part = {k: x for k, x in state.items() if names[k] == file}
        save_file(part, hub.folder / file)
    text = json.dumps({"weight_map": names})
    (hub.folder / "model.safetensors.index.json").write_text(text)
    report = load_weights(model, "some/model")
    assert_same(model.state_dict(), trained.state_dict())
    assert report.source == "some/model/model.safetensors.index.json"
    assert {file for file, _, _ in hub.asked} >= set(names.values())


def test_a_hostile_index_asks_for_nothing(hub, model):
    text = json.dumps({"weight_map": {"a": "../../outside.safetensors"}})
    (hub.folder / "model.safetensors.index.json").write_text(text)
    with pytest.raises(WeightsError, match="must name files of this folder"):
        load_weights(model, "some/model")
    assert all(".." not in file for file, _, _ in hub.asked)


def test_our_own_file_on_a_hub(hub, trained):
    save_weights(trained, hub.folder / "model.safetensors")
    model = load_model("some/model")
    assert (model.config, model.task) == (trained.config, None)


@pytest.mark.parametrize("reason", ["cannot be reached", "offline mode"])
def test_without_network_a_way_out_is_named(reason, hub):
    hub.errors[".*"] = hub_errors()[reason]
    with pytest.raises(WeightsError, match=r"^some/model: .*hf download") as e:
        load_model("some/model")
    assert "the path of its folder" in str(e.value)


def test_a_folder_here_goes_before_a_hub(hub, trained, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "some" / "model").mkdir(parents=True)
    save_weights(trained, "some/model/model.safetensors")
    assert_same(load_model("some/model").state_dict(), trained.state_dict())
    assert hub.asked == []


def test_a_folder_that_looks_like_a_hub_name(
    trained, model, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs" / "last").mkdir(parents=True)
    with pytest.raises(WeightsError, match="is a folder"):
        load_weights(model, "runs/last")
    save_weights(trained, "runs/model.safetensors")
    report = load_weights(model, "runs/model.safetensors")
    assert report.revision is None and "licence" not in str(report)
