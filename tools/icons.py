"""Draw the icons of the theme into the page, in place of a script of 1.5 MB.

The theme names icons of Font Awesome by class, and its script draws them in
the browser. The shapes are taken from that script while the book is built.
"""

import re
from pathlib import Path

ALIASES = {"pencil-alt": "pencil"}  # Font Awesome's names of version 5
SIZES = {"lg", "sm", "xs", "fw"}


class Icons:
    """The shapes of Font Awesome's icons, by name."""

    def __init__(self, script: Path) -> None:
        self.text = script.read_text(encoding="utf-8")
        self.found: dict[str, tuple[str, str, str]] = {}

    def shape(self, name: str) -> tuple[str, str, str]:
        """Return width, height and path of an icon, or raise ValueError."""
        name = ALIASES.get(name, name)
        if name not in self.found:
            key = rf'(?:"{re.escape(name)}"|\b{re.escape(name)}):'
            shape = r'\[(\d+),(\d+),\[[^]]*\],"[0-9a-f]+","(M[^"]+)"'
            drawn = re.findall(key + shape, self.text)
            if not drawn:
                raise ValueError(f"Font Awesome's script has no icon {name!r}")
            self.found[name] = drawn[-1]  # the filled one comes last
        return self.found[name]

    def draw(self, soup) -> None:
        """Replace the icons that a page names by their shapes."""
        for tag in soup.select("i[class*='fa-'], span[class*='fa-']"):
            classes = tag.get("class", [])
            names = [
                name.removeprefix("fa-")
                for name in classes
                if name.startswith("fa-")
            ]
            names = [n for n in names if n not in {"solid", "brands", *SIZES}]
            width, height, path = self.shape(names[0])
            tag.name = "svg"
            tag["class"] = [c for c in classes if not c.startswith("fa")]
            tag["class"].append("drawn-icon")
            tag["viewbox"] = f"0 0 {width} {height}"
            tag["aria-hidden"] = "true"
            tag.attrs.pop("title", None)
            tag.clear()
            tag.append(soup.new_tag("path", d=path, fill="currentColor"))
