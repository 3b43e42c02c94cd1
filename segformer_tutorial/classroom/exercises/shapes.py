"""Exercises on patterns, and on the shapes that flow through the model."""

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


def version(pattern: str, order=lambda h, w: {"h": h, "w": w}):
    """A `to_map` that follows this pattern, with these lengths."""
    return lambda tokens, h, w: rearrange(tokens, pattern, **order(h, w))


true_version = version("b (h w) c -> b c h w")

# Versions of `to_map`, with what is wrong with each of them.
VERSIONS = {
    true_version: "",
    version("b (w h) c -> b c h w"): "takes the list apart column by column",
    version("b (h w) c -> b c h w", lambda h, w: {"h": w}): (
        "takes the width for the height"
    ),
    lambda tokens, h, w: tokens.reshape(len(tokens), -1, h, w): (
        "leaves the numbers in the order in which they lie in memory"
    ),
    lambda tokens, h, w: rearrange(
        tokens.flatten(0, 1), "(h w b) c -> b c h w", h=h, w=w
    ): "mixes the pictures of a batch",
}


def compare_on(shape, agree=torch.equal):
    """A test of `to_map` on one feature map of this shape."""
    b, c, h, w = shape
    x = torch.arange(b * c * h * w).view(shape)

    def rule(to_map) -> bool:
        tokens = rearrange(x, "b c h w -> b (h w) c")
        return agree(to_map(tokens, h, w), x)

    return rule


def same_shape(a: Tensor, b: Tensor) -> bool:
    return a.shape == b.shape


true_test = compare_on((2, 3, 4, 5))

round_trip = by_cases(
    cases=[(to_map,) for to_map in VERSIONS],
    true=true_test,
    form=lambda said, wanted: (
        None
        if isinstance(said, bool)
        else f"Return True or False; your function returned {said!r}."
    ),
    same=lambda a, b: a is b,
    mistakes={
        "Your test returns True for every version. Compare the result, value "
        "by value, with the feature map that the tokens came from.": (
            lambda to_map: True
        ),
        "Your test returns False for every version, even for the correct "
        "one. Compare the result with the feature map that the tokens came "
        "from.": lambda to_map: False,
        "Your answers are exchanged: True means that `to_map` is right.": (
            lambda to_map: not true_test(to_map)
        ),
        "Your test notices a wrong shape, but not a wrong order. Compare the "
        "values with `equal`, on a feature map whose values all differ.": [
            compare_on((2, 3, 4, 5), same_shape),
            compare_on((1, 3, 4, 5), same_shape),
        ],
        "On a square feature map, the width can be taken for the height. "
        "Test with a number of rows that differs from that of columns.": (
            compare_on((2, 3, 4, 4))
        ),
        "With a single picture, a version that mixes the pictures of a batch "
        "passes. Test with a batch of two or more.": compare_on((1, 3, 4, 5)),
        "Your feature map is square and alone in its batch. Test with a batch "
        "of two, and with rows and columns of different number.": (
            compare_on((1, 3, 4, 4))
        ),
    },
    otherwise=lambda case, wanted, said: (
        "Your test returns False for the correct version."
        if wanted
        else f"Your test returns True for a version that {VERSIONS[case[0]]}."
    ),
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
