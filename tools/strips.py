"""Show the overview diagram as a strip: the model in one line, with the part
of a chapter in colour. A click unfolds the whole diagram.
"""

from pathlib import Path

from diagrams.drawing import (
    ACCENT,
    ACCENT_INK,
    ACCENT_PALE,
    GREY,
    LINE,
    PALE,
    SIDES,
    Drawing,
)
from diagrams.model_map import TODAY, scene
from segformer_tutorial.classroom.plots import STAGES

WIDTH, HEIGHT = 582, 94
SHORT = {  # what a page says below the line
    "map_ends": "the image and the labels",
    "map_patch_embedding": "the overlap patch embedding of each stage",
    "map_attention": "the efficient self-attention of each stage",
    "map_mix_ffn": "the Mix-FFN of each stage",
    "map_block": "the transformer blocks of each stage",
    "map_encoder": "the encoder: four stages, four feature maps",
    "map_decoder": "the all-MLP decoder",
    "map_model": "the whole model",
}


def alt(name: str) -> str:
    """Say in words what the strip of a diagram shows."""
    return (
        "The model in one line: the image, four stages, the all-MLP decoder, "
        f"the labels. Highlighted: {SHORT[name]}."
    )


def model_strip(name: str) -> Drawing:
    """The model in one line; `name` is that of the whole diagram."""
    today = TODAY[name][1]
    d = Drawing(WIDTH, HEIGHT, "The model in one line", alt(name))
    top, high = 28, 46
    middle, bus = top + high / 2, top + high + 12

    def look(part: str) -> dict:
        """How a part looks."""
        if part in today:
            return {"fill": ACCENT, "stroke": ACCENT_INK}
        return {"fill": GREY, "stroke": LINE}

    def frame(part: str) -> dict:
        """How the frame around a part looks."""
        if part in today:
            return {"fill": ACCENT_PALE, "stroke": ACCENT, "width": 2.5}
        return {"fill": PALE}

    def end(x: float, words: str, *, labels: bool) -> None:
        """The picture at one of the two ends."""
        if "ends" in today:
            d.rect(x - 3, middle - 25, 50, 50, fill=ACCENT, stroke=ACCENT_INK)
        scene(d, x, middle - 22, 44, labels=labels)
        style = "bold" if "ends" in today else ""
        d.text(x + 22, 18, words, style, size=16)

    end(5, "image", labels=False)
    d.across(51, 66, middle)
    for i, n in enumerate(SIDES):
        x = 66 + 95 * i
        d.text(x + 38, 18, f"stage {i + 1}", size=16)
        d.rect(x, top, 12, high, **look("patch_embedding"), radius=2)
        d.rect(x + 16, top - 3, 36, high + 6, **frame("block"), radius=3)
        d.rect(x + 19, top + 2, 14, high - 4, **look("attention"), radius=2)
        d.rect(x + 35, top + 2, 14, high - 4, **look("mix_ffn"), radius=2)
        d.rect(x + 56, top, 5, high, **look("norm"), radius=1)
        # the feature map, its side to scale down to what can be seen
        size = max(n * 24 / SIDES[0], 5)
        left = x + 74 - size / 2
        d.line((x + 74, middle), (x + 74, bus), arrow=False)
        d.area(x + 8, 23, 60, 3, STAGES[i])
        around = size + 5
        if "maps" in today:
            corner = x + 74 - around / 2, middle - around / 2
            d.area(*corner, around, around, ACCENT)
        d.area(left, middle - size / 2, size, size, STAGES[i])
        d.across(x + 61, left, middle, arrow=False)
        if i < 3:
            d.across(x + 74 + size / 2, x + 95, middle)
    x = 450
    d.line((140, bus), (x + 8, bus), (x + 8, top + high + 3), width=1.5)
    d.rect(x, top - 3, 58, high + 6, **frame("decoder"), radius=3)
    for i in range(4):
        d.rect(x + 5, top + 1 + i * 11.5, 18, 9, **look("unify"), radius=1)
    d.rect(x + 28, top + 2, 11, high - 4, **look("fuse"), radius=2)
    d.rect(x + 44, top + 2, 9, high - 4, **look("fuse"), radius=2)
    d.text(x + 29, 18, "decoder", size=16)
    d.across(x + 58, x + 79, middle)
    end(x + 82, "labels", labels=True)
    return d


def strips(soup, page: Path) -> None:
    """Fold each overview diagram in which a part is in colour.

    Writes the strips that the page shows beside its diagrams.
    """
    for image in soup.select(".bd-article p > img"):
        address, _, file = image.get("src", "").rpartition("/")
        name = Path(file).stem
        if name not in SHORT or image.parent.get_text(strip=True):
            continue
        strip = f"{address}/{name}-strip.svg"
        drawn = model_strip(name).svg()
        (page.parent / strip).write_text(drawn, encoding="utf-8", newline="\n")
        fold = soup.new_tag("details", attrs={"class": "overview"})
        image.parent.insert_before(fold)
        head = soup.new_tag("summary")
        head.append(soup.new_tag("img", src=strip, alt=alt(name)))
        said = {"part": SHORT[name], "more": "show the whole diagram"}
        for kind, words in said.items():
            line = soup.new_tag("span", attrs={"class": f"overview-{kind}"})
            line.string = words[0].upper() + words[1:]
            head.append(line)
        fold.extend([head, image.parent.extract()])
