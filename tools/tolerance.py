"""Compare two outputs of a notebook cell, with room for the last digits.

Another processor or another version of torch rounds differently. A number
with a point or an exponent may therefore differ by 1e-3, relative or
absolute. Everything else is exact: words, signs, shapes, integers, nan.
"""

import math
import re

TOLERANCE = 1e-3
NUMBER = re.compile(
    r"""(?<![\w.])                      # not inside a name or a version
        [-+]?(?: \d+\.\d*(?:e[-+]?\d+)?   # 1.5  1.  1.5e-3
               | \.\d+(?:e[-+]?\d+)?      # .5
               | \d+e[-+]?\d+ )           # 1e-3
        (?!\w|\.\d)""",
    re.VERBOSE | re.IGNORECASE,
)


def same(stored: str, fresh: str) -> bool:
    """Tell whether two texts agree, their decimal numbers within 1e-3.

    Runs of blanks count as one, and a blank beside a bracket as none: torch
    and numpy pad a column to its widest number. Lines stay lines.
    """
    words_stored, words_fresh = NUMBER.split(stored), NUMBER.split(fresh)
    if list(map(_squeeze, words_stored)) != list(map(_squeeze, words_fresh)):
        return False
    numbers = zip(NUMBER.findall(stored), NUMBER.findall(fresh), strict=True)
    return all(
        math.isclose(float(a), float(b), rel_tol=TOLERANCE, abs_tol=TOLERANCE)
        for a, b in numbers
    )


def _squeeze(words: str) -> str:
    words = re.sub(r"[ \t]+", " ", words)
    return re.sub(r"(?<=[\[(]) | (?=[\])\n]|$)|^ ", "", words)


class Text(str):
    """A stored or fresh output, equal to another within the tolerance."""

    __hash__ = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and same(self, other)

    def __ne__(self, other: object) -> bool:
        return not self == other
