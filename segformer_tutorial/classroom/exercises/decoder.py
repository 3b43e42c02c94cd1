"""Checkers on the decoder."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from .checking import ask, judge


def decoder_macs(answer: Callable) -> str | None:
    """Multiply-adds of the published and of the folded form."""

    def parts(sides, dims, dim, classes):
        own = sum(n * n * c * dim for n, c in zip(sides, dims, strict=True))
        large = sides[0] ** 2
        fuse = large * len(dims) * dim * dim
        return own, fuse, large * dim * classes

    def true(*case):
        own, fuse, classify = parts(*case)
        return own + fuse + classify, own + classify

    def all_large(sides, dims, dim, classes):
        return true([sides[0]] * len(dims), dims, dim, classes)

    def one_width(sides, dims, dim, classes):
        own, fuse, classify = parts(sides, dims, dim, classes)
        return own + fuse // len(dims) + classify, own + classify

    def narrow(sides, dims, dim, classes):
        own, _, classify = parts(sides, dims, dim, classes)
        return own + sides[0] ** 2 * sum(dims) * dim + classify, own + classify

    def unclassified(*case):
        own, fuse, _ = parts(*case)
        return own + fuse, own

    def not_squared(sides, dims, dim, classes):
        own = sum(n * c * dim for n, c in zip(sides, dims, strict=True))
        _, fuse, classify = parts(sides, dims, dim, classes)
        once = sides[0]
        return own + (fuse + classify) // once, own + classify // once

    def four(sides, dims, dim, classes):
        own, fuse, classify = parts(sides, dims, dim, classes)
        return own + fuse // len(dims) * 4 + classify, own + classify

    def still_fused(*case):
        own, fuse, classify = parts(*case)
        large = fuse // len(case[1])
        return own + fuse + classify, own + large + classify

    def folded_large(*case):
        return true(*case)[0], all_large(*case)[1]

    mistakes = [
        (
            all_large,
            "unify is counted at the size of stage 1 for every stage. It "
            "comes before the upsampling: each map has its own side.",
        ),
        (
            folded_large,
            "the published form is right, the folded one is not: there, too, "
            "each matrix works before the upsampling, at its stage's side.",
        ),
        (
            one_width,
            "the fuse matrix gets the channels of all stages: it is "
            "dim x (stages * dim), not dim x dim.",
        ),
        (
            four,
            "there is a 4 for the number of stages. It need not be 4: take "
            "the length of dims.",
        ),
        (
            narrow,
            "fuse gets the widened maps, of `dim` channels each, not the "
            "maps of the encoder.",
        ),
        (unclassified, "classify is missing."),
        (
            lambda *case: (true(*case)[0], unclassified(*case)[1]),
            "the published form is right; in the folded one classify is "
            "missing.",
        ),
        (
            still_fused,
            "the published form is right, but the folded one has no fuse "
            "layer: its matrix is in the products already.",
        ),
        (
            not_squared,
            "a map has side * side places, not side.",
        ),
    ]
    cases = [
        ((128, 64, 32, 16), (32, 64, 160, 256), 256, 150),
        ((63, 32, 16), (24, 40, 72), 96, 19),
    ]
    got = []
    for case in cases:
        macs = ask(answer, *case)
        if not isinstance(macs, tuple | list) or len(macs) != 2:
            return f"not yet: expected two numbers, got {macs!r}."
        got.append(tuple(macs))

    def otherwise(case, said) -> str:
        wanted = true(*case)
        return (
            f"not yet: for sides {case[0]}, dims {case[1]}, dim {case[2]} and "
            f"{case[3]} classes it is {wanted[0]:,} published and "
            f"{wanted[1]:,} folded, your function says {said[0]:,} and "
            f"{said[1]:,}."
        )

    return judge(got, cases, true, mistakes, otherwise)


def merge(answer: Callable) -> str | None:
    """Two linear layers as one."""
    for sizes in ((4, 4, 4), (3, 5, 4)):  # square first: every order fits
        w1, b1, w2, b2 = two_layers(*sizes)
        got = ask(answer, w1, b1, w2, b2)
        wanted = w2 @ w1, w2 @ b1 + b2
        if wrong := shapes(got, wanted):
            return wrong
        weight, bias = got
        if same(weight, wanted[0]) and same(bias, wanted[1]):
            continue
        if same(weight.mT, wanted[0]) if weight.ndim == 2 else False:
            return "the weight is transposed: one row per output."
        if sizes == (4, 4, 4):
            if same(weight, w1 @ w2):
                return (
                    "the order of the product is wrong. In w2 @ (w1 @ x) the "
                    "first layer stands on the right, next to x."
                )
            if same(weight, w2 + w1):
                return "the weights are added; layers in a row are multiplied."
            if same(weight, w2 * w1):
                return (
                    "`*` multiplies number by number. A matrix product is `@`."
                )
        if not same(weight, wanted[0]):
            return "not yet: the weight is not that of both layers together."
        if same(bias, b2):
            return "the first bias is lost. The second layer gets it too."
        if same(bias, w2 @ b1):
            return "the second bias is missing."
        if bias.shape == b1.shape and same(bias, b1 + b2):
            return (
                "the biases are added as they are. The first one goes through "
                "the second layer's matrix."
            )
        if same(bias, w2 @ (b1 + b2)) if b1.shape == b2.shape else False:
            return "the second bias does not go through the matrix."
        return "not yet: the weight is right, the bias is not."
    return None


def fold_norm(answer: Callable) -> str | None:
    """BatchNorm in evaluation, folded into the layer before it."""
    for inputs, outputs in ((6, 6), (3, 6)):
        weight, bias, *_ = two_layers(inputs, outputs, outputs)
        norm = an_uneven_norm(outputs)
        gamma, beta = norm.weight.detach(), norm.bias.detach()
        mean, var, eps = norm.running_mean, norm.running_var, norm.eps
        scale = gamma / (var + eps).sqrt()
        got = ask(answer, weight, bias, norm)
        wanted = scale[:, None] * weight, scale * (bias - mean) + beta
        if wrong := shapes(got, wanted):
            return wrong
        new_weight, new_bias = (part.detach() for part in got)
        if same(new_weight, wanted[0]) and same(new_bias, wanted[1]):
            continue
        if inputs == outputs and same(new_weight, weight * scale):
            return (
                "the scale is on the columns, one for each input. BatchNorm "
                "scales outputs: one factor for each row."
            )
        for wrong_scale, words in (
            (
                gamma / (var + eps),
                "the square root is missing: divide by the deviation, not by "
                "the variance.",
            ),
            (
                gamma / var.sqrt(),
                "eps is missing under the root. One of these channels hardly "
                "varies, and there it matters.",
            ),
            (
                gamma / (var.sqrt() + eps),
                "eps belongs under the root, to the variance.",
            ),
            (
                1 / (var + eps).sqrt(),
                "norm.weight, the learned scale, is lost.",
            ),
            (
                gamma * (var + eps).sqrt(),
                "the deviation multiplies; BatchNorm divides by it.",
            ),
        ):
            if same(new_weight, wrong_scale[:, None] * weight):
                return words
        if not same(new_weight, wanted[0]):
            return "not yet: the weight is not that of both layers together."
        for wrong_bias, words in (
            (
                scale * bias - mean + beta,
                "the mean is subtracted after the scaling. It is subtracted "
                "first, so it is scaled as well.",
            ),
            (scale * bias + beta, "the mean is missing in the bias."),
            (
                scale * (bias - mean),
                "norm.bias, the learned shift, is missing.",
            ),
            (
                scale * (bias - mean + beta),
                "norm.bias is scaled. It is added last, as it is.",
            ),
            (
                bias - scale * mean + beta,
                "the layer's own bias has to be scaled like its weight.",
            ),
            (bias, "the weight is right, but the bias has to change too."),
            (
                beta - scale * mean,
                "the layer's own bias is lost.",
            ),
        ):
            if same(new_bias, wrong_bias):
                return words
        return "not yet: the weight is right, the bias is not."
    return None


def two_layers(first: int, middle: int, last: int) -> tuple[Tensor, ...]:
    generator = torch.Generator().manual_seed(0)
    sizes = (middle, first), (middle,), (last, middle), (last,)
    return tuple(
        torch.randn(size, generator=generator, dtype=torch.float64)
        for size in sizes
    )


def an_uneven_norm(channels: int) -> nn.BatchNorm2d:
    """In evaluation, with one channel that hardly varies."""
    norm = nn.BatchNorm2d(channels, dtype=torch.float64).eval()
    steps = torch.arange(1.0, channels + 1, dtype=torch.float64)
    with torch.no_grad():
        norm.weight.copy_(0.5 + steps / 4)
        norm.bias.copy_(steps.sin())
        norm.running_mean.copy_(steps.cos())
        norm.running_var.copy_(steps / 2)
        norm.running_var[1] = 1e-5
    return norm


def shapes(got, wanted: tuple[Tensor, Tensor]) -> str | None:
    if (
        not isinstance(got, tuple | list)
        or len(got) != 2
        or not all(isinstance(part, Tensor) for part in got)
    ):
        return f"not yet: expected a weight and a bias, got {type(got)}."
    weight, bias = (tuple(part.shape) for part in got)
    expected = tuple(tuple(part.shape) for part in wanted)
    if weight == expected[0][::-1] and weight != expected[0]:
        return "the weight is transposed: one row per output."
    if (weight, bias) != expected:
        return (
            f"not yet: expected shapes {expected[0]} and {expected[1]}, got "
            f"{weight} and {bias}."
        )
    return None


def same(a: Tensor, b: Tensor) -> bool:
    return a.shape == b.shape and torch.allclose(a, b.to(a.dtype), rtol=1e-4)


CHECKERS = {
    "decoder.macs": decoder_macs,
    "decoder.merge": merge,
    "decoder.fold_norm": fold_norm,
}
