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


def shapes(height, width, dims, classes=150):
    """Halve a count twice, then once a stage, always up."""
    result, h, w = [], height, width
    for stage, dim in enumerate(dims):
        for _ in range(1 if stage else 2):
            h, w = (h + 1) // 2, (w + 1) // 2
        result.append((dim, h, w))
    return [*result, (classes, *result[0][1:])]


def rounded(rule):
    def answer(height, width, dims):
        found = [
            (dim, rule(height / 2**k), rule(width / 2**k))
            for k, dim in enumerate(dims, 2)
        ]
        return [*found, (150, *found[0][1:])]

    return answer


def pairs(map_):
    """Each number by a loop over the places."""
    h, w = map_.shape[2:]
    places = [map_[:, :, i // w, i % w] for i in range(h * w)]
    rows = [torch.stack([(p * q).sum(1) for q in places], 1) for p in places]
    return torch.stack(rows, 1)


RIGHT = {
    "windows": cut,
    "flow": shapes,
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
    ("flow", rounded(math.floor), "rounds the sides down"),
    ("flow", rounded(round), "nearest"),
    ("flow", rounded(lambda n: math.floor(n + 0.5)), "nearest"),
    ("flow", rounded(float), "half a row"),
    ("flow", lambda h, w, d: shapes(512, 512, d), "for 512 × 512"),
    ("flow", lambda h, w, d: shapes(w, h, d), "Height and width"),
    ("flow", lambda h, w, d: [s[1:] + s[:1] for s in shapes(h, w, d)],
     "channels belong in front"),
    ("flow", lambda h, w, d: shapes(h, h, d), "does not use the width"),
    ("flow", lambda h, w, d: [*shapes(h, w, d)[:4], (150, h, w)],
     "quarter of the photo"),
    ("flow", lambda h, w, d: [*shapes(h, w, d)[:4],
                                  (150, *shapes(h, w, d)[3][1:])],
     "not of the last one"),
    ("flow", lambda h, w, d: shapes(h, w, (32, 64, 160, 256)),
     "whatever `dims` says"),
    ("flow", lambda h, w, d: shapes(h, w, d)[:4], "logits are missing"),
    ("flow", lambda h, w, d: shapes(h, w, d, classes=19), "(150, 128"),
    ("flow", lambda h, w, d: [1, 2, 3], "five tuples"),
    ("flow", lambda h, w, d: [None] * 5, "not answered"),
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
