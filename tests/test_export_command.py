"""Export: checked files that run elsewhere, or an error and no file."""

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

pytest.importorskip("torchvision")
pytest.importorskip("safetensors")
pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")
import numpy as np
import onnx
import onnxruntime
from PIL import Image

import segformer_tutorial
from segformer_tutorial import SegFormer, SegFormerConfig
from segformer_tutorial.data import Task
from segformer_tutorial.export import ExportError, export, exporting, formats
from segformer_tutorial.export.__main__ import EPILOG, main
from segformer_tutorial.export.graph import Exported
from segformer_tutorial.export.verify import verify
from segformer_tutorial.predict import predict
from segformer_tutorial.weights import load_model, save_weights

# Two stages are exported in a third of the time of four.
CONFIG = SegFormerConfig(
    dims=(8, 16),
    depths=(1, 1),
    num_heads=(1, 2),
    reduction_ratios=(8, 4),
    expansion_ratios=(2, 2),
    patch_sizes=(7, 3),
    strides=(4, 2),
    decoder_dim=12,
    num_classes=3,
)
TASK = Task(
    classes=("straße", "sky", "木"),
    palette=((0, 0, 0), (9, 8, 7), (255, 0, 1)),
    short_side=96,
    mean=(100.0, 110.0, 120.0),
    std=(50.0, 60.0, 70.0),
)
KINDS = {
    "logits": [],
    "labels": ["--labels"],
    "fp16": ["--fp16"],
    "int8": ["--int8"],
    "torch": ["--format", "torch"],
}


def run(*arguments) -> int:
    return main([str(x) for x in arguments])


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    torch.manual_seed(1)
    model = SegFormer(CONFIG)
    with torch.no_grad():
        for p in model.parameters():
            p.add_(torch.randn_like(p) * 0.1)
    path = tmp_path_factory.mktemp("weights") / "best.safetensors"
    save_weights(model, path, task=TASK)
    return path


@pytest.fixture(scope="module")
def files(weights, tmp_path_factory) -> dict[str, Path]:
    """What the command writes, each in a folder of its own.

    Where two need the same graph they share it, and its ONNX: both are slow.
    """
    found = {}
    graphs = {}
    trace, to_onnx = Exported.trace, formats.to_onnx

    def trace_once(self):
        key = self.labels, self.dtype
        if key not in graphs:
            graphs[key] = trace(self)
        return graphs[key]

    def to_onnx_once(program, *arguments, **options):
        key = id(program)
        if key not in graphs:
            graphs[key] = to_onnx(program, *arguments, **options)
        return graphs[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Exported, "trace", trace_once)
        patch.setattr(formats, "to_onnx", to_onnx_once)
        for name, flags in KINDS.items():
            ending = "pt2" if name == "torch" else "onnx"
            path = tmp_path_factory.mktemp(name) / f"model.{ending}"
            assert run("--weights", weights.parent, "--out", path, *flags) == 0
            found[name] = path
    return found


@pytest.fixture
def model(weights) -> SegFormer:
    return load_model(weights)


def pictures(*size: int) -> torch.Tensor:
    return torch.randint(256, size, dtype=torch.uint8)


def error(found: torch.Tensor, model: SegFormer, images: torch.Tensor) -> float:
    """The largest difference of a logit, in units of the largest logit."""
    with torch.no_grad():
        expected = Exported(model)(images)
    assert found.dtype == expected.dtype and found.shape == expected.shape
    return ((found - expected).abs().max() / expected.abs().max()).item()


def in_onnxruntime(path: Path, images: torch.Tensor) -> torch.Tensor:
    return formats.run_onnx(path.read_bytes())(images)


class TestFiles:
    @pytest.mark.parametrize("size", [(4, 3, 64, 96), (1, 3, 101, 67)])
    def test_onnx_at_other_sizes(self, files, model, size):
        images = pictures(*size)
        found = in_onnxruntime(files["logits"], images)
        assert error(found, model, images) < 1e-5

    def test_torch_at_other_sizes(self, files, model):
        images = pictures(4, 3, 101, 67)
        about = {"classes": "", "output": "", "preprocessing": ""}
        program = torch.export.load(files["torch"], extra_files=about)
        found = program.module()(images).detach()
        assert error(found, model, images) < 1e-5
        assert tuple(json.loads(about["classes"])) == TASK.classes
        assert json.loads(about["preprocessing"])["dtype"] == "uint8"
        assert about["output"].startswith("logits")

    @pytest.mark.parametrize(
        ("kind", "least"), [("fp16", 1e-5), ("int8", 1e-4)]
    )
    def test_smaller_numbers_round(self, files, model, kind, least):
        """The error shows that the file is not float32 in disguise."""
        images = pictures(2, 3, 101, 67)
        found = in_onnxruntime(files[kind], images)
        assert least < error(found, model, images) < 0.1

    @pytest.mark.parametrize(("kind", "type"), [("fp16", 10), ("int8", 3)])
    def test_types_of_the_weights(self, files, kind, type):
        graph = onnx.load(files[kind]).graph
        large = [x for x in graph.initializer if np.prod(x.dims) >= 100]
        assert type in {x.data_type for x in large}
        if kind == "fp16":
            assert {x.data_type for x in large} == {type}

    def test_labels_are_those_of_predict(self, files, model):
        """And none is resized: the sides are multiples of 32."""
        images = pictures(2, 3, 96, 128)
        found = in_onnxruntime(files["labels"], images)
        assert found.dtype == torch.int64
        assert (found == predict(model, images)).float().mean() > 0.999

    def test_each_stands_alone(self, files):
        for path in files.values():
            assert list(path.parent.iterdir()) == [path]

    def test_nothing_of_this_machine_is_inside(self, files):
        package = Path(segformer_tutorial.__file__).parent
        for kind, path in files.items():
            if kind != "torch":
                content = path.read_bytes()
                assert str(package.parent).encode() not in content
                assert b"stack_trace" not in content

    def test_open_sides_have_names(self, files):
        graph = onnx.load(files["logits"]).graph
        dims = graph.input[0].type.tensor_type.shape.dim
        assert [x.dim_param or x.dim_value for x in dims] == [
            "batch",
            3,
            "height",
            "width",
        ]
        assert [x.name for x in graph.input] == ["images"]
        assert [x.name for x in graph.output] == ["logits"]

    def test_floats_are_refused(self, files):
        """Nobody could tell whether they are in 0..1 or in 0..255."""
        with pytest.raises(Exception, match="uint8"):
            in_onnxruntime(files["logits"], torch.rand(1, 3, 64, 64))

    @pytest.mark.parametrize(
        ("kind", "precision"),
        [
            ("logits", "float32"),
            ("labels", "float32"),
            ("fp16", "float16"),
            ("int8", "int8"),
        ],
    )
    def test_metadata(self, files, kind, precision):
        session = onnxruntime.InferenceSession(files[kind])
        about = session.get_modelmeta().custom_metadata_map
        assert about["precision"] == precision
        assert segformer_tutorial.__version__ in about["package"]
        palette = tuple(map(tuple, json.loads(about["palette"])))
        assert palette == TASK.palette
        assert tuple(json.loads(about["classes"])) == TASK.classes
        assert SegFormerConfig(**json.loads(about["config"])) == CONFIG
        assert about["output"].startswith(
            "labels" if kind == "labels" else "lo"
        )
        rules = json.loads(about["preprocessing"])
        assert tuple(rules["mean"]) == TASK.mean
        assert tuple(rules["std"]) == TASK.std
        assert rules["short_side"] == 96
        assert rules["multiple_of"] == 32


class TestOptions:
    """They are refused before any work."""

    @pytest.mark.parametrize(
        ("flags", "message"),
        [
            (["--opset", "17"], "argument --opset: invalid choice: 17"),
            (["--opset", "99"], "argument --opset: invalid choice: 99"),
            (["--fp16", "--int8"], "not allowed with argument"),
            (["--format", "torch", "--int8"], "for --format onnx alone"),
            (["--format", "torch", "--opset", "18"], "for --format onnx alone"),
            (["--format", "tflite"], "invalid choice: 'tflite'"),
        ],
    )
    def test_wrong_arguments(self, capsys, tmp_path, flags, message):
        with pytest.raises(SystemExit) as end:
            run("--weights", "nowhere", "--out", tmp_path / "x.onnx", *flags)
        assert end.value.code == 2
        assert message in capsys.readouterr().err

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"format": "tflite"}, "format must be one of onnx, torch, got"),
            ({"precision": "int4"}, "one of float32, float16, int8 for"),
            (
                {"format": "torch", "precision": "int8"},
                "one of float32, float16 for the format torch, got 'int8'",
            ),
            ({"opset": 17}, "opset must be in 18..23, got 17"),
        ],
    )
    def test_wrong_options(self, model, tmp_path, options, message):
        with pytest.raises(ExportError, match=message):
            export(model, tmp_path / "x.onnx", **options)


@pytest.fixture
def no_work(monkeypatch):
    """What comes next is an error before the slow part."""

    def work(self):
        raise AssertionError("traced")

    monkeypatch.setattr(Exported, "trace", work)


@pytest.mark.usefixtures("no_work")
class TestErrors:
    @pytest.mark.parametrize(
        ("name", "message"),
        [
            ("model.pt2", "must end in .onnx"),
            ("nowhere/model.onnx", "there is no folder"),
            ("folder.onnx", "is a folder"),
            ("there.onnx", "exists already; --overwrite replaces it"),
        ],
    )
    def test_path(self, weights, tmp_path, capsys, name, message):
        (tmp_path / "folder.onnx").mkdir()
        (tmp_path / "there.onnx").write_text("precious")
        path = tmp_path / name
        assert run("--weights", weights, "--out", path) == 1
        out, err = capsys.readouterr()
        assert err.startswith(f"error: {path}: {message}") and not out
        assert (tmp_path / "there.onnx").read_text() == "precious"

    @pytest.mark.parametrize(
        ("name", "message"),
        [
            ("nowhere.safetensors", "cannot be read"),
            ("damaged.safetensors", "damaged, or not a file of tensors"),
            ("empty", "is a folder that has none of best.safetensors"),
            ("encoder.pth", "holds an encoder alone"),
            ("model.onnx", "must end in .safetensors"),
        ],
    )
    def test_weights(self, tmp_path, capsys, name, message):
        (tmp_path / "empty").mkdir()
        (tmp_path / "damaged.safetensors").write_text("damaged")
        (tmp_path / "model.onnx").write_text("not ours")
        state = SegFormer.from_preset("b0").state_dict()
        encoder = {k: x for k, x in state.items() if k.startswith("encoder.")}
        torch.save(encoder, tmp_path / "encoder.pth")
        out = tmp_path / "out.onnx"
        assert run("--weights", tmp_path / name, "--out", out) == 1
        err = capsys.readouterr().err
        assert err.startswith("error: ") and message in err
        assert not out.exists()

    def test_package_that_is_missing(
        self, weights, tmp_path, monkeypatch, capsys
    ):
        monkeypatch.setitem(sys.modules, "onnxscript", None)
        assert run("--weights", weights, "--out", tmp_path / "x.onnx") == 1
        assert 'the extra "export" has it' in capsys.readouterr().err

    def test_torch_that_is_too_old(
        self, weights, tmp_path, monkeypatch, capsys
    ):
        monkeypatch.setattr(torch, "__version__", "2.10.0+cpu")
        assert run("--weights", weights, "--out", tmp_path / "x.onnx") == 1
        assert "torch 2.11 is needed, got 2.10.0" in capsys.readouterr().err


class TestVerify:
    def test_labels_may_differ_where_classes_tie(self, model):
        """A tie is an error of nothing; a label that is worse is one."""
        reference = Exported(model, labels=True)
        classify = reference.network.decoder.classify
        with torch.no_grad():
            classify.weight[1], classify.bias[1] = (
                classify.weight[0],
                classify.bias[0],
            )

        def second(images):
            labels = reference(images)
            return torch.where(labels == 0, 1, labels)

        assert verify(second, reference, 1e-5) < 1e-5
        with pytest.raises(ExportError, match="differs from PyTorch by"):
            verify(lambda x: (reference(x) + 2) % 3, reference, 1e-5)
        with pytest.raises(ExportError, match="by inf"):
            verify(lambda x: reference(x) + 3, reference, 1e-5)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda x: x * torch.nan, "differs from PyTorch by nan"),
            (lambda x: x * 1.001, "differs from PyTorch by 0.001"),
            (lambda x: x[:, :2], "gives torch.float32 of shape"),
            (lambda x: x.double(), "gives torch.float64 of shape"),
        ],
    )
    def test_logits(self, model, change, message):
        reference = Exported(model)
        assert verify(reference, reference, 1e-4) == 0
        with pytest.raises(ExportError, match=message):
            verify(lambda x: change(reference(x)), reference, 1e-4)

    def test_file_that_does_not_run(self, model):
        def run(images):
            raise RuntimeError("no\nkernel")

        with pytest.raises(ExportError, match="file fails: no kernel"):
            verify(run, Exported(model), 1e-4)

    def test_file_that_onnxruntime_cannot_read(self):
        with pytest.raises(ExportError, match=r"onnxruntime .* cannot read"):
            formats.run_onnx(b"damaged")

    def test_wrong_only_at_the_second_size(self, model):
        reference = Exported(model)

        def run(images):
            return reference(images) * (2 if len(images) > 1 else 1)

        with pytest.raises(ExportError, match=r"pictures \(3, 3, 75, 101\)"):
            verify(run, reference, 1e-4)


class TestNothingIsWritten:
    """An old file stays, and no new one is there, whatever happens."""

    @pytest.fixture
    def exporting_again(self, files, weights, tmp_path, monkeypatch, capsys):
        """Export to where a file is, with the graph that we have."""
        content = files["logits"].read_bytes()
        monkeypatch.setattr(Exported, "trace", lambda self: None)
        monkeypatch.setattr(formats, "to_onnx", lambda *_, **__: content)
        path = tmp_path / "model.onnx"
        path.write_text("old")

        def again(source=weights):
            status = run("--weights", source, "--out", path, "--overwrite")
            assert os.listdir(tmp_path) == ["model.onnx"]
            return status, path.read_bytes(), capsys.readouterr().err

        return again

    def test_without_an_error_it_is(self, exporting_again, files):
        content = files["logits"].read_bytes()
        assert exporting_again() == (0, content, "")

    def test_other_weights(self, exporting_again, model, tmp_path_factory):
        with torch.no_grad():
            model.decoder.classify.bias[0] += 0.1
        source = tmp_path_factory.mktemp("other") / "other.safetensors"
        save_weights(model, source)
        status, content, err = exporting_again(source)
        assert status == 1 and content == b"old"
        assert err.startswith("error: on pictures (1, 3, 64, 96)")
        assert "differs from PyTorch by" in err

    @pytest.mark.parametrize(
        ("problem", "expected"),
        [(KeyboardInterrupt(), 130), (OSError(28, "disk full"), 1)],
    )
    def test_stopped_while_writing(
        self, exporting_again, monkeypatch, problem, expected
    ):
        def stop(*_):
            raise problem

        monkeypatch.setattr(os, "replace", stop)
        status, content, err = exporting_again()
        assert status == expected and content == b"old"
        assert "disk full" in err or err == "stopped, nothing is written\n"

    def test_stopped_while_checking(self, exporting_again, monkeypatch):
        def stop(*_):
            raise KeyboardInterrupt

        monkeypatch.setattr(exporting, "verify", stop)
        assert exporting_again()[:2] == (130, b"old")


def test_weights_too_large_for_one_file(monkeypatch, model):
    monkeypatch.setattr(formats, "LIMIT", 1000)

    class Program:
        state_dict = model.state_dict()

    with pytest.raises(ExportError, match="one ONNX file holds 1,000"):
        formats.to_onnx(Program, {}, output="logits")


def example() -> str:
    """The Python in the text below --help."""
    lines = EPILOG.splitlines()
    return textwrap.dedent("\n".join(x for x in lines if x.startswith("    ")))


def test_the_page_of_commands_shows_the_example():
    page = Path(segformer_tutorial.__file__).parents[1] / "book" / "commands.md"
    lines = page.read_text(encoding="utf-8").splitlines()
    assert example() in "\n".join(x for x in lines if x)  # no empty lines


def python(code: str, *arguments: str, cwd: Path) -> Sequence[str]:
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_example_without_torch(files, model, tmp_path):
    """NumPy, Pillow and onnxruntime are enough, as --help shows."""
    picture = pictures(3, 96, 128).numpy().transpose(1, 2, 0)
    Image.fromarray(picture).save(tmp_path / "street.jpg")
    (tmp_path / "model.onnx").write_bytes(files["labels"].read_bytes())
    refuse = "import sys\nsys.modules['torch'] = None\n"
    save = "\nnp.save('labels.npy', labels)"
    printed = python(refuse + example() + save, cwd=tmp_path)
    expected = predict(model, tmp_path / "street.jpg").numpy()
    found = np.load(tmp_path / "labels.npy")
    assert found.shape == expected.shape
    assert (found == expected).mean() > 0.999
    assert printed == [TASK.classes[k] for k in np.unique(found)]


def test_help_without_the_extra():
    code = (
        "import runpy, sys\n"
        "for name in ('onnx', 'onnxruntime', 'onnxscript', 'safetensors', "
        "'torchvision', 'PIL'):\n"
        "    sys.modules[name] = None\n"
        "runpy.run_module('segformer_tutorial.export', None, '__main__')"
    )
    root = Path(segformer_tutorial.__file__).parents[1]
    printed = "\n".join(python(code, "--help", cwd=root))
    assert example().splitlines()[0] in printed
    assert 'the extra "export"' in printed
