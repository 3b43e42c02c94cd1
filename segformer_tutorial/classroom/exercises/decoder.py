"""Exercises on the all-MLP decoder."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

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


def an_uneven_norm(channels: int) -> nn.BatchNorm2d:
    """In evaluation mode, with one channel that hardly varies."""
    norm = nn.BatchNorm2d(channels, dtype=torch.float64).eval()
    steps = torch.arange(1.0, channels + 1, dtype=torch.float64)
    norm.weight.data = 0.5 + steps / 4
    norm.bias.data = steps.sin()
    norm.running_mean = steps.cos()
    norm.running_var = steps / 2
    norm.running_var[1] = 1e-5
    return norm


def scaled(scale: Callable) -> Callable:
    """A rule of gamma, the variance and eps that scales the rows."""

    def rule(weight, bias, norm):
        factor = scale(norm.weight, norm.running_var, norm.eps)
        return (factor[:, None] * weight).detach()

    return rule


def true_scale(gamma, var, eps):
    return gamma / (var + eps).sqrt()


def shifted(shift: Callable) -> Callable:
    """A rule of the scale, the bias, the mean and beta that gives a bias."""

    def rule(weight, bias, norm):
        scale = true_scale(norm.weight, norm.running_var, norm.eps)
        return shift(scale, bias, norm.running_mean, norm.bias).detach()

    return rule


fold_norm = by_parts(
    [(*random_layer(6, 6, seed=0), an_uneven_norm(6))],
    weight={
        "true": scaled(true_scale),
        "mistakes": {
            TRANSPOSED: lambda *case: scaled(true_scale)(*case).T,
            "Your scale is on the columns, one for each input. BatchNorm "
            "scales outputs, so each row gets one factor.": (
                lambda weight, bias, norm: (
                    scaled(true_scale)(weight.T, bias, norm).T
                )
            ),
            "The square root is missing. BatchNorm divides by the standard "
            "deviation, not by the variance.": (
                scaled(lambda gamma, var, eps: gamma / (var + eps))
            ),
            "eps is missing under the root. One of these channels hardly "
            "varies, and there it matters.": (
                scaled(lambda gamma, var, eps: gamma / var.sqrt())
            ),
            "eps is added outside the root. It belongs under it, to the "
            "variance.": (
                scaled(lambda gamma, var, eps: gamma / (var.sqrt() + eps))
            ),
            "The learned scale, `norm.weight`, is lost.": (
                scaled(lambda gamma, var, eps: 1 / (var + eps).sqrt())
            ),
            "Your function multiplies by the standard deviation. BatchNorm "
            "divides by it.": (
                scaled(lambda gamma, var, eps: gamma * (var + eps).sqrt())
            ),
        },
        "otherwise": WEIGHT_OTHERWISE,
    },
    bias={
        "true": shifted(lambda scale, b, mean, beta: scale * (b - mean) + beta),
        "mistakes": {
            "Your function subtracts the mean after the scaling. BatchNorm "
            "subtracts it first, so it is scaled as well.": (
                shifted(lambda scale, b, mean, beta: scale * b - mean + beta)
            ),
            "The mean is missing in the bias.": (
                shifted(lambda scale, b, mean, beta: scale * b + beta)
            ),
            "The learned shift, `norm.bias`, is missing.": (
                shifted(lambda scale, b, mean, beta: scale * (b - mean))
            ),
            "Your function scales `norm.bias`. It is added last, as it is.": (
                shifted(lambda scale, b, mean, beta: scale * (b - mean + beta))
            ),
            "The layer's own bias has to be scaled, like its weight.": (
                shifted(lambda scale, b, mean, beta: b - scale * mean + beta)
            ),
            "The weight is correct, but the bias has to change too.": (
                shifted(lambda scale, b, mean, beta: b)
            ),
            "The layer's own bias is lost.": (
                shifted(lambda scale, b, mean, beta: beta - scale * mean)
            ),
        },
        "otherwise": BIAS_OTHERWISE,
    },
)
