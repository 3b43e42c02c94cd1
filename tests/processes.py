"""Commands as a reader runs them: each in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

import segformer_tutorial


def in_a_process(
    command: str, *arguments, before: str = "", **environment
) -> subprocess.CompletedProcess:
    """Run `python -m segformer_tutorial.COMMAND` after some lines of Python."""
    code = (
        f"{before}\nimport runpy, sys\n"
        f"sys.argv = [{command!r}, *sys.argv[1:]]\n"
        f"runpy.run_module('segformer_tutorial.{command}', None, '__main__')"
    )
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=Path(segformer_tutorial.__file__).parents[1],
        env={**os.environ, **environment},
        capture_output=True,
        timeout=300,
    )
