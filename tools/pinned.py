"""Which torch printed the numbers of the book, and whether it runs here.

A network that is drawn at random or trained ends elsewhere with another
version of torch. The cells that print such numbers have the tag
`pinned-torch`, and nbval compares them under the pinned version alone.
"""

import re
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def torch() -> str:
    """Return the version of torch in requirements.txt."""
    lock = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    return re.search(r"^torch==([\w.]+)", lock, re.MULTILINE)[1]


def is_here() -> bool:
    """Tell whether the installed torch is the pinned one, of any build."""
    return version("torch").partition("+")[0] == torch()
