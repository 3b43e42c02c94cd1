"""Checkers on block and stage."""

from collections.abc import Callable
from math import prod

import torch
from torch import Tensor, nn

from ...encoder import TransformerBlock
from .checking import ask, judge


def survival(answer: Callable) -> str | None:
    """Branches on average, and the probability of all of them."""

    def rule(mean: Callable, every: Callable) -> Callable:
        return lambda rates: (
            round(sum(mean(p) for p in rates), 6),
            round(prod(every(p) for p in rates), 6),
        )

    true = rule(lambda p: 2 * (1 - p), lambda p: (1 - p) ** 2)
    mistakes = [
        (
            rule(lambda p: 1 - p, lambda p: 1 - p),
            "that is one mask for each block. A block has two branches, and "
            "each one draws its own.",
        ),
        (
            rule(lambda p: 2 * (1 - p), lambda p: 1 - p),
            "the average is so. For the probability each block counts "
            "twice: both of its draws have to survive.",
        ),
        (
            rule(lambda p: 1 - p, lambda p: (1 - p) ** 2),
            "the probability is so. For the average, each block has two "
            "branches.",
        ),
        (
            rule(lambda p: 2 * p, lambda p: p**2),
            "that counts what is dropped. A rate is the probability to drop; "
            "a branch is kept with 1 - rate.",
        ),
        (
            rule(lambda p: 2 * (1 - p), lambda p: 1 - p**2),
            "1 - rate**2 is the probability that at least one of the two "
            "branches survives; both must.",
        ),
    ]
    cases = [([0.0, 0.1],), ([0.3],), ([0.05, 0.2, 0.25, 0.5],)]
    got = []
    for case in cases:
        pair = ask(answer, *case)
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            return f"not yet: expected two numbers, got {pair!r}."
        got.append(tuple(round(float(number), 6) for number in pair))

    def otherwise(case, said) -> str:
        return (
            "not yet: for the rates {} a sample goes through {:.4g} branches "
            "on average and through all of them with {:.4g}; your function "
            "says {:.4g} and {:.4g}."
        ).format(case[0], *true(*case), *said)

    return judge(got, cases, true, mistakes, otherwise)


def drop_path(answer: Callable) -> str | None:
    """Stochastic depth, a mask a sample, survivors scaled."""
    p = 0.2
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(2000, 3, 5, generator=generator) + 0.5
    before = x.clone()
    out = ask(answer, x, p)
    if not isinstance(out, Tensor) or out.shape != x.shape:
        got = tuple(out.shape) if isinstance(out, Tensor) else type(out)
        return f"not yet: expected shape {tuple(x.shape)}, got {got}."
    if not torch.equal(x, before):
        return "the input itself is changed; return a new tensor."
    factors = (out / before).flatten(1)
    kept = factors != 0
    if (kept != kept[:, :1]).any():
        return (
            "within a sample some values are dropped and others kept. That is "
            "dropout; stochastic depth drops the branch of a sample as a "
            "whole."
        )
    share = kept[:, 0].float().mean().item()
    if share in (0, 1):
        return (
            "all samples of the batch are dropped or kept together. Draw one "
            "number for each sample."
        )
    if abs(share - p) < 0.08:
        return "p is the probability to drop a branch, not to keep it."
    if abs(share - (1 - p)) > 0.08:
        return (
            f"not yet: at p = {p} a share of {1 - p:g} should be kept, here "
            f"it is {share:.2f}."
        )
    scale = factors[kept].mean().item()
    if (factors[kept] - scale).abs().max() > 1e-3:
        return "not yet: the survivors are not all scaled by one number."
    for wrong, mistake in (
        (
            1,
            "the survivors are not scaled. In evaluation all samples get the "
            "branch; in training only a share, so the mean shrinks.",
        ),
        (
            1 - p,
            "the survivors are multiplied by 1 - p; to keep the mean they "
            "have to be divided by it.",
        ),
        (1 / p, "the survivors are divided by p; the share that is kept is "
         "1 - p."),
    ):  # fmt: skip
        if abs(scale - wrong) < 1e-3:
            return mistake
    if abs(scale - 1 / (1 - p)) > 1e-3:
        return (
            f"not yet: survivors should be scaled by {1 / (1 - p):g} at "
            f"p = {p}, here it is {scale:.4g}."
        )
    for shape in ((64, 7), (64, 2, 3, 4)):
        x = torch.ones(shape)
        try:
            out = ask(answer, x, 0.5)
        except (RuntimeError, IndexError, ValueError) as error:
            return f"not yet: it fails for x of shape {shape}: {error}"
        if out.shape != x.shape:
            return (
                f"the mask has to have as many dimensions as x: shape {shape} "
                f"became {tuple(out.shape)}."
            )
    x = torch.ones(50, 2, 3)
    if not torch.equal(ask(answer, x, 0.0), x):
        return "at p = 0 nothing may be dropped or scaled."
    return None


def start_as_identity(answer: Callable) -> str | None:
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
        return f"not yet: return the block, got {type(block)}."
    last = block.attn.proj, block.ffn.fc2
    if not all(isinstance(layer, nn.Linear) for layer in last):
        return "change the weights only; the parts of the block must stay."

    def same() -> bool:
        with torch.no_grad():
            return torch.allclose(block(x), x, atol=1e-5)

    if not block.eval()(x).isfinite().all() or not same():
        return _not_identity(block)
    if not block.train()(x).isfinite().all() or not same():
        return "in training the block does not return its input."
    for weight in block.parameters():
        weight.requires_grad_(True)
        weight.grad = None
    pull = torch.randn(x.shape, generator=generator)
    block.eval()  # all samples take part
    (block(x) * pull).sum().backward()
    if any(layer.weight.grad.abs().max() < 1e-7 for layer in last):
        return (
            "the block returns its input, but cannot learn: what comes into "
            "its last layers is zero too, so their weights get no gradient. "
            "Silence only the last layer of each branch."
        )
    return None


def _not_identity(block: TransformerBlock) -> str:
    """What keeps a block from returning its input."""
    proj, fc2 = block.attn.proj, block.ffn.fc2
    silent = [not layer.weight.any() for layer in (proj, fc2)]
    if block.drop_path.p >= 1:
        return (
            "a drop rate of 1 does nothing in evaluation, and in training it "
            "divides by zero."
        )
    if all(silent):
        return (
            "the weights of the last layers are zero, their biases are not; "
            "so every position still gets the same numbers added."
        )
    if any(silent):
        other = "Mix-FFN" if silent[0] else "attention"
        return f"one branch is silent, {other} still adds something."
    if not block.norm1.weight.any() or not block.norm2.weight.any():
        return (
            "a norm with scale zero makes a branch blind, not silent: the "
            "biases behind it still come through."
        )
    if not block.ffn.fc1.weight.any() or not block.attn.kv.weight.any():
        return (
            "a first layer of zeros does not silence a branch: the biases "
            "behind it still come through."
        )
    return "not yet: in evaluation the block does not return its input."


CHECKERS = {
    "block.survival": survival,
    "block.drop_path": drop_path,
    "block.identity": start_as_identity,
}
