"""Exercises on the transformer block."""

from collections.abc import Callable
from math import prod

import torch
from torch import nn

from ...encoder import TransformerBlock
from .checking import Exercise, ask, by_cases, by_parts, closely, shown


def branches(mean: Callable, every: Callable) -> Callable:
    """A rule: what a rate adds to the mean, and what it multiplies."""
    return lambda rates: (sum(map(mean, rates)), prod(map(every, rates)))


survival = by_cases(
    cases=[([0.0, 0.1],), ([0.3],), ([0.05, 0.2, 0.25, 0.5],)],
    true=branches(lambda p: 2 * (1 - p), lambda p: (1 - p) ** 2),
    same=closely,
    mistakes={
        "Your function draws one mask for each block. A block has two "
        "branches, and each of them draws its own.": (
            branches(lambda p: 1 - p, lambda p: 1 - p)
        ),
        "The average is correct. In the probability each block counts twice, "
        "because both of its masks have to keep the sample.": (
            branches(lambda p: 2 * (1 - p), lambda p: 1 - p)
        ),
        "The probability is correct. In the average each block has two "
        "branches.": branches(lambda p: 1 - p, lambda p: (1 - p) ** 2),
        "Your function counts what is dropped. The rate is the probability of "
        "dropping, so a branch is kept with probability 1 - rate.": (
            branches(lambda p: 2 * p, lambda p: p**2)
        ),
        "1 - rate**2 is the probability that at least one of the two branches "
        "is kept, but both must be.": (
            branches(lambda p: 2 * (1 - p), lambda p: 1 - p**2)
        ),
    },
    otherwise="For the rates {0} a sample goes through {wanted[0]:.4g} "
    "branches on average and through all of them with probability "
    "{wanted[1]:.4g}, but your function returned {said[0]:.4g} and "
    "{said[1]:.4g}.",
)


def times(i: int, by: Callable) -> Callable:
    """A rule: the argument `i`, a weight or a bias, multiplied by `by(p)`."""
    return lambda *case: by(case[2]) * case[i]


FOLLOW = (
    "Follow a branch through both networks, once in training and once at "
    "inference: the {} must make ours 1 - p times theirs."
)

rescale = by_parts(
    [
        (torch.tensor([[1.0, -2.0], [3.0, 0.5]]), torch.tensor([2.0, -1.0]), p)
        for p in (0.1, 0.2)
    ],
    weight={
        "true": times(0, lambda p: 1 - p),
        "mistakes": {
            "Your function divides the weight by 1 - p. Our block already "
            "divides in training, so the weight has to undo this.": (
                times(0, lambda p: 1 / (1 - p))
            ),
            "Your function leaves the weight unchanged. In training our block "
            "divides the branch, and the original one does not.": (
                times(0, lambda p: 1)
            ),
            "Your function multiplies the weight by p, which is the "
            "probability of dropping. The original branch is multiplied by "
            "1 - p at inference.": times(0, lambda p: p),
        },
        "otherwise": FOLLOW.format("weight"),
    },
    bias={
        "true": times(1, lambda p: 1 - p),
        "mistakes": {
            "The weight is correct, but your function leaves the bias "
            "unchanged. The bias is part of the branch and is scaled with "
            "it.": times(1, lambda p: 1),
        },
        "otherwise": FOLLOW.format("bias"),
    },
)


@Exercise
def identity(answer: Callable) -> str | None:
    """A block that returns its input and can still learn."""
    generator = torch.Generator().manual_seed(0)
    block = TransformerBlock(
        8, num_heads=2, reduction_ratio=2, expansion_ratio=4, drop_path=0.25
    )
    with torch.no_grad():
        for weight in block.parameters():
            weight.uniform_(0.1, 0.9, generator=generator)
    x = torch.randn(6, 4, 4, 8, generator=generator)
    block = ask(answer, block)
    if not isinstance(block, TransformerBlock):
        return f"Return the block; your function returned {shown(block)}."
    last = block.attn.proj, block.ffn.fc2
    if not all(isinstance(layer, nn.Linear) for layer in last):
        return "Change only the weights; the parts of the block must stay."
    if block.drop_path.p >= 1:
        return (
            "A drop rate of 1 changes nothing in evaluation mode, and in "
            "training it divides by zero."
        )
    with torch.no_grad():
        if not torch.allclose(block.eval()(x), x, atol=1e-5):
            return what_is_added(block)
        if not torch.allclose(block.train()(x), x, atol=1e-5):
            return "In training mode the block does not return its input."
    for weight in block.parameters():
        weight.requires_grad_(True)
        weight.grad = None
    pull = torch.randn(x.shape, generator=generator)
    block.eval()  # no sample is dropped
    (block(x) * pull).sum().backward()
    if any(layer.weight.grad.abs().max() < 1e-7 for layer in last):
        return (
            "The block returns its input but cannot learn. The input of its "
            "last layers is zero as well, so their weights get no gradient: "
            "silence only the last layer of each branch."
        )
    return None


def what_is_added(block: TransformerBlock) -> str:
    """What keeps a block from returning its input in evaluation mode."""
    attention, ffn = block.attn, block.ffn
    silent = [not layer.weight.any() for layer in (attention.proj, ffn.fc2)]
    if all(silent):
        return (
            "The weights of the last layers are zero, but their biases are "
            "not, so each position still gets the same numbers added."
        )
    if any(silent):
        other = "the Mix-FFN" if silent[0] else "attention"
        return f"One branch is silent, but {other} still adds something."
    if not block.norm1.weight.any() or not block.norm2.weight.any():
        return (
            "A norm with scale zero makes a branch blind, not silent: the "
            "biases of the layers after it still come through."
        )
    if not ffn.fc1.weight.any() or not attention.kv.weight.any():
        return (
            "A first layer of zeros does not silence a branch: the biases of "
            "the layers after it still come through."
        )
    return "In evaluation mode the block does not return its input."
