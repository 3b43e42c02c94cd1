"""Mark queries, keys and values in the text as the figures mark them."""

CHAPTERS = ("04_self_attention", "05_efficient_self_attention")
PARTS = {"q": "query", "k": "key", "v": "value"}


def hues(soup, chapter: str) -> None:
    """Give the words and letters of attention the classes of their colours.

    Marked are the terms in bold where they are explained, the matrices Q, K
    and V and the weights of the layers in formulas, and q, k and v in code.
    """
    if chapter not in CHAPTERS:
        return

    def mark(tag, part: str | None) -> None:
        if part is not None:
            tag["class"] = [*tag.get("class", []), f"hue-{part}"]

    for tag in soup.select(".bd-article strong"):
        if tag.get_text() in PARTS.values():
            mark(tag, tag.get_text())
    for tag in soup.select(".bd-article math mi"):
        if tag.get_text().isupper():
            mark(tag, PARTS.get(tag.get_text().lower()))
    for tag in soup.select(".bd-article math :is(msub, msubsup)"):
        letter, index, *_ = tag.find_all(recursive=False)
        if letter.get_text() == "W":
            mark(tag, PARTS.get(index.get_text()))
    for tag in soup.select(".bd-article :is(p, li) code"):
        mark(tag, PARTS.get(tag.get_text()))
