"""One door to a whole model: runs, folders, hubs and files of others."""

import json
import logging
import shutil

import pytest
import torch
from states import assert_same

from segformer_tutorial import SegFormer
from segformer_tutorial.data import Task
from segformer_tutorial.data.published import ADE20K_PALETTE
from segformer_tutorial.weights import (
    WeightsError,
    config_from_weights,
    load_model,
    load_weights,
    read_task,
    save_for_transformers,
    save_weights,
    to_layout,
)
from segformer_tutorial.weights.model import load_with_report

pytest.importorskip("safetensors")
from safetensors.torch import save_file

CLASSES = 7


@pytest.fixture
def b0(randomize) -> SegFormer:
    """Its widths are known, so the shapes of its tensors give its config."""
    return randomize(SegFormer.from_preset("b0", num_classes=CLASSES)).eval()


class TestRun:
    @pytest.fixture
    def run(self, trained, model, tmp_path):
        """The folder of one: its settings and two files of weights."""
        task = Task(classes=tuple("abcde"), labels_from_one=True)
        save_weights(trained, tmp_path / "best.safetensors", task=task)
        save_weights(model, tmp_path / "last.safetensors", task=task)
        (tmp_path / "config.json").write_text('{"steps": 5, "model": "b0"}')
        return tmp_path

    def test_best_before_last(self, run, trained, model):
        found, report = load_with_report(run)
        assert_same(found.state_dict(), trained.state_dict())
        assert not found.training and found.task.labels_from_one
        assert report.source == str(run / "best.safetensors")
        (run / "best.safetensors").unlink()
        found = load_model(str(run))
        assert_same(found.state_dict(), model.state_dict())

    def test_other_functions_take_it_too(self, run, trained, model):
        assert read_task(run) == load_model(run).task
        assert config_from_weights(run) == trained.config
        load_weights(model, run)
        assert_same(model.state_dict(), trained.state_dict())

    def test_of_another_network(self, run):
        """Its file is a plain state dict, and config.json says nothing."""
        save_file({"layer.weight": torch.ones(3)}, run / "best.safetensors")
        with pytest.raises(WeightsError, match=r"best\.safetensors: "):
            load_model(run)
        assert read_task(run) is None


class TestWeightsOfOthers:
    @pytest.mark.parametrize("layout", ["official", "transformers", "smp"])
    def test_layouts(self, b0, tmp_path, layout, caplog):
        path = tmp_path / "model.pth"
        torch.save(to_layout(b0.state_dict(), layout), path)
        torch.manual_seed(7)
        before = torch.get_rng_state()
        found, report = load_with_report(path)
        assert torch.equal(torch.get_rng_state(), before)
        assert_same(found.state_dict(), b0.state_dict())
        assert found.config == b0.config
        assert found.task is None and not found.training
        assert report.loaded == len(b0.state_dict()) and not report.kept
        assert str(report).startswith(f"{path}: ")
        assert f"{layout} layout" in str(report) and not caplog.records

    def test_a_folder_with_the_config_of_another_project(self, b0, tmp_path):
        """As segmentation_models_pytorch saves it."""
        (tmp_path / "config.json").write_text('{"encoder_name": "mit_b0"}')
        state = to_layout(b0.state_dict(), "smp")
        save_file(state, tmp_path / "model.safetensors")
        assert_same(load_model(tmp_path).state_dict(), b0.state_dict())

    def test_old_files_lack_the_counter(self, b0, tmp_path):
        state = b0.state_dict()
        del state["decoder.norm.num_batches_tracked"]
        torch.save(state, tmp_path / "old.pth")
        model, report = load_with_report(tmp_path / "old.pth")
        assert model.decoder.norm.num_batches_tracked == 0
        assert report.loaded == len(state)
        assert "kept as they were" in str(report)

    @pytest.mark.parametrize("whole", [True, False])
    def test_precision(self, b0, tmp_path, whole):
        """A model of several would fail at the first picture."""
        state = b0.state_dict()
        for name, x in state.items():
            if x.is_floating_point() and (whole or name.startswith("enc")):
                state[name] = x.bfloat16()
        torch.save(state, tmp_path / "model.pth")
        model = load_model(tmp_path / "model.pth")
        dtype = torch.bfloat16 if whole else torch.float32
        assert {p.dtype for p in model.parameters()} == {dtype}
        assert model.decoder.norm.num_batches_tracked.dtype == torch.int64
        model(torch.zeros(1, 3, 64, 64, dtype=dtype))

    @pytest.mark.parametrize("name", ["encoder.pth", "model.safetensors"])
    def test_an_encoder_alone_is_refused(self, b0, tmp_path, name):
        """A decoder with random weights would label at random."""
        save = torch.save if name.endswith(".pth") else save_file
        save(to_layout(b0.encoder.state_dict(), "timm"), tmp_path / name)
        with pytest.raises(WeightsError, match="holds an encoder alone"):
            load_model(tmp_path / name)

    def test_no_name(self):
        with pytest.raises(WeightsError, match="is a folder|cannot be read"):
            load_model("nowhere.pth")
        with pytest.raises(TypeError, match="got NoneType"):
            load_model(None)


class TestPublishedTasks:
    @pytest.fixture
    def write(self, tmp_path):
        def writing(classes, name):
            model = SegFormer.from_preset("b0", num_classes=classes)
            path = tmp_path / name
            torch.save(to_layout(model.state_dict(), "official"), path)
            return path

        return writing

    @pytest.mark.parametrize(
        ("classes", "name", "names", "side"),
        [
            (150, "segformer.b0.640x640.ade.pth", {"wall", "flag"}, 640),
            (19, "segformer.b0.1024x1024.city.pth", {"road", "train"}, 1024),
        ],
    )
    def test_by_name(self, write, classes, name, names, side, caplog):
        task = load_model(write(classes, name)).task
        assert names < set(task.classes) and task.short_side == side
        assert not caplog.records

    def test_by_number_is_said(self, write, caplog):
        """Other data sets have 19 classes too."""
        path = write(19, "iter_160000.pth")
        task = load_model(path).task
        assert task.classes[0] == "road"
        [record] = caplog.records
        assert record.levelno == logging.WARNING
        assert record.getMessage() == (
            f"{path}: does not name its 19 classes; they are taken for road, "
            "sidewalk, building, and 16 more, and the shorter side of pictures "
            "gets 1024 pixels"
        )

    @pytest.mark.parametrize(
        ("name", "classes", "first"),
        [
            ("nvidia/segformer-b0-finetuned-ade-512-512", 150, "wall"),
            ("someone/face-parsing", 19, None),
        ],
    )
    def test_hub(self, write, monkeypatch, name, classes, first, caplog):
        huggingface_hub = pytest.importorskip("huggingface_hub")
        path = write(classes, "pytorch_model.bin")

        def download(asked, file, **_):
            assert asked == name
            if file == path.name:
                return str(path)
            raise huggingface_hub.errors.EntryNotFoundError(file)

        monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
        model, report = load_with_report(name)
        assert (model.task and model.task.classes[0]) == first
        assert report.source == f"{name}/{path.name}"
        # What it says of the licence is said once.
        assert len(caplog.records) == 1

    def test_colours_of_a_folder_of_transformers(self, tmp_path):
        """It names the classes; the colours of ADE20K are known."""
        names = tuple(f"name {k}" for k in range(150))
        model = SegFormer.from_preset("b0", num_classes=150)
        folder = tmp_path / "finetuned-ade-512-512"
        save_for_transformers(model, folder, task=Task(classes=names))
        task = load_model(folder).task
        assert task.classes == names
        assert task.palette == tuple(map(tuple, ADE20K_PALETTE))
        assert read_task(folder) == task
        other = shutil.copytree(folder, tmp_path / "rooms")
        assert load_model(other).task.palette is None

    def test_the_task_of_transformers_goes_first(self, tmp_path):
        names = tuple(f"name {k}" for k in range(19))
        model = SegFormer.from_preset("b0", num_classes=19)
        folder = tmp_path / "city"
        save_for_transformers(model, folder, task=Task(classes=names))
        assert load_model(folder).task.classes == names
        values = json.loads((folder / "config.json").read_text())
        del values["model_type"]
        (folder / "config.json").write_text(json.dumps(values))
        assert load_model(folder).task.classes[0] == "road"
