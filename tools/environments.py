"""Try the package with other versions than those of requirements.txt.

    python tools/environments.py model    the oldest torch, the model's tests
    python tools/environments.py train    the oldest of all that training needs
    python tools/environments.py export   the oldest of all that an export needs
    python tools/environments.py colab    Colab's versions, the notebooks too
    python tools/environments.py newest   the newest there are

It needs uv and the environment's Python, which --python can name. The
environment is made in _build/environments; on Linux it takes 6 GB.
"""

import argparse
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "_build" / "environments"
COLAB = "tests/colab.txt"
OLDEST = ("--resolution=lowest-direct",)

# The model alone, with torch and einops; what needs the tools of the book.
MODEL_TESTS = (
    "tests/test_attention.py",
    "tests/test_config.py",
    "tests/test_decoder.py",
    "tests/test_encoder.py",
    "tests/test_linear.py",
    "tests/test_mix_ffn.py",
    "tests/test_model.py",
    "tests/test_patch_embedding.py",
    "tests/test_standalone.py",
)
EXPORT_TESTS = ("tests/test_export.py", "tests/test_export_command.py")
BOOK_TESTS = (
    "tests/test_book.py",
    "tests/test_contents.py",
    "tests/test_figures.py",
    "tests/test_links.py",
    "tests/test_live.py",
    "tests/test_live_data.py",
    "tests/test_packaging.py",
    "tests/test_page_model.py",
    "tests/test_pages.py",
    "tests/test_reference.py",
    "tests/test_tools.py",
)
WITHOUT_BOOK = tuple(f"--ignore={file}" for file in BOOK_TESTS)
NBVAL = ("--nbval", "--nbval-current-env", "--nbval-cell-timeout=600", "book")


@dataclass(frozen=True)
class Environment:
    """A Python, what uv installs for it, and runs of pytest."""

    python: str
    install: tuple[str, ...]
    runs: tuple[tuple[str, ...], ...]


ENVIRONMENTS = {
    "model": Environment(
        "3.10",
        (*OLDEST, "--editable=.", "numpy>=1.24", "pytest>=8"),
        (MODEL_TESTS,),
    ),
    "train": Environment(
        "3.10",
        (*OLDEST, "--editable=.[train]", "pytest>=8", "setuptools>=77"),
        (WITHOUT_BOOK,),
    ),
    "export": Environment(  # its tests compare with `predict`, on pictures
        "3.10",
        (*OLDEST, "--editable=.[train,export]", "pytest>=8"),
        (EXPORT_TESTS,),
    ),
    "colab": Environment(
        "3.13",
        (f"--constraint={COLAB}", "--editable=.[test]"),
        ((), NBVAL),
    ),
    "newest": Environment(
        "3.14",
        ("--editable=.[train,export]", "pytest>=8"),
        (WITHOUT_BOOK,),
    ),
}


def commands(name: str, python: str | None = None) -> list[list[str]]:
    """List the commands that make an environment and run its tests."""
    wanted, folder = ENVIRONMENTS[name], FOLDER / name
    scripts = folder / ("Scripts" if os.name == "nt" else "bin")
    here = str(scripts / "python")
    make = ["uv", "venv", "--clear", "--python", python or wanted.python]
    install = ["uv", "pip", "install", "--python", here]
    # A warning of old or new versions is no fault here.
    test = [here, "-m", "pytest", "-W", "default", "-p", "no:cacheprovider"]
    return [
        [*make, str(folder)],
        [*install, *wanted.install],
        *([*test, *arguments] for arguments in wanted.runs),
    ]


def main(arguments: list[str] | None = None) -> int:
    """Make an environment and run all its tests; return 1 if one fails."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=ENVIRONMENTS)
    parser.add_argument("--python", help="a version or a path")
    options = parser.parse_args(arguments)
    make, install, *runs = commands(options.name, options.python)
    for command in (make, install):
        print("$", *command, flush=True)
        subprocess.run(command, cwd=ROOT, check=True)
    failed = 0
    for command in runs:
        print("$", *command, flush=True)
        failed += subprocess.run(command, cwd=ROOT).returncode != 0
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
