"""The Python of the README runs as it stands, and says what is true."""

import importlib
import re
import shlex
from pathlib import Path

import pytest
import torch

pytest.importorskip("torchvision")
pytest.importorskip("safetensors")
pytest.importorskip("huggingface_hub")
import huggingface_hub
from PIL import Image

import segformer_tutorial
from segformer_tutorial import SegFormer
from segformer_tutorial.predict.__main__ import main as predict
from segformer_tutorial.weights import save_weights

ROOT = Path(segformer_tutorial.__file__).parents[1]
README = ROOT / "README.md"
COMMANDS = ROOT / "book" / "commands.md"
PARSERS = {"predict": "command", "export": "__main__", "evaluate": "__main__"}


@pytest.fixture
def blocks(tmp_path, monkeypatch):
    """Where they run: a folder with a photo, and random weights as the hub."""
    monkeypatch.chdir(tmp_path)
    Image.effect_noise((120, 90), 64).convert("RGB").save("street.jpg")
    save_weights(SegFormer.from_preset("b0"), "hub.safetensors")

    def download(name, file, **_):
        assert name == "nvidia/segformer-b0-finetuned-ade-512-512"
        if file == "model.safetensors":
            return str(tmp_path / "hub.safetensors")
        raise huggingface_hub.errors.EntryNotFoundError(file)

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    text = README.read_text(encoding="utf-8")
    return re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def test_python_of_the_readme(blocks, capsys, monkeypatch):
    scene, photo, tensors = blocks
    names = {}
    with monkeypatch.context() as clone:
        clone.chdir(ROOT)
        exec(scene, names)
    assert names["labels"].shape == (256, 384)
    assert {"road", "sky"} <= set(names["names"])

    names = {}
    exec(photo, names)
    assert "192 tensors" in capsys.readouterr().out
    assert names["labels"].shape == (90, 120)
    assert names["labels"].dtype == torch.int64

    names = {}
    exec(tensors, names)
    assert names["logits"].shape == (1, 19, 128, 128)
    assert [x.shape[2] for x in names["maps"]] == [128, 64, 32, 16]
    assert names["labels"].shape == (1, 512, 512)


def commands(page: Path, name: str) -> list[list[str]]:
    """The arguments of each call of a command that a page shows."""
    text = page.read_text(encoding="utf-8")
    blocks = re.findall(r"^```bash\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    start = f"python -m segformer_tutorial.{name} "
    return [shlex.split(x)[3:] for x in lines if x.startswith(start)]


@pytest.mark.parametrize("page", [README, COMMANDS], ids=lambda x: x.name)
@pytest.mark.parametrize("name", PARSERS)
def test_commands_can_be_read(page, name):
    module = f"segformer_tutorial.{name}.{PARSERS[name]}"
    parse = importlib.import_module(module).parse
    found = commands(page, name)
    assert found
    for arguments in found:
        parse(arguments)


def test_predict_of_the_readme(tmp_path, monkeypatch, capsys):
    """It runs in a fresh clone, and writes where it says."""
    [arguments] = commands(README, "predict")
    assert arguments[-2:] == ["--out", "labelled"]
    monkeypatch.chdir(ROOT)
    assert predict([*arguments[:-1], str(tmp_path)]) == 0
    assert "small/best.safetensors: " in capsys.readouterr().out
    files = {x.relative_to(tmp_path).as_posix() for x in tmp_path.rglob("*.*")}
    assert files == {"labels/0003.png", "overlays/0003.png", "shares.csv"}


def test_export_of_the_readme_begins_with_what_a_clone_has():
    [arguments] = commands(README, "export")
    weights = arguments[arguments.index("--weights") + 1]
    assert (ROOT / weights).is_file()
