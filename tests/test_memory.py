"""Huge pages are taken, and only where nobody has decided otherwise."""

import subprocess
import sys
from pathlib import Path

import pytest

from segformer_tutorial.predict import memory

ENABLED = Path("/sys/kernel/mm/transparent_hugepage/enabled")
SCRIPT = """
import re

import segformer_tutorial
from segformer_tutorial.predict.memory import use_huge_pages

use_huge_pages()
import torch

x = torch.ones(16, 1024, 1024)
text = open("/proc/self/smaps_rollup").read()
print(re.search(r"AnonHugePages:\\s+(\\d+)", text)[1])
"""


@pytest.fixture(autouse=True)
def unset(monkeypatch):
    """Nobody has decided; what a test sets is forgotten afterwards."""
    monkeypatch.setenv(memory.SETTING, "")  # so that it is restored
    monkeypatch.delenv(memory.SETTING)


@pytest.mark.parametrize("value", [None, "0", "1"])
def test_a_setting_of_the_user_is_left_alone(value, monkeypatch):
    monkeypatch.setattr(sys, "platform", "linux")
    if value is not None:
        monkeypatch.setenv(memory.SETTING, value)
    memory.use_huge_pages()
    assert memory.os.environ[memory.SETTING] == (value or "1")


def test_other_systems_are_left_alone(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    memory.use_huge_pages()
    assert memory.SETTING not in memory.os.environ


@pytest.mark.skipif(
    not ENABLED.exists() or "[never]" in ENABLED.read_text(),
    reason="this kernel gives no huge pages",
)
def test_it_is_in_time_after_the_package_was_imported():
    """The package makes no tensor while it is imported."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 32_000  # kB, half of what is allocated
