"""Exercises on the all-MLP decoder."""

from collections.abc import Callable

import torch
from torch import Tensor

from .checking import by_cases, by_parts


def work(
    sides,
    dims,
    dim,
    classes,
    *,
    fuse=lambda dims, dim: len(dims) * dim,
    classify=(1, 1),
    own=(False, False),
    fused=0,
    area=lambda side: side * side,
):
    """Multiply-adds, published and folded; other options make the mistakes.

    own: whether the first matrices work at the largest side. fuse: the input
    channels of the fuse layer.
    """
    large = area(sides[0])
    first = [
        sum(
            (large if at_large else area(side)) * c * dim
            for side, c in zip(sides, dims, strict=True)
        )
        for at_large in own
    ]
    last = large * dim * classes
    return (
        first[0] + large * fuse(dims, dim) * dim + classify[0] * last,
        first[1] + large * fused * dim * dim + classify[1] * last,
    )


def but(**options) -> Callable:
    return lambda *case: work(*case, **options)


macs = by_cases(
    cases=[
        ((128, 64, 32, 16), (32, 64, 160, 256), 256, 150),
        ((63, 32, 16), (24, 40, 72), 96, 19),
    ],
    true=work,
    mistakes={
        "Your function counts unify at the size of stage 1 for each stage. It "
        "comes before the upsampling, so each feature map has its own "
        "side.": but(own=(True, True)),
        "The published form is correct, the folded one is not. There, too, "
        "each matrix works before the upsampling, at the side of its "
        "stage.": but(own=(False, True)),
        "Your fuse matrix has dim input channels. It gets the channels of all "
        "stages, so it is dim × (stages * dim), not dim × dim.": (
            but(fuse=lambda dims, dim: dim)
        ),
        "Your function takes 4 as the number of stages. It need not be 4, so "
        "take the length of dims.": but(fuse=lambda dims, dim: 4 * dim),
        "Your fuse layer takes the feature maps of the encoder. It gets the "
        "widened ones, of `dim` channels each.": (
            but(fuse=lambda dims, dim: sum(dims))
        ),
        "In both forms classify is missing.": but(classify=(0, 0)),
        "The published form is correct, but in the folded one classify is "
        "missing.": but(classify=(1, 0)),
        "The published form is correct, but your folded one still has a fuse "
        "layer. The fuse matrix is already part of the products.": (
            but(fused=1)
        ),
        "A feature map has side * side positions, not side.": (
            but(area=lambda side: side)
        ),
    },
    otherwise="For sides {0}, dims {1}, dim {2} and {3} classes it is "
    "{wanted[0]:,} published and {wanted[1]:,} folded, but your function "
    "returned {said[0]:,} and {said[1]:,}.",
)


def random_layer(inputs: int, outputs: int, seed: int) -> tuple[Tensor, Tensor]:
    """Weight and bias in float64."""
    generator = torch.Generator().manual_seed(seed)
    options = {"generator": generator, "dtype": torch.float64}
    weight = torch.randn(outputs, inputs, **options)
    return weight, torch.randn(outputs, **options)


WEIGHT_OTHERWISE = "The weight is not that of both layers together."
BIAS_OTHERWISE = "The weight is correct, but the bias is not."
TRANSPOSED = "Your weight is transposed. It needs one row for each output."


# Square, so that every wrong order of the product can be computed.
merge = by_parts(
    [(*random_layer(4, 4, seed=0), *random_layer(4, 4, seed=1))],
    weight={
        "true": lambda w1, b1, w2, b2: w2 @ w1,
        "mistakes": {
            TRANSPOSED: lambda w1, b1, w2, b2: (w2 @ w1).T,
            "The order of your product is wrong. In w2 @ (w1 @ x) the first "
            "layer is on the right, next to x.": lambda w1, b1, w2, b2: w1 @ w2,
            "Your function adds the weights. Layers in a row are multiplied.": (
                lambda w1, b1, w2, b2: w1 + w2
            ),
            "`*` multiplies number by number. A matrix product is `@`.": (
                lambda w1, b1, w2, b2: w1 * w2
            ),
        },
        "otherwise": WEIGHT_OTHERWISE,
    },
    bias={
        "true": lambda w1, b1, w2, b2: w2 @ b1 + b2,
        "mistakes": {
            "The first bias is lost. The second layer takes it in, too.": (
                lambda w1, b1, w2, b2: b2
            ),
            "The second bias is missing.": lambda w1, b1, w2, b2: w2 @ b1,
            "Your function adds the biases as they are, but the first one "
            "goes through the matrix of the second layer.": (
                lambda w1, b1, w2, b2: b1 + b2
            ),
            "The second bias does not go through the matrix. It is added "
            "after it.": lambda w1, b1, w2, b2: w2 @ (b1 + b2),
        },
        "otherwise": BIAS_OTHERWISE,
    },
)


def gain(
    dims,
    batch,
    *,
    biases=len,
    saved=lambda dims, batch: len(dims) * batch,
    first=lambda cost, saved: cost // saved + 1,
    unit=1,
) -> int:
    """The positions from which on the fold saves work.

    Both sides are divided by the square of the decoder's width. biases: what
    the products with the biases cost. saved: by the fuse layer, a position.
    """
    cost = sum(dims) + biases(dims)
    return unit * first(cost, saved(dims, batch))


def gain_but(**options) -> Callable:
    return lambda *case: gain(*case, **options)


break_even = by_cases(
    cases=[
        ((32, 64, 160, 256), 1),
        ((24, 40, 72), 1),
        ((64, 128, 320, 512), 2),
        ((24, 40, 72), 4),
    ],
    true=gain,
    mistakes={
        "The batch is missing. The products are formed once per call, while "
        "the fuse layer works on every picture.": (
            gain_but(saved=lambda dims, batch: len(dims))
        ),
        "A larger batch makes the fold worthwhile earlier, not later: one set "
        "of products serves all its pictures.": (
            lambda dims, batch: (sum(dims) + len(dims)) * batch // len(dims) + 1
        ),
        "Your function leaves out the products with the biases, V_i b_i. Each "
        "costs as much as one more channel.": gain_but(biases=lambda dims: 0),
        "Your function takes 4 as the number of stages. It need not be 4, so "
        "take the length of dims.": (
            gain_but(saved=lambda dims, batch: 4 * batch)
        ),
        "With so many positions both need the same work, or the folded form "
        "still needs more. It should need less.": (
            gain_but(first=lambda cost, saved: cost // saved),
            gain_but(first=lambda cost, saved: -(-cost // saved)),
        ),
        "Your function counts pixels. A position of the first feature map "
        "covers 4 × 4 of them.": gain_but(unit=16),
        "Your function counts one slice of the fuse matrix. At every position "
        "the fold saves all of them.": (
            gain_but(saved=lambda dims, batch: batch)
        ),
    },
    otherwise="For dims {0} and a batch of {1} it is {wanted} positions, but "
    "your function returned {said}.",
)
