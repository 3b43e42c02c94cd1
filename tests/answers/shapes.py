"""Answers: the right ones, and mistakes with their words.

Nothing here is shared with the checkers' own formulas.
"""

import math

import torch


def cut(map_, r, order=(0, 1, 2, 3, 4)):
    """All windows, one by one; `order` moves the axes b, n, k, l, c."""
    h, w = map_.shape[2:]
    found = [
        map_[:, :, y : y + r, x : x + r].movedim(1, -1)
        for y in range(0, h, r)
        for x in range(0, w, r)
    ]
    return torch.stack(found, 1).permute(order).flatten(2, 3)


def by_column(map_, r):
    """The windows, column by column."""
    count = map_.shape[3] // r
    found = [cut(map_[..., x * r : x * r + r], r) for x in range(count)]
    return torch.cat(found, 1)


def strided(map_, r):
    """Every so many rows and columns, in place of neighbours."""
    h, w = map_.shape[2] // r, map_.shape[3] // r
    found = [
        map_[:, :, y::h, x::w].movedim(1, -1).flatten(1, 2)
        for y in range(h)
        for x in range(w)
    ]
    return torch.stack(found, 1)


def trip(b, h, w, agree=torch.equal, step=3):
    """A test of `to_map` with the numbers 0, 1, 2, ... times `step`."""

    def is_right(to_map):
        map_ = torch.arange(b * 7 * h * w).reshape(b, 7, h, w) * step
        tokens = map_.flatten(2).mT
        return agree(to_map(tokens, h, w), map_)

    return is_right


def one_shape(a, b):
    return a.shape == b.shape


def corner(a, b):
    return a[..., 0, 0].equal(b[..., 0, 0])


def pairs(map_):
    """Each number by a loop over the positions."""
    h, w = map_.shape[2:]
    all_ = [map_[:, :, i // w, i % w] for i in range(h * w)]
    rows = [torch.stack([(p * q).sum(1) for q in all_], 1) for p in all_]
    return torch.stack(rows, 1)


RIGHT = {
    "windows": cut,
    "round_trip": trip(2, 5, 6),
    "pairs": pairs,
}
WRONG = [
    ("windows", lambda m, r: m.flatten(2).mT.unflatten(1, (-1, r * r)),
     "strips of 9 positions"),
    ("windows", strided, "(h p)"),
    ("windows", by_column, "windows come column by column"),
    ("windows", lambda m, r: cut(m, r, (0, 1, 3, 2, 4)),
     "inside a window come column by column"),
    ("windows", lambda m, r: cut(m.mT, r), "Both the windows"),
    ("windows", lambda m, r: cut(m, r).transpose(1, 2),
     "the number of the window"),
    ("windows", lambda m, r: cut(m, r).mT, "channels belong at the end"),
    ("windows", lambda m, r: cut(m, r).movedim(-1, 1),
     "channels belong at the end"),
    ("windows", lambda m, r: m.reshape(2, 8, 9, 4), "must be reordered"),
    ("windows", lambda m, r: cut(m, r).flip(1), "at other positions"),
    ("windows", lambda m, r: m, "yours is a tensor of shape (2, 4, 6, 12)"),
    ("windows", lambda m, r: "b (h w) (p q) c", "but yours is 'b (h"),
    ("round_trip", lambda f: True, "True for every version"),
    ("round_trip", lambda f: False, "False for every version"),
    ("round_trip", lambda f: not trip(2, 5, 6)(f), "exchanged"),
    ("round_trip", trip(3, 5, 6, one_shape), "not a wrong order"),
    ("round_trip", trip(2, 5, 6, step=0), "not a wrong order"),
    ("round_trip", trip(2, 5, 6, lambda a, b: a.sum() == b.sum()),
     "True for every version"),
    ("round_trip", trip(2, 5, 6, corner), "apart column by column"),
    ("round_trip", trip(2, 6, 6), "width can be taken for the height"),
    ("round_trip", trip(1, 5, 6), "mixes the pictures of a batch passes"),
    ("round_trip", trip(1, 6, 6), "alone in its batch"),
    ("round_trip", lambda f: trip(2, 5, 6)(lambda t, h, w: f(t, w, h).mT),
     "False for the correct version"),
    ("round_trip", lambda f: trip(2, 5, 6)(f) * 1, "True or False"),
    ("pairs", lambda m: torch.einsum("bchw,bdhw->bcd", m, m), "c × c"),
    ("pairs", lambda m: torch.einsum("bchw,bcij->bhwij", m, m),
     "into brackets"),
    ("pairs", lambda m: pairs(m.reshape(2, 3, 4, 5).movedim(-1, 1)),
     "are not tokens"),
    ("pairs", lambda m: pairs(m.mT), "column by column"),
    ("pairs", lambda m: (m * m).sum(1).flatten(1), "itself only"),
    ("pairs", lambda m: torch.eye(12) * pairs(m), "itself only"),
    ("pairs", lambda m: torch.einsum("bci,dcj->bidj", m.flatten(2),
                                        m.flatten(2)).reshape(24, 24),
     "different pictures"),
    ("pairs", lambda m: pairs(m).sum(0), "b is missing"),
    ("pairs", lambda m: torch.softmax(pairs(m), 2), "applies softmax"),
    ("pairs", lambda m: pairs(m) / math.sqrt(5), "the root"),
    ("pairs", lambda m: pairs(m / m.norm(dim=1, keepdim=True)), "cosines"),
    ("pairs", lambda m: pairs(m) / m.shape[1], "averages"),
    ("pairs", lambda m: pairs(m) + 1, "numbers are not"),
    ("pairs", lambda m: m, "a tensor of shape (2, 12, 12)"),
    ("pairs", lambda m: [1], "but yours is [1]"),
]  # fmt: skip
