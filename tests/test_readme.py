"""The Python of the README runs as it stands, and says what is true."""

import re
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
from segformer_tutorial.weights import save_weights

ROOT = Path(segformer_tutorial.__file__).parents[1]
README = ROOT / "README.md"


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
