"""Exercises on the transformer block."""

from collections.abc import Callable
from math import prod

import torch
from torch import Tensor, nn

from ...encoder import TransformerBlock
from .checking import Exercise, ask, by_cases, closely, shown


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


@Exercise
def drop_path(answer: Callable) -> str | None:
    """Stochastic depth: one mask for each sample, kept samples scaled."""
    p = 0.2
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(2000, 3, 5, generator=generator) + 0.5
    before = x.clone()
    out = ask(lambda: answer(x, p))
    if not isinstance(out, Tensor) or out.shape != x.shape:
        return (
            f"Your function should return a tensor of shape {tuple(x.shape)} "
            f"here, but it returned {shown(out)}."
        )
    if not torch.equal(x, before):
        return "Your function changes the input itself. Return a new tensor."
    factors = (out / before).flatten(1)
    return (
        wrong_mask(factors != 0, p)
        or wrong_scale(factors[factors != 0], 1 - p)
        or wrong_elsewhere(answer)
    )


def wrong_mask(kept: Tensor, p: float) -> str | None:
    if (kept != kept[:, :1]).any():
        return (
            "Within a sample your function drops some values and keeps "
            "others. That is dropout; stochastic depth drops the whole branch "
            "of a sample."
        )
    share = kept.float().mean().item()
    if share in (0, 1):
        return (
            "Your function drops or keeps all samples of a batch together. "
            "Draw one number for each sample."
        )
    if abs(share - p) < 0.08:
        return "p is the probability of dropping a branch, not of keeping it."
    if abs(share - (1 - p)) > 0.08:
        return (
            f"At p = {p} a share of {1 - p:g} of the samples should be kept, "
            f"but your function keeps {share:.2f}."
        )
    return None


def wrong_scale(factors: Tensor, keep: float) -> str | None:
    scale = factors.mean().item()
    if (factors - scale).abs().max() > 1e-3:
        return "The samples that are kept must all be scaled by one number."
    scales = {
        1: "Your function does not scale the samples that are kept. In "
        "evaluation mode every sample gets the branch, in training only a "
        "share of them, so the mean would shrink.",
        keep: "Your function multiplies the samples that are kept by 1 - p. "
        "To keep the mean they have to be divided by it.",
        1 / (1 - keep): "Your function divides the samples that are kept by p, "
        "but the share that is kept is 1 - p.",
        1 / keep: None,
    }
    for known, words in scales.items():
        if abs(scale - known) < 1e-3:
            return words
    return (
        f"At p = {1 - keep:g} the samples that are kept should be scaled by "
        f"{1 / keep:g}, but your function scales them by {scale:.4g}."
    )


def wrong_elsewhere(answer: Callable) -> str | None:
    for shape in ((64, 7), (64, 2, 3, 4)):
        try:
            out = ask(answer, torch.ones(shape), 0.5)
        except (RuntimeError, IndexError, ValueError) as error:
            return f"For x of shape {shape} your function fails: {error}"
        if out.shape != shape:
            return (
                "The mask needs as many dimensions as x: from shape "
                f"{shape} your function made {tuple(out.shape)}."
            )
    x = torch.ones(50, 2, 3)
    if not torch.equal(ask(answer, x, 0.0), x):
        return "At p = 0 nothing may be dropped or scaled."
    return None


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
