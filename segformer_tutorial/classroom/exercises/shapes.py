"""Exercises on patterns, and on the shapes that flow through the model."""

from math import ceil, floor

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

from .checking import by_cases


def cut(pattern: str):
    """A rule that cuts a feature map into windows of r x r positions."""
    return lambda x, r: rearrange(x, pattern, p=r, q=r)


true_windows = cut("b c (h p) (w q) -> b (h w) (p q) c")

windows = by_cases(
    cases=[(torch.arange(2.0 * 4 * 6 * 12).view(2, 4, 6, 12), 3)],
    true=true_windows,
    mistakes={
        "Your windows are strips of 9 positions that follow each other in the "
        "list of all positions. A window is 3 rows high and 3 columns wide, "
        "so take rows and columns apart.": (
            lambda x, r: x.flatten(2).mT.unflatten(1, (-1, r * r))
        ),
        "The order in the brackets on the left is swapped. The last name in a "
        "bracket moves fastest, so (p h) puts positions into a window that "
        "lie far apart, and (h p) puts neighbours into it.": (
            cut("b c (p h) (q w) -> b (h w) (p q) c")
        ),
        "Your windows come column by column, because in (w h) the row moves "
        "fastest.": cut("b c (h p) (w q) -> b (w h) (p q) c"),
        "The positions inside a window come column by column, because in "
        "(q p) the row moves fastest.": (
            cut("b c (h p) (w q) -> b (h w) (q p) c")
        ),
        "Both the windows and the positions in them come column by column. "
        "The last name in a bracket moves fastest.": (
            cut("b c (h p) (w q) -> b (w h) (q p) c")
        ),
        "The two brackets on the right are swapped. First comes the number of "
        "the window, then the position in it.": (
            cut("b c (h p) (w q) -> b (p q) (h w) c")
        ),
        "The channels belong at the end, because a token is all channels of "
        "one position.": [
            cut("b c (h p) (w q) -> b (h w) c (p q)"),
            cut("b c (h p) (w q) -> b c (h w) (p q)"),
        ],
        "Your function keeps the numbers in the order in which they lie in "
        "memory, as `reshape` does. They must be reordered: use "
        "`rearrange`.": lambda x, r: x.reshape(true_windows(x, r).shape),
    },
    otherwise="The shape is correct, but the numbers are at other positions. "
    "Try a feature map of 1 1 4 4 with the numbers 0 to 15 and r = 2: its "
    "first window is 0, 1, 4, 5.",
)


def by(divide, logits=lambda first, h, w: first):
    """A rule that divides a side by 4, 8, 16 and 32 in its own way."""

    def rule(h, w, dims):
        sides = [(divide(h / s), divide(w / s)) for s in (4, 8, 16, 32)]
        maps = [(c, *side) for c, side in zip(dims, sides, strict=True)]
        return [*maps, (150, *logits(sides[0], h, w))]

    return rule


true_flow = by(ceil)

flow = by_cases(
    cases=[
        (512, 512, (32, 64, 160, 256)),
        (250, 333, (32, 64, 160, 256)),
        (97, 203, (64, 128, 320, 512)),
    ],
    true=true_flow,
    form=lambda said, wanted: (
        None
        if isinstance(said, list)
        and all(isinstance(shape, list) and len(shape) == 3 for shape in said)
        else f"Return five tuples (c, h, w); your function returned {said!r}."
    ),
    mistakes={
        "Your function rounds the sides down. The last window of a patch "
        "embedding may hang over the border, so nothing is left out: round "
        "up.": by(floor),
        "Your function rounds to the nearest whole number. A side is always "
        "rounded up: 333 / 4 = 83.25 gives 84.": [
            by(lambda n: floor(n + 0.5)),
            by(round),
        ],
        "A feature map cannot have half a row, so round the sides up.": (
            by(lambda n: n)
        ),
        "Your function returns the sides for 512 × 512, whatever the size of "
        "the photo.": lambda h, w, dims: true_flow(512, 512, dims),
        "Height and width are swapped. The order is c h w: rows come before "
        "columns.": lambda h, w, dims: true_flow(w, h, dims),
        "The channels belong in front: between the stages a shape is "
        "(c, h, w).": lambda *case: [(h, w, c) for c, h, w in true_flow(*case)],
        "Your function does not use the width, but a photo need not be "
        "square.": lambda h, w, dims: true_flow(h, h, dims),
        "The logits have a quarter of the photo's sides, as the first feature "
        "map does. They are resized only when labels are made of them.": (
            by(ceil, lambda first, h, w: (h, w))
        ),
        "The logits have the size of the first feature map, not of the last "
        "one, because the decoder resizes all feature maps to the first.": (
            by(ceil, lambda first, h, w: (ceil(h / 32), ceil(w / 32)))
        ),
        "Your function returns the channels of B0, whatever `dims` says.": (
            lambda h, w, dims: true_flow(h, w, (32, 64, 160, 256))
        ),
        "The four feature maps are correct, but the logits are missing.": (
            lambda *case: true_flow(*case)[:4]
        ),
    },
    otherwise="For {0} × {1} pixels and dims {2} the shapes are {wanted}, but "
    "your function returned {said}.",
)


def gram(tokens: Tensor) -> Tensor:
    return tokens @ tokens.mT


def of_tokens(rule):
    """A rule of the list of tokens of a feature map."""
    return lambda x: rule(rearrange(x, "b c h w -> b (h w) c"))


pairs = by_cases(
    cases=[
        (torch.randn((2, 5, 3, 4), generator=torch.Generator().manual_seed(0)),)
    ],
    true=of_tokens(gram),
    mistakes={
        "These are dot products of channels, c × c, because your function "
        "adds up the positions. Keep the positions and add up the "
        "channels.": of_tokens(lambda tokens: gram(tokens.mT)),
        "The dot products are correct. Put rows and columns into brackets, so "
        "that the shape becomes b (h w) (h w).": (
            of_tokens(lambda tokens: gram(tokens).view(2, 3, 4, 3, 4))
        ),
        "These are not tokens, because `reshape` does not bring the channels "
        "to the end. Use `rearrange`.": (lambda x: gram(x.reshape(2, 12, 5))),
        "The tokens come column by column, because in (w h) the row moves "
        "fastest.": lambda x: gram(rearrange(x, "b c h w -> b (w h) c")),
        "Your function compares each token with itself only. The second token "
        "needs a name of its own for its position.": [
            of_tokens(lambda tokens: tokens.square().sum(-1)),
            of_tokens(lambda tokens: tokens.square().sum(-1).diag_embed()),
        ],
        "Your function compares tokens of different pictures. Keep the batch "
        "apart, in both tensors and in the result.": (
            of_tokens(lambda tokens: gram(tokens.flatten(0, 1)))
        ),
        "Your function adds up the pictures of the batch: b is missing on the "
        "right.": of_tokens(lambda tokens: gram(tokens).sum(0)),
        "Your function applies softmax, so that each row adds up to 1. Only "
        "the dot products are asked for here; the chapter on attention adds "
        "softmax.": of_tokens(lambda tokens: gram(tokens).softmax(-1)),
        "Your function divides by the root of the number of channels. Only "
        "the dot products are asked for here; the chapter on attention adds "
        "the root.": of_tokens(lambda tokens: gram(tokens) / 5**0.5),
        "These are cosines, because the tokens were divided by their lengths. "
        "Leave the tokens as they are.": (
            of_tokens(lambda tokens: gram(F.normalize(tokens, dim=-1)))
        ),
        "Your function averages over the channels. A dot product adds them "
        "up.": of_tokens(lambda tokens: gram(tokens) / 5),
    },
    otherwise="The shape is correct, but the numbers are not the dot products "
    "of the tokens.",
)
