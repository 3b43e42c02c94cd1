"""RIGHT and WRONG answers of all chapters, one file per chapter."""

from . import ch01, ch02, ch03, ch04, ch05, ch06, ch07, ch08, ch09, ch10, ch11

CHAPTERS = (ch01, ch02, ch03, ch04, ch05, ch06, ch07, ch08, ch09, ch10, ch11)
RIGHT = {name: f for part in CHAPTERS for name, f in part.RIGHT.items()}
WRONG = [mistake for part in CHAPTERS for mistake in part.WRONG]
