"""The book's diagrams: DRAWINGS names each one and draws it.

A file here that has a table DRAWINGS of its own is found by itself.
"""

from importlib import import_module
from pkgutil import iter_modules

DRAWINGS = {
    name: draw
    for file in iter_modules(__path__)
    if file.name != "drawing"
    for name, draw in import_module(f"{__name__}.{file.name}").DRAWINGS.items()
}
