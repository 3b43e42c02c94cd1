"""Checkers on the model as a flow of shapes."""

from collections.abc import Callable
from math import floor

import torch
from einops import rearrange
from torch import Tensor

from .checking import ask, judge


def windows(answer: Callable) -> str | None:
    """A map as windows of r x r, b c h w -> b windows (r r) c."""
    sides = {"p": 3, "q": 3}
    map_ = torch.arange(2.0 * 4 * 6 * 12).view(2, 4, 6, 12)
    got = ask(answer, map_.clone(), 3)

    def cut(pattern: str) -> Tensor:
        return rearrange(map_, pattern, **sides)

    true = cut("b c (h p) (w q) -> b (h w) (p q) c")
    if not isinstance(got, Tensor):
        return f"not yet: expected a tensor, got {type(got).__name__}."
    if got.shape == true.shape:
        got = got.to(true.dtype)
    mistakes = [
        (
            map_.movedim(1, -1).reshape(true.shape),
            "the windows are strips of 9 places that follow each other in "
            "the list of all places. A window is 3 rows high and 3 columns "
            "wide: take the rows and the columns apart.",
        ),
        (
            cut("b c (p h) (q w) -> b (h w) (p q) c"),
            "the order in the brackets on the left is swapped. (p h) puts "
            "places into a window that lie far apart: in a bracket the last "
            "name moves fastest, so neighbours need (h p).",
        ),
        (
            cut("b c (h p) (w q) -> b (w h) (p q) c"),
            "the windows come column by column. In (w h) the row moves "
            "fastest.",
        ),
        (
            cut("b c (h p) (w q) -> b (h w) (q p) c"),
            "the places inside a window come column by column. In (q p) the "
            "row moves fastest.",
        ),
        (
            cut("b c (h p) (w q) -> b (w h) (q p) c"),
            "windows, and the places in them, come column by column. In a "
            "bracket the last name moves fastest.",
        ),
        (
            cut("b c (h p) (w q) -> b (p q) (h w) c"),
            "the two brackets on the right are swapped: first which window, "
            "then where in it.",
        ),
        (
            cut("b c (h p) (w q) -> b (h w) c (p q)"),
            "the channels belong at the end: a token is all channels of one "
            "place.",
        ),
        (
            cut("b c (h p) (w q) -> b c (h w) (p q)"),
            "the channels belong at the end: a token is all channels of one "
            "place.",
        ),
        (
            map_.reshape(true.shape),
            "`reshape` cuts the numbers in the order in which they lie. They "
            "must change places, too.",
        ),
    ]
    if torch.equal(got, true):
        return None
    for wrong, mistake in mistakes:
        if torch.equal(got, wrong):
            return mistake
    if got.shape != true.shape:
        return (
            "not yet: for a map of 2 4 6 12 and r = 3 expected shape "
            f"{tuple(true.shape)}, got {tuple(got.shape)}."
        )
    return (
        "not yet: the shape is right, but the numbers stand at other places. "
        "Try a map of 1 1 4 4 with the numbers 0 to 15, and r = 2: the first "
        "window is 0, 1, 4, 5."
    )


def flow(answer: Callable) -> str | None:
    """The shapes of the four maps and of the logits."""
    strides = (4, 8, 16, 32)

    def by(divide, height, width, dims):
        found = [
            (c, divide(height, s), divide(width, s))
            for c, s in zip(dims, strides, strict=True)
        ]
        return [*found, (150, *found[0][1:])]

    def up(n, s):
        return -(-n // s)

    def true(height, width, dims):
        return by(up, height, width, dims)

    def last(size):
        return lambda h, w, dims: [*true(h, w, dims)[:4], size(h, w)]

    mistakes = [
        (
            lambda *case: by(lambda n, s: n // s, *case),
            "the sides are rounded down. The last window of a patch embedding "
            "may hang over the border, so nothing is left out: round up.",
        ),
        (
            lambda *case: by(lambda n, s: floor(n / s + 0.5), *case),
            "the sides are rounded to the nearest whole number. 333 / 4 = "
            "83.25 gives 84: always up.",
        ),
        (
            lambda *case: by(lambda n, s: round(n / s), *case),
            "the sides are rounded to the nearest whole number. 333 / 4 = "
            "83.25 gives 84: always up.",
        ),
        (
            lambda *case: by(lambda n, s: n / s, *case),
            "a map cannot have half a row: round up.",
        ),
        (
            lambda h, w, dims: by(lambda n, s: 512 // s, h, w, dims),
            "these are the sides for 512 x 512, whatever the photo's size.",
        ),
        (
            lambda h, w, dims: true(w, h, dims),
            "height and width are swapped: c h w, rows before columns.",
        ),
        (
            lambda *case: [(h, w, c) for c, h, w in true(*case)],
            "between the stages the channels come first: (c, h, w).",
        ),
        (
            lambda h, w, dims: true(h, h, dims),
            "the width is not used: this photo is not square.",
        ),
        (
            last(lambda h, w: (150, h, w)),
            "the logits come at a quarter of the photo's sides, as the first "
            "map does. `predict` resizes them.",
        ),
        (
            last(lambda h, w: (150, up(h, 32), up(w, 32))),
            "the logits have the size of the first map, not of the last one: "
            "the decoder resizes all maps to it.",
        ),
        (
            lambda h, w, dims: true(h, w, (32, 64, 160, 256)),
            "the channels are B0's, whatever `dims` says.",
        ),
        (
            lambda *case: true(*case)[:4],
            "the four maps are right; the logits are missing.",
        ),
    ]
    small, large = (32, 64, 160, 256), (64, 128, 320, 512)
    cases = [(512, 512, small), (250, 333, small), (97, 203, large)]
    got = []
    for case in cases:
        shapes = ask(answer, *case)
        if not isinstance(shapes, tuple | list) or not all(
            isinstance(shape, tuple | list) and len(shape) == 3
            for shape in shapes
        ):
            return f"not yet: expected five tuples (c, h, w), got {shapes!r}."
        got.append([tuple(shape) for shape in shapes])

    def otherwise(case, said) -> str:
        return (
            f"not yet: for {case[0]} x {case[1]} and dims {case[2]} expected "
            f"{true(*case)}, your function says {said}."
        )

    return judge(got, cases, true, mistakes, otherwise)


def all_pairs(answer: Callable) -> str | None:
    """Dot products of all pairs of tokens of a map."""
    generator = torch.Generator().manual_seed(0)
    map_ = torch.randn(2, 5, 3, 4, generator=generator, dtype=torch.float64)
    got = ask(answer, map_.clone())
    if not isinstance(got, Tensor):
        return f"not yet: expected a tensor, got {type(got).__name__}."
    tokens = rearrange(map_, "b c h w -> b (h w) c")
    true = tokens @ tokens.mT

    def gram(x: Tensor) -> Tensor:
        return x @ x.mT

    mistakes = [
        (
            gram(tokens.mT),
            "these are dot products of channels, c x c: the places were added "
            "up. Keep the places and add up the channels.",
        ),
        (
            true.view(2, 3, 4, 3, 4),
            "the dot products are there. Put rows and columns into brackets, "
            "so that the result is b (h w) (h w).",
        ),
        (
            gram(map_.reshape(2, 12, 5)),
            "`reshape` does not bring the channels to the end, so these are no "
            "tokens: use rearrange.",
        ),
        (
            gram(rearrange(map_, "b c h w -> b (w h) c")),
            "the tokens come column by column. In (w h) the row moves fastest.",
        ),
        (
            tokens.square().sum(-1),
            "each token is compared with itself only. The second token needs "
            "a name of its own for its place.",
        ),
        (
            torch.diag_embed(tokens.square().sum(-1)),
            "each token is compared with itself only.",
        ),
        (
            gram(tokens.flatten(0, 1)),
            "tokens of different pictures are compared. The batch must stay "
            "on its own, in both tensors and in the result.",
        ),
        (
            true.sum(0),
            "the pictures of the batch are added up: b is missing in the "
            "result.",
        ),
        (
            true.softmax(-1),
            "these are shares that add up to 1. Softmax comes in chapter 4; "
            "here are only the dot products.",
        ),
        (
            true / 5**0.5,
            "the dot products are divided by the root of the number of "
            "channels. That comes in chapter 4.",
        ),
        (
            gram(torch.nn.functional.normalize(tokens, dim=-1)),
            "these are cosines: the tokens were divided by their lengths.",
        ),
        (
            true / 5,
            "the channels are averaged; a dot product adds them up.",
        ),
    ]

    def same(wanted: Tensor) -> bool:
        return got.shape == wanted.shape and torch.allclose(
            got.to(wanted.dtype), wanted, atol=1e-4
        )

    if same(true):
        return None
    for wrong, mistake in mistakes:
        if same(wrong):
            return mistake
    if got.shape != true.shape:
        return (
            "not yet: for a map of 2 5 3 4 expected shape "
            f"{tuple(true.shape)}, got {tuple(got.shape)}."
        )
    return "not yet: the shape is right, the numbers are not."


CHECKERS = {
    "shapes.windows": windows,
    "shapes.flow": flow,
    "shapes.pairs": all_pairs,
}
