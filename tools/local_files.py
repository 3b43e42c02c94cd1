"""Sphinx extension: addresses of this book become paths before it is built.

The notebooks give pictures and pages by their address, because Colab knows no
path. A built page should show its own pictures, and lead to its own pages.
"""

import notebooks


def use_local_files(app, docname: str, source: list[str]) -> None:
    """Replace the addresses in the text of a page; "/" is the root."""
    pages = f"{notebooks.file_address()}book/"
    text = source[0].replace(f"]({notebooks.raw_address()}", "](/")
    source[0] = text.replace(f"]({pages}", "](/book/")


def setup(app) -> dict:
    """Register with Sphinx."""
    app.connect("source-read", use_local_files)
    return {"version": "1", "parallel_read_safe": True}
