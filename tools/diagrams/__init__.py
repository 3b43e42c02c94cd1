"""The book's diagrams: DRAWINGS names each one and draws it."""

from . import (
    ch01,
    ch02,
    ch03,
    ch04,
    ch05,
    ch06,
    ch07,
    ch08,
    ch09,
    ch10,
    ch11,
    model_map,
)

CHAPTERS = (
    model_map,
    ch01,
    ch02,
    ch03,
    ch04,
    ch05,
    ch06,
    ch07,
    ch08,
    ch09,
    ch10,
    ch11,
)
DRAWINGS = {
    name: draw
    for chapter in CHAPTERS
    for name, draw in chapter.DRAWINGS.items()
}
