"""Checkers on Mix-FFN."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from ...mix_ffn import MixFFN
from .checking import ask, judge


def mix_ffn_parameters(answer: Callable) -> str | None:
    """The number of parameters of a Mix-FFN."""

    def true(dim, ratio):
        hidden = dim * ratio
        linear = dim * hidden + hidden, hidden * dim + dim
        return sum(linear) + 9 * hidden + hidden

    mistakes = [
        (
            lambda dim, ratio: 2 * dim * dim * ratio + 9 * dim * ratio,
            "the biases are missing: all three layers have one, with a number "
            "for each output channel.",
        ),
        (
            lambda dim, ratio: true(dim, ratio) - dim * ratio,
            "one bias of the wide channels is missing: the first layer has "
            "one, and so has the convolution.",
        ),
        (
            lambda dim, ratio: true(dim, ratio) - dim,
            "the bias of the second linear layer is missing.",
        ),
        (
            lambda dim, ratio: true(dim, ratio) - dim + dim * ratio,
            "the second linear layer has dim outputs, so its bias has dim "
            "numbers.",
        ),
        (
            lambda dim, ratio: (
                true(dim, ratio) + 9 * dim * ratio * (dim * ratio - 1)
            ),
            "that convolution has a kernel for every pair of channels. A "
            "depthwise one has a single kernel for each channel.",
        ),
        (
            lambda dim, ratio: (
                true(dim, ratio) - (dim * ratio + ratio - dim - 1) * dim
            ),
            "that is the version that widens inside the convolution: its "
            "first linear layer is dim x dim. Here the first layer widens.",
        ),
        (
            lambda dim, ratio: true(dim, ratio) - 6 * dim * ratio,
            "a kernel of 3 x 3 has nine weights, not three.",
        ),
        (
            lambda dim, ratio: true(dim, ratio) - 10 * dim * ratio,
            "that is a plain FFN: the convolution is missing.",
        ),
    ]
    cases = [(64, 4), (32, 4), (160, 8), (7, 3)]
    got = [ask(answer, *case) for case in cases]

    def otherwise(case, said) -> str:
        return (
            "not yet: for dim {} and expansion {} there are {} parameters, "
            "your function says {}."
        ).format(*case, true(*case), said)

    return judge(got, cases, true, mistakes, otherwise)


def layers_needed(answer: Callable) -> str | None:
    """Layers until every place of a map has met a zero."""

    def up(a, b):
        return -(-a // b)

    def true(rows, columns, k):
        return up(up(min(rows, columns), 2), k // 2)

    mistakes = [
        (
            lambda r, c, k: up(up(max(r, c), 2), k // 2),
            "that is half of the longer side. A place needs to hear of one "
            "border only, and the nearest one is at the end of the shorter "
            "side.",
        ),
        (
            lambda r, c, k: up(min(r, c), k // 2),
            "that is how long it takes from one border to the other. The news "
            "comes from both sides and meets in the middle.",
        ),
        (
            lambda r, c, k: up(min(r, c), 2),
            "that is right for a 3 x 3 kernel. A larger one carries the news "
            "further in each layer.",
        ),
        (
            lambda r, c, k: up(up(min(r, c), 2), k - 1),
            "a window reaches kernel_size // 2 places to either side, not "
            "kernel_size - 1.",
        ),
        (
            lambda r, c, k: up(up(min(r, c), 2), k),
            "a window reaches kernel_size // 2 places to either side, not "
            "kernel_size.",
        ),
        (
            lambda r, c, k: up(min(r, c) // 2, k // 2),
            "half of an odd side is rounded up: with 15 places the one in the "
            "middle has 7 on either side, and the zeros are the eighth.",
        ),
        (
            lambda r, c, k: up(min(r, c), 2) // (k // 2),
            "the number of layers is rounded up: the last step may be a short "
            "one, but it is needed.",
        ),
        (
            lambda r, c, k: up((min(r, c) - 1) // 2, k // 2),
            "that is the way to the outermost place. The zeros lie one place "
            "further.",
        ),
    ]
    cases = [
        (16, 16, 3),
        (15, 15, 3),
        (7, 40, 3),
        (40, 9, 3),
        (22, 22, 5),
        (30, 25, 5),
        (13, 30, 7),
        (1, 6, 3),
    ]
    got = [ask(answer, *case) for case in cases]

    def otherwise(case, said) -> str:
        return (
            "not yet: {} x {} places and kernel size {} take {} layers, your "
            "function says {}."
        ).format(*case, true(*case), said)

    return judge(got, cases, true, mistakes, otherwise)


def without_mixing(answer: Callable) -> str | None:
    """The depthwise kernel that makes a Mix-FFN a plain FFN."""
    hidden = 24
    parts = ask(answer, hidden)
    if not (
        isinstance(parts, tuple | list)
        and len(parts) == 2
        and all(isinstance(part, Tensor) for part in parts)
    ):
        return "not yet: expected two tensors, the weight and the bias."
    weight, bias = parts
    shape = tuple(weight.shape)
    if shape == (hidden, hidden, 3, 3):
        return (
            "that is the kernel of an ordinary convolution, with one for "
            "every pair of channels. A depthwise one has one for each channel: "
            f"({hidden}, 1, 3, 3)."
        )
    if shape != (hidden, 1, 3, 3) or tuple(bias.shape) != (hidden,):
        return (
            f"not yet: for {hidden} hidden channels expected a weight of shape "
            f"({hidden}, 1, 3, 3) and a bias of shape ({hidden},), got {shape} "
            f"and {tuple(bias.shape)}."
        )
    weight, bias = weight.detach().double(), bias.detach().double()

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        ffn = MixFFN(6, expansion_ratio=4).double()
        x = torch.randn(1, 5, 7, 6, dtype=torch.float64)
    with torch.no_grad():
        ffn.dwconv.weight.copy_(weight)
        ffn.dwconv.bias.copy_(bias)
        plain = ffn.fc2(F.gelu(ffn.fc1(x)))
        if torch.allclose(ffn(x), plain, atol=1e-6):
            return None
    if bias.any() and not (bias == bias[0]).all():
        return "the bias is added to every place, so it must be zero."
    taps = weight[0, 0]
    if not torch.equal(weight, taps.expand_as(weight)):
        return "not yet: all channels need the same kernel."
    if torch.equal(taps, torch.ones_like(taps)):
        return (
            "a kernel of ones adds up nine places. Which of the nine is the "
            "place itself?"
        )
    if torch.allclose(taps, torch.full_like(taps, 1 / 9)):
        return (
            "that is the mean of nine places, and zeros among them at the "
            "border. A plain FFN looks at one place only."
        )
    if taps.count_nonzero() == 1 and taps[1, 1] == 0:
        return (
            "only one place is looked at, but it is a neighbour: the map is "
            "moved. The place itself is at the centre of the kernel."
        )
    if not taps.any():
        return (
            "a kernel of zeros lets nothing through: every place would get "
            "the bias alone."
        )
    if bias.any():
        return "the bias is added to every place, so it must be zero."
    return "not yet: the Mix-FFN differs from fc2(gelu(fc1(x)))."


CHECKERS: dict[str, Callable] = {
    "mix_ffn.parameters": mix_ffn_parameters,
    "mix_ffn.layers": layers_needed,
    "mix_ffn.plain": without_mixing,
}
