"""Evaluation of a data set, as a function and as a command."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

pytest.importorskip("torchvision")
pytest.importorskip("safetensors")
import numpy as np
from PIL import Image
from processes import in_a_process

import segformer_tutorial
from segformer_tutorial import SegFormer
from segformer_tutorial.data import Task, read_folder
from segformer_tutorial.evaluate import ConfusionMatrix, evaluate, table
from segformer_tutorial.evaluate.__main__ import main
from segformer_tutorial.weights import save_for_transformers, save_weights

NAMES = ("red", "green", "blue")


class Colour(nn.Module):
    """Logits are the three colours of a pixel, at a quarter of the size."""

    def __init__(self):
        super().__init__()
        self.sizes = []

    def forward(self, x):
        self.sizes.append(tuple(x.shape[2:]))
        return nn.functional.avg_pool2d(x, 4)


@pytest.fixture
def root(tmp_path):
    """Five pictures whose colour is their class."""
    for k in range(5):
        labels = np.full((40, 56), k % 3, "uint8")
        labels[:16] = (k + 1) % 3
        labels[0, :9] = 255
        colours = np.eye(3, dtype="uint8")[labels % 3] * 200
        for kind, array in (("images", colours), ("labels", labels)):
            folder = tmp_path / kind / "val"
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(array).save(folder / f"{k}.png")
    name_classes(tmp_path, NAMES)
    return tmp_path


def name_classes(root, names) -> None:
    (root / "classes.txt").write_text("\n".join(names), encoding="utf-8")


@pytest.fixture
def write(tiny, tmp_path):
    """Write a model of three classes, and say where it is."""

    def writing(names=NAMES, **task) -> Path:
        torch.manual_seed(0)
        path = tmp_path / "model.safetensors"
        net = SegFormer(replace(tiny, num_classes=len(NAMES)))
        found = Task(classes=names, **task) if names else None
        save_weights(net, path, task=found)
        return path

    return writing


@pytest.fixture
def command(root, capsys):
    """Run the command on the data, and return its status and its output."""

    def running(model, *flags):
        arguments = [model, "--data", root, "--device", "cpu", *flags]
        try:
            status = main([str(x) for x in arguments])
        except SystemExit as end:
            status = end.code
        return (status, *capsys.readouterr())

    return running


class TestEvaluate:
    def test_data_set(self, root):
        model = Colour().train()
        matrix = evaluate(model, read_folder(root, "val"))
        assert model.training
        assert matrix.counts.sum() == 5 * (40 * 56 - 9)
        assert matrix.mean_iou > 0.9

    def test_parts_add_up(self, root):
        model, dataset = Colour(), read_folder(root, "val")
        whole = evaluate(model, dataset).counts
        parts = [
            evaluate(model, dataset, indices=range(k, 5, 2)).counts
            for k in range(2)
        ]
        assert torch.equal(sum(parts), whole)

    def test_options_are_those_of_predict(self, root):
        model, dataset = Colour(), read_folder(root, "val")
        evaluate(model, dataset, indices=[0], scales=(1.0, 2.0), flip=True)
        assert model.sizes == [(64, 64)] * 2 + [(96, 128)] * 2
        with pytest.raises(TypeError, match="chunk"):
            evaluate(model, dataset, chunk=3)

    def test_short_side_of_the_task(self, root):
        model, dataset = Colour(), read_folder(root, "val")
        model.task = Task(classes=NAMES, short_side=160)
        evaluate(model, dataset, indices=[0])
        evaluate(model, dataset, indices=[0], short_side=32)
        assert model.sizes == [(160, 224), (32, 64)]


class TestTable:
    def test_numbers(self):
        matrix = ConfusionMatrix(3)
        matrix.update(torch.tensor([0, 0, 1, 1]), torch.tensor([0, 1, 1, 1]))
        head, red, green, blue, mean, pixels = table(matrix, NAMES).splitlines()
        assert head.split() == ["IoU", "accuracy", "share", "of", "pixels"]
        assert red.split() == ["red", "0.5000", "1.0000", "0.2500"]
        assert green.split() == ["green", "0.6667", "0.6667", "0.7500"]
        assert blue.split() == ["blue", "nan", "nan", "0.0000"]
        assert mean.split() == ["mean", "0.5833", "0.8333"]
        assert pixels == "pixel accuracy 0.7500"

    def test_names_of_another_number(self):
        with pytest.raises(ValueError, match="3 names, .* got 2"):
            table(ConfusionMatrix(3), NAMES[:2])


class TestCommand:
    def test_table(self, command, write, root):
        status, out, err = command(write(), "--flip")
        assert status == 0
        loaded, what, *_ = out.splitlines()
        assert "model.safetensors: " in loaded and "own layout" in loaded
        assert what.startswith(f"5 pictures of {root}, split val, at their own")
        dataset = read_folder(root, "val")
        net = segformer_tutorial.weights.load_model(write())
        expected = table(evaluate(net, dataset, flip=True), NAMES)
        assert out.endswith(expected + "\n")
        assert "error" not in err and "note" not in err

    def test_short_side_is_that_of_training(self, command, write):
        status, as_trained, _ = command(write(short_side=96))
        assert status == 0
        assert "shorter side 96 pixels, as in training" in as_trained
        _, as_told, _ = command(write(), "--short-side", 96)
        assert "shorter side 96 pixels\n" in as_told
        _, own, _ = command(write())
        rows = [text.splitlines()[2:] for text in (as_trained, as_told, own)]
        assert rows[0] == rows[1] != rows[2]

    def test_names_in_another_order(self, command, write, root):
        """Right numbers under wrong names, if nobody compared."""
        model = write(("red", "blue", "green"))
        status, out, err = command(model)
        assert status == 1 and not out
        assert "class 1 is 'blue' in" in err and "and 'green' in" in err
        status, out, _ = command(model, "--ignore-names")
        assert status == 0
        rows = [line.split()[0] for line in out.splitlines()[3:6]]
        assert rows == list(NAMES)

    def test_another_number_of_classes(self, command, write, root):
        name_classes(root, [*NAMES, "grey"])
        for flags in ((), ("--ignore-names",)):
            status, _, err = command(write(), *flags)
            assert status == 1
            assert "has 3 classes" in err and "has 4" in err

    def test_file_without_a_task(self, command, write):
        status, out, err = command(write(None))
        assert status == 0 and "pixel accuracy" in out
        notes = [line for line in err.splitlines() if line.startswith("note:")]
        assert len(notes) == 1
        assert "class names are not compared" in notes[0]

    def test_a_folder_of_transformers(self, command, tiny, root, tmp_path):
        """Its labels count from one, and evaluation says that it does too."""
        config = replace(tiny, num_classes=3, layer_norm_eps=1e-5)
        net, folder = SegFormer(config), tmp_path / "saved"
        task = Task(classes=NAMES, short_side=64, labels_from_one=True)
        save_for_transformers(net, folder, task=task)
        status, _, err = command(folder)
        assert status == 0
        assert "--labels from-one; --labels index reads them as" in err
        assert "no pixel of the split has the label blue" in err
        status, as_told, err = command(folder, "--labels", "from-one")
        assert status == 0 and "--labels index" not in err
        status, as_they_are, err = command(folder, "--labels", "index")
        assert status == 0 and "note" not in err
        assert "shorter side 64 pixels, as in training" in as_they_are
        for path in (root / "labels" / "val").iterdir():
            labels = np.array(Image.open(path)).astype(int)
            labels = np.where(labels == 255, 0, labels + 1).astype("uint8")
            Image.fromarray(labels).save(path)
        status, out, _ = command(folder)
        assert status == 0 and out == as_they_are != as_told

    @pytest.mark.parametrize(
        ("flags", "message"),
        [
            (["--scales", "0"], "scales must be positive numbers, got [0.0]"),
            (["--scales", "1", "-0.5"], "got [1.0, -0.5]"),
            (["--scales", "nan"], "got [nan]"),
            (["--scales", "half"], "invalid float value: 'half'"),
            (["--window", "0"], "window must be an integer, at least 1, got 0"),
            (
                ["--window", "64", "--stride", "65"],
                "got stride 65 for a window",
            ),
            (["--stride", "8"], "stride needs a window"),
            (
                ["--short-side", "0"],
                "short_side must be an integer, at least 1",
            ),
            (["--dataset", "nowhere"], "invalid choice: 'nowhere'"),
        ],
    )
    def test_wrong_arguments_come_before_any_work(
        self, command, flags, message
    ):
        status, out, err = command("nowhere.safetensors", *flags)
        assert status == 2 and not out
        assert message in err
        assert "nowhere.safetensors" not in err

    def test_data_of_another_layout_has_to_be_named(self, write, capsys):
        with pytest.raises(SystemExit) as end:
            main([str(write()), "--dataset", "voc"])
        assert end.value.code == 2
        assert "--dataset voc needs --data" in capsys.readouterr().err

    @pytest.mark.parametrize(
        ("flags", "message"),
        [
            (["--split", "nowhere"], "no such folder"),
            (["--data", ""], "classes.txt"),
            (["--device", "gpu"], "device must be cpu, cuda"),
            (["--channels", "4"], "takes 3 channels, got --channels 4"),
            (["--window", "16"], "at least 32 pixels"),
        ],
    )
    def test_errors(self, command, write, flags, message):
        status, _, err = command(write(), *flags)
        assert status == 1
        assert f"error: {message}" in err or message in err.splitlines()[-1]
        assert "Traceback" not in err

    def test_file_that_is_not_there(self, command):
        status, _, err = command("nowhere.safetensors")
        assert status == 1
        assert err.startswith("error: nowhere.safetensors: cannot be read")

    def test_error_has_a_line_of_its_own(self, command, write, root):
        """In the middle of the progress bar."""
        (root / "images" / "val" / "3.png").write_text("damaged")
        status, _, err = command(write())
        assert status == 1
        *_, bar, last, end = err.split("\n")
        assert "3/5" in bar and not end
        assert last.startswith("error: ") and "3.png" in last

    def test_nothing_but_void(self, command, write, root):
        for path in (root / "labels" / "val").iterdir():
            Image.fromarray(np.full((40, 56), 255, "uint8")).save(path)
        matrix = evaluate(Colour(), read_folder(root, "val"))
        assert math.isnan(matrix.mean_iou)
        status, out, err = command(write())
        assert status == 1 and "mean" not in out
        assert "all pixels of the split val are void" in err

    def test_class_that_no_label_has(self, command, write, root):
        """As when label files are read in another way than they are meant."""
        for path in (root / "labels" / "val").iterdir():
            labels = np.array(Image.open(path))
            Image.fromarray(np.where(labels == 1, 255, labels)).save(path)
        status, out, err = command(write())
        assert status == 0 and "pixel accuracy" in out
        assert "note: no pixel of the split has the label green\n" in err

    def test_stopped_by_hand(self, command, write, monkeypatch):
        def stop(*args, **kwargs):
            raise KeyboardInterrupt

        monkeypatch.setattr(
            segformer_tutorial.evaluate.__main__, "evaluate", stop
        )
        status, _, err = command(write())
        assert status == 130
        assert err.splitlines()[-1] == "stopped"


class TestProcess:
    @pytest.mark.parametrize(
        "environment",
        [
            {"PYTHONIOENCODING": "ascii"},
            {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        ],
    )
    def test_names_that_the_terminal_cannot_show(
        self, write, root, environment
    ):
        names = ("straße", "木", "blue")
        name_classes(root, names)
        done = in_a_process(
            "evaluate",
            write(names),
            "--data",
            root,
            "--device",
            "cpu",
            **environment,
        )
        assert done.returncode == 0, done.stderr
        out = done.stdout.decode("ascii")
        assert r"stra\xdfe" in out and r"\u6728" in out
        assert "pixel accuracy" in out

    REFUSE = (
        "import sys\n"
        "for name in ('torchvision', 'PIL', 'tqdm', 'safetensors'):\n"
        "    sys.modules[name] = None"
    )

    def test_help_without_the_extra(self):
        done = in_a_process("evaluate", "--help", before=self.REFUSE)
        assert done.returncode == 0, done.stderr
        assert b'extra "train"' in done.stdout
        assert not done.stderr

    def test_run_without_the_extra(self, write, root):
        done = in_a_process(
            "evaluate", write(), "--data", root, before=self.REFUSE
        )
        assert done.returncode == 1
        assert done.stderr.startswith(b"error: ")
        assert b'extra "train"' in done.stderr
        assert b"Traceback" not in done.stderr
