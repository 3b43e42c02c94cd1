"""Answers: the right ones, and mistakes with their words.

Nothing here is shared with the checkers' own formulas.
"""

import torch

VOID = 255
FOUR = ((-1, 0), (0, 1), (1, 0), (0, -1))


def border(labels, steps=FOUR, known=lambda n: n != VOID, least=1, wrap=False):
    """Pixel by pixel: how many of its neighbours have another class."""
    (h, w), result = labels.shape, labels.clone()
    for y in range(h):
        for x in range(w):
            differ = 0
            for dy, dx in steps:
                i, j = y + dy, x + dx
                if wrap:
                    i, j = i % h, j % w
                if 0 <= i < h and 0 <= j < w:
                    near = labels[i, j].item()
                    differ += near != labels[y, x].item() and known(near)
            if differ >= least:
                result[y, x] = VOID
    return result


def lookup(mask, colours, key=tuple, unknown=None, first=0):
    """A dictionary from colours to indices."""
    table = {key(c): first + i for i, c in enumerate(colours)}
    found = []
    for colour in mask.flatten(0, 1).tolist():
        if key(colour) not in table and unknown is None:
            raise ValueError(f"colour {colour} has no class")
        found.append(table.get(key(colour), unknown))
    return torch.tensor(found).view(mask.shape[:2])


def any_channel(mask, colours):
    labels = torch.zeros(mask.shape[:2], dtype=torch.int64)
    for i, c in enumerate(colours):
        for k in range(3):
            labels[mask[..., k] == c[k]] = i
    return labels


def nearest(mask, colours):
    far = mask[..., None, :].float() - torch.tensor(colours).float()
    return far.square().sum(-1).argmin(-1)


def stops(mask, colours):
    table = {tuple(c): i for i, c in enumerate(colours)}
    rows = mask.tolist()
    return torch.tensor([[table[tuple(c)] for c in row] for row in rows])


def says_nothing(mask, colours):
    try:
        return lookup(mask, colours)
    except ValueError:
        raise ValueError("a colour has no class") from None


def returns(value):
    def answer(mask, colours):
        try:
            return lookup(mask, colours)
        except ValueError:
            return value

    return answer


def split(recordings, least):
    """Names from the end, until their pictures are enough."""
    names, pictures = list(dict.fromkeys(recordings[::-1])), []
    while len(pictures) < least:
        name = names.pop(0)
        pictures += [i for i, x in enumerate(recordings) if x == name]
    return sorted(pictures)


def too_few(recordings, least):
    names, pictures = list(dict.fromkeys(recordings[::-1])), []
    for name in names:
        own = [i for i, x in enumerate(recordings) if x == name]
        if len(pictures) + len(own) > least:
            return sorted(pictures)
        pictures += own
    return sorted(pictures)


def from_the_start(recordings, least):
    names, pictures = list(dict.fromkeys(recordings)), []
    while len(pictures) < least:
        name = names.pop(0)
        pictures += [i for i, x in enumerate(recordings) if x == name]
    return sorted(pictures)


RIGHT = {"border": border, "indices": lookup, "split": split}
WRONG = [
    ("border", lambda x: border(x, wrap=True), "with the first ones"),
    ("border", lambda x: border(x, known=lambda n: True), "void grows"),
    ("border", lambda x: border(x, ((0, 1), (1, 0))), "right and its lower"),
    ("border", lambda x: border(x, ((0, -1), (-1, 0))), "left and its upper"),
    ("border", lambda x: border(x, ((0, -1), (0, 1))), "left and to the right"),
    ("border", lambda x: border(x, ((-1, 0), (1, 0))), "up and down only"),
    ("border", lambda x: border(
        x, (*FOUR, (1, 1), (1, -1), (-1, 1), (-1, -1))), "diagonal"),
    ("border", lambda x: border(x, least=4), "all of its neighbours"),
    ("border", lambda x: x, "in your result 2 are void"),
    ("border", lambda x: 3, "but yours is 3"),
    ("indices", lambda m, c: lookup(m, c, lambda x: x[0], 0), "red channel"),
    ("indices", any_channel, "All three must"),
    ("indices", lambda m, c: lookup(m.flip(2), c, unknown=0), "swapped"),
    ("indices", lambda m, c: lookup(m, c, first=1), "count from 1"),
    ("indices", lambda m, c: lookup(m, c) * 0, "should be [[0, 1, 1]"),
    ("indices", lambda m, c: m, "a tensor of shape (2, 3, 3)"),
    ("indices", lambda m, c: lookup(m, c, unknown=0), "makes it class 0"),
    ("indices", nearest, "makes it class 0"),
    ("indices", lambda m, c: lookup(m, c, unknown=255), "makes it void"),
    ("indices", lambda m, c: lookup(m, c, unknown=-1), "makes it label -1"),
    ("indices", says_nothing, "Name it in the message"),
    ("indices", stops, "stops with KeyError"),
    ("indices", returns(None), "It should raise a ValueError"),
    ("indices", returns("a colour"), "It should raise a ValueError"),
    ("split", lambda r, n: [*range(len(r) - n, len(r))], "cut in two: nearly"),
    ("split", lambda r, n: [*range(n)], "from the end of the list"),
    ("split", lambda r, n: [len(r) // n * i for i in range(n)],
     "every so many-th"),
    ("split", lambda r, n: sorted({*range(len(r))} - {*split(r, n)}),
     "to learn from"),
    ("split", too_few, "stops before"),
    ("split", from_the_start, "begins with the first"),
    ("split", lambda r, n: [i for i in range(len(r)) if r[i] == r[-1]],
     "last picture alone"),
    ("split", lambda r, n: split(r, n)[::-1],
     "but your function returned [9, 8]"),
    ("split", lambda r, n: 3, "but yours is 3"),
]  # fmt: skip
