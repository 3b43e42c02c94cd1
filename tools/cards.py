"""What a reader is told of a chapter: its place, its minutes, its picture."""

import re
from dataclasses import dataclass
from pathlib import Path

import contents
import measures
import notebooks


@dataclass(frozen=True)
class Chapter:
    """A notebook of the book, as its opening and its card show it."""

    page: str  # book/01_segmentation
    title: str  # 1. A class for every pixel
    question: str
    minutes: int
    colab: str

    @property
    def number(self) -> int:
        """The chapter's number, which its title begins with."""
        return int(self.title.partition(".")[0])


def chapters(root: Path) -> list[Chapter]:
    """List the chapters in the order of _toc.yml."""
    found = []
    for name in contents.listed(root):
        path = root / f"{name}.ipynb"
        if path.exists():
            title, question = contents.chapter(path)
            colab = re.search(r"\]\(([^)]+)\)$", notebooks.badge(path))[1]
            time = measures.minutes(notebooks.read(path))
            found.append(Chapter(name, title, question, time, colab))
    return found


def opening(soup, chapter: Chapter, last: int) -> None:
    """Say below the question where the chapter stands and what it takes."""
    line = soup.new_tag("p", attrs={"class": "opening"})
    line.append(
        f"Chapter {chapter.number} of {last} · "
        f"about {chapter.minutes} minutes · "
    )
    link = soup.new_tag("a", href=chapter.colab)
    link.string = "Open in Colab"
    line.append(link)
    heading = soup.select_one(".bd-article h1")
    heading.find_next_sibling("p").insert_after(line)


def buttons(soup, first: Chapter) -> None:
    """Put the two ways into the book below the first paragraph."""
    line = soup.new_tag("p", attrs={"class": "ways-in"})
    ways = {"Start reading": page_link(first), "Open in Colab": first.colab}
    for text, address in ways.items():
        link = soup.new_tag("a", href=address, attrs={"class": "way-in"})
        link.string = text
        line.append(link)
    heading = soup.select_one(".bd-article h1")
    heading.find_next_sibling("p").insert_after(line)


def page_link(chapter: Chapter) -> str:
    """Return a chapter's address as the introduction links it."""
    return f"{Path(chapter.page).name}.html"


def cards(soup, listed: list[Chapter], pictures: dict[str, list]) -> None:
    """Put cards in place of the introduction's table of chapters.

    pictures: for the page of a chapter, the `img` tags that show it.
    """
    table = soup.select_one("#the-chapters table")
    if table is None:
        raise ValueError("the introduction has no table of chapters")
    deck = soup.new_tag("ul", attrs={"class": "cards"})
    for chapter in listed:
        card = soup.new_tag("li")
        for picture in pictures.get(chapter.page, []):
            card.append(picture)
        link = soup.new_tag(
            "a", href=page_link(chapter), attrs={"class": "card-title"}
        )
        link.string = chapter.title.replace("'", "’")
        question = soup.new_tag("p")
        question.string = chapter.question.replace("'", "’")
        time = soup.new_tag("p", attrs={"class": "card-time"})
        time.string = f"{chapter.minutes} minutes"
        card.extend([link, question, time])
        deck.append(card)
    box = table.find_parent(class_="pst-scrollable-table-container") or table
    box.replace_with(deck)
