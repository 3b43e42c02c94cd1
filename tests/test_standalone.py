"""The files up to model.py can be copied into a project of your own."""

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import segformer_tutorial

FOLDER = Path(segformer_tutorial.__file__).parent
FILES = (
    "config",
    "patch_embedding",
    "linear",
    "attention",
    "mix_ffn",
    "encoder",
    "decoder",
    "model",
)

# Third-party packages of this environment are refused, torch, einops and what
# these two ask for themselves excepted; setuptools is loaded as Python starts.
SCRIPT = """
import re
import sys
from importlib.metadata import PackageNotFoundError, packages_distributions
from importlib.metadata import requires

allowed = set()
todo = ["torch", "einops", "setuptools"]
while todo:
    name = re.sub(r"[-_.]+", "-", todo.pop()).lower()
    if name not in allowed:
        allowed.add(name)
        try:
            wanted = requires(name) or []
        except PackageNotFoundError:
            continue
        todo += [
            re.match(r"[\\w.-]+", line)[0]
            for line in wanted
            if "extra ==" not in line
        ]

refused = {
    module
    for module, owners in packages_distributions().items()
    if not any(re.sub(r"[-_.]+", "-", o).lower() in allowed for o in owners)
}
must = {"transformers", "timm", "torchvision", "matplotlib", "safetensors"}
refused |= must | {"huggingface_hub", "segformer_tutorial"}
assert not refused & {"torch", "einops"}


class Refuse:
    def find_spec(self, name, path=None, target=None):
        # torch itself tries NumPy and does without it.
        if name.partition(".")[0] in refused:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


sys.meta_path.insert(0, Refuse())

import torch

from mynet.model import SegFormer, labels_from_logits

net = SegFormer.from_preset("b0", num_classes=7).train()
net(torch.randn(2, 3, 64, 64)).mean().backward()
images = torch.randn(1, 3, 45, 70)
labels = labels_from_logits(net.eval()(images), images.shape[2:])
assert labels.shape == (1, 45, 70)
assert not refused & set(sys.modules), refused & set(sys.modules)
for name in sorted(m for m in sys.modules if m.startswith("mynet.")):
    print(name)
"""


def test_files_work_in_another_package(tmp_path):
    """With torch and einops alone, under another name."""
    package = tmp_path / "mynet"
    package.mkdir()
    (package / "__init__.py").touch()
    for name in FILES:
        shutil.copy(FOLDER / f"{name}.py", package)
    (tmp_path / "script.py").write_text(SCRIPT, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "script.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == sorted(f"mynet.{name}" for name in FILES)


@pytest.mark.parametrize("name", FILES)
def test_imports_point_one_way(name):
    """Relative, from files further up in the list, or torch and einops."""
    tree = ast.parse((FOLDER / f"{name}.py").read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            assert node.level == 1
            assert node.module in FILES[: FILES.index(name)]
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names = (
                [node.module]
                if isinstance(node, ast.ImportFrom)
                else [alias.name for alias in node.names]
            )
            for imported in names:
                top = imported.partition(".")[0]
                assert top in {"torch", "einops"} | sys.stdlib_module_names


def test_package_imports_without_the_extras():
    """`import segformer_tutorial` asks for nothing but torch and einops."""
    code = (
        "import sys; import segformer_tutorial; "
        "print(*{'matplotlib', 'safetensors', 'huggingface_hub', 'onnx', "
        "'transformers', 'timm', 'torchvision'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=FOLDER.parent,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []


def test_the_readme_names_these_files():
    readme = (FOLDER.parent / "README.md").read_text(encoding="utf-8")
    names = ", ".join(f"`{name}.py`" for name in FILES)
    assert names in readme
