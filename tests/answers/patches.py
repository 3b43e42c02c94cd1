"""Answers: the right ones, and mistakes with the words for them.

Nothing here is shared with the checkers' own formulas.
"""

import torch
import torch.nn.functional as F


def embed(rows):
    """Put the 4 x 4 kernel at these rows and columns of a 7 x 7 one."""

    def answer(weight):
        large = weight.new_zeros(*weight.shape[:2], 7, 7)
        large[:, :, rows, rows] = weight
        return large

    return answer


def sides(rows, k, s):
    """Try all sides: nothing is shared with the checker's formula."""
    given = [n for n in range(1, 400) if (n + k // 2 * 2 - k) // s + 1 == rows]
    return given[0], given[-1]


def fields(sizes, strides):
    result, field, apart = [], 1, 1
    for k, s in zip(sizes, strides, strict=True):
        field, apart = field + (k - 1) * apart, apart * s
        result.append(field)
    return result


RIGHT = {
    "sides": sides,
    "kernel": lambda weight: F.pad(weight, (3, 0, 3, 0)),
    "field": fields,
}
WRONG = [
    ("sides", lambda m, k, s: (m * s, m * s), "not the only one"),
    ("sides", lambda m, k, s: (m * s, m * s + s - 1), "drop what is left"),
    ("sides", lambda m, k, s: (m * s - s + k, m * s + k - 1),
     "leaves out the padding"),
    ("sides", lambda m, k, s: (m * s - s + k - k // 2,
                                  m * s + k - k // 2 - 1), "both ends"),
    ("sides", lambda m, k, s: sides(m + 1, k, s), "one row too many"),
    ("sides", lambda m, k, s: (sides(m, k, s)[0], sides(m, k, s)[1] + 1),
     "too large by one"),
    ("sides", lambda m, k, s: (1, 2), "the sides are 249 to 252"),
    ("sides", lambda m, k, s: 250, "should be 2 numbers"),
    ("kernel", embed(slice(0, 4)), "upper left"),
    ("kernel", embed(slice(1, 5)), "into the middle"),
    ("kernel", embed(slice(2, 6)), "into the middle"),
    ("kernel", lambda w: F.pad(w.mT, (3, 0, 3, 0)), "swapped"),
    ("kernel", lambda w: F.pad(w.flip(2, 3), (3, 0, 3, 0)),
     "turns the small kernel"),
    ("kernel", lambda w: F.pad(w, (3, 0, 3, 0), value=1.0), "must be zero"),
    ("kernel", lambda w: w, "a tensor of shape (5, 3, 7, 7)"),
    ("kernel", lambda w: torch.ones(5, 3, 7, 7), "other tokens"),
    ("field", lambda k, s: fields(k, [1] * len(s)), "leaves out the strides"),
    ("field", lambda k, s: [7, 21, 63, 189] if k[0] == 7 else [5, 25, 75],
     "multiplies the patch sizes"),
    ("field", lambda k, s: [4, 8, 16, 32] if k[0] == 7 else [3, 6, 24],
     "how far apart"),
    ("field", lambda k, s: [25, 41, 73, 137] if k[0] == 7 else [13, 37, 85],
     "own stride"),
    ("field", lambda k, s: [1, 2, 3, 4], "returned [1, 2, 3, 4]"),
    ("field", lambda k, s: [7, 15, 31, 63], "(5, 5, 3)"),
    ("field", lambda k, s: 3, "should be 4 numbers"),
    ("field", lambda k, s: [None] * 4, "not answered"),
    ("kernel", lambda w: F.pad(w.double(), (1, 2, 1, 2)), "into the middle"),
]  # fmt: skip
