"""Huge pages for the commands: most page faults of a forward pass are gone."""

import os
import sys

SETTING = "THP_MEM_ALLOC_ENABLE"


def use_huge_pages() -> None:
    """Let PyTorch's CPU allocator take huge pages in this process.

    On Linux, PyTorch can ask the kernel for pages of 2 MB instead of 4 kB.
    It reads the setting when it allocates its first tensor, so a command
    calls this before it makes one; worker processes inherit it. A setting
    that is in the environment already is left alone, and so is every other
    system. `benchmarks/` has what it saves.
    """
    if sys.platform == "linux":
        os.environ.setdefault(SETTING, "1")
