"""Exercises on the loss and its gradient, and on a loop for one batch."""

from collections.abc import Callable, Iterator
from copy import deepcopy

import torch
from torch import Tensor, nn

from ...data import VOID
from ...train.recipe import segmentation_loss
from .checking import Exercise, ask, by_cases, closely, is_number, judge, plain

K = 4


def logits_and_labels() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    logits = 2 * torch.randn(2, K, 3, 5, generator=generator)
    labels = torch.randint(K, (2, 3, 5), generator=generator)
    labels[0, :2] = labels[1, 0, :2] = VOID
    return logits, labels


def gradient_by(
    probabilities: Callable = lambda logits: logits.softmax(1),
    values: Callable = torch.sub,
    divisor: Callable = lambda counted: counted.sum().clamp(min=1),
    void: int | None = None,
) -> Callable:
    """A rule: `values` of the probabilities and of the labels, one-hot.

    They are divided by what `divisor` makes of the pixels that count. Void
    pixels have no gradient, or the one of the class `void`, of no class if -1.
    """

    def rule(logits: Tensor, labels: Tensor) -> Tensor:
        counted = labels != VOID
        target = labels.where(counted, -1 if void is None else void)
        true = (target[:, None] == torch.arange(K)[:, None, None]).float()
        gradient = values(probabilities(logits), true)
        if void is None:
            gradient = gradient * counted[:, None]
        return gradient / divisor(counted)

    return rule


GRADIENT = {
    "cases": [
        logits_and_labels(),
        (torch.ones(1, K, 2, 3), torch.full((1, 2, 3), VOID)),
    ],
    "true": gradient_by(),
    "mistakes": {
        "Your function divides by the number of all pixels, void included. "
        "Divide by the number of those that count.": (
            gradient_by(divisor=lambda counted: counted.numel())
        ),
        "This is the gradient of the sum. The loss is a mean, so divide by "
        "the number of pixels that count.": gradient_by(divisor=lambda _: 1),
        "Where some pixels count your gradient is correct. Where all of them "
        "are void it is 0 / 0, which is nan; divide by at least 1.": (
            gradient_by(divisor=torch.sum)
        ),
        "Void pixels have a gradient in your answer. It should be 0 for all "
        "of their logits.": [gradient_by(void=k) for k in (0, K - 1, -1)],
        "The sign is the wrong way round. Where the true class has a "
        "probability below 1, a larger logit makes the loss smaller, so its "
        "gradient is negative.": gradient_by(values=lambda p, true: true - p),
        "The 1 that is subtracted at the true class is missing.": (
            gradient_by(values=lambda p, true: p)
        ),
        "Your gradient is 0 for the other classes. Their logits change the "
        "probability of the true class too.": (
            gradient_by(values=lambda p, true: (p - 1) * true)
        ),
        "Your function subtracts from the logits themselves, so the softmax "
        "is missing.": gradient_by(lambda logits: logits),
        "Your softmax runs over the wrong dimension. The probabilities of one "
        "pixel add up to 1 over its classes, which are dimension 1.": [
            gradient_by(lambda logits, dim=dim: logits.softmax(dim))
            for dim in (0, 2, 3)
        ],
        "This is the gradient with respect to the probabilities. Through the "
        "softmax it becomes simpler.": (
            gradient_by(values=lambda p, true: -true / p)
        ),
    },
    "otherwise": lambda case, wanted, said: (
        "Your gradient differs from the one of `backward()` by up to "
        f"{(said - wanted).abs().max():.4f}."
    ),
    "name": "the gradient",
}


@Exercise
def gradient(answer: Callable) -> str | None:
    """The gradient of the loss with respect to the logits, b k h w."""
    try:
        return judge(answer, **GRADIENT)
    except (IndexError, RuntimeError) as error:
        return (
            f"Your function stops with {str(error)!r}. Remember that 255 is "
            "not a class and cannot be looked up or made one-hot."
        )


def cross(weights: Tensor, probabilities: Tensor) -> float:
    return -(weights * probabilities.clamp(min=1e-30).log()).sum().item()


def weighted(weights: Callable) -> Callable:
    """A rule that weighs the losses of the classes."""
    return lambda logits, shares: cross(weights(shares), logits.softmax(0))


true_constant = weighted(lambda shares: shares)

constant = by_cases(
    cases=[
        (torch.tensor([1.5, -1.0, 0.5]), torch.tensor([0.7, 0.2, 0.1])),
        (torch.zeros(5), torch.tensor([0.6, 0.2, 0.1, 0.05, 0.05])),
        (torch.tensor([2.0, 0.0, 0.0, -1.0]), torch.tensor([0, 0.5, 0.5, 0])),
    ],
    true=true_constant,
    same=closely,
    mistakes={
        "ln k is the loss of equal logits, but these are not equal.": (
            lambda logits, shares: torch.tensor(len(logits)).log().item()
        ),
        "This is the loss of the best constant logits, the logarithms of the "
        "shares. Use the logits that are given.": (
            lambda logits, shares: cross(shares, shares)
        ),
        "The two are swapped. The logarithm is taken of the probabilities "
        "that the model gives, and the shares weigh it.": (
            lambda logits, shares: cross(logits.softmax(0), shares)
        ),
        "In your function all classes weigh the same. A class counts as often "
        "as it occurs.": [
            weighted(lambda shares: torch.ones_like(shares) / len(shares)),
            weighted(torch.ones_like),
        ],
        "The minus is missing. A probability is below 1, so its logarithm is "
        "negative.": weighted(torch.neg),
        "Your function uses the logits themselves, so the softmax is "
        "missing.": lambda logits, shares: -(shares @ logits).item(),
        "The logarithm comes too late. Take it for each class, then the "
        "mean.": lambda logits, shares: (
            -(shares @ logits.softmax(0)).log().item()
        ),
        "The logarithm is missing: this is 1 minus the mean probability.": (
            lambda logits, shares: 1 - (shares @ logits.softmax(0)).item()
        ),
        "Your function divides by k. The shares add up to 1 already.": (
            weighted(lambda shares: shares / len(shares))
        ),
    },
    otherwise=lambda case, wanted, said: (
        f"For the logits {case[0].tolist()} and the shares "
        f"{[round(x, 3) for x in case[1].tolist()]} the loss is {wanted:.3f}, "
        f"but your function returned {said:.3f}."
    ),
)


class Watched(nn.Module):
    """A tiny model that notes in which mode it was called."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, 6, 1), nn.BatchNorm2d(6), nn.Conv2d(6, K, 1)
        )
        self.modes: list[bool] = []

    def forward(self, x: Tensor) -> Tensor:
        self.modes.append(self.training)
        return self.layers(x)


def fit(model, optimizer, images, labels, steps, zero_grad=True) -> list[float]:
    """The loop, with the gradients set to zero in each step or not."""
    model.train()
    losses = []
    for _ in range(steps):
        loss = segmentation_loss(model(images), labels)
        if zero_grad:
            optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


@Exercise
def loop(answer: Callable) -> str | None:
    """A training loop without the three faults: all that are left, joined."""
    torch.manual_seed(0)
    start = Watched().eval()
    batch = torch.randn(2, 3, 8, 8), torch.randint(K, (2, 8, 8))
    batch[1][0, :2] = VOID
    found = list(faults(answer, start, *batch, 4))
    return " ".join(found) if found else None


def same(a: nn.Module, b: nn.Module) -> bool:
    pairs = zip(a.parameters(), b.parameters(), strict=True)
    return all(torch.allclose(p, q, atol=1e-5) for p, q in pairs)


def faults(answer, start, images, labels, steps) -> Iterator[str]:
    def run(fit: Callable) -> tuple[Watched, list]:
        model = deepcopy(start)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
        return model, ask(lambda: fit(model, optimizer, images, labels, steps))

    model, losses = run(answer)
    if not model.modes:
        yield "Your loop never calls the model."
        return
    if not isinstance(losses, list | tuple):
        yield "Return a list with one loss for each step."
        return
    if not all(model.modes):
        yield (
            "The model is called in evaluation mode, where BatchNorm does not "
            "learn its averages. It may come in that mode, so call "
            "`model.train()`."
        )
    if any(isinstance(x, Tensor) and x.requires_grad for x in losses):
        yield (
            "Your losses are tensors that hold all activations of their step, "
            "so the memory grows with each step. Keep `loss.item()`."
        )
    elif len(losses) != steps:
        yield f"Your loop should return {steps} losses, not {len(losses)}."
    if not all(model.modes):
        return  # for that reason alone the weights are others
    right, wanted = run(fit)
    if same(model, start):
        yield (
            "No weight has moved. Call `optimizer.step()` after `backward()`."
        )
    elif same(model, run(lambda *batch: fit(*batch, zero_grad=False))[0]):
        yield (
            "The gradients of all steps add up. Call `optimizer.zero_grad()` "
            "before `backward()`."
        )
    elif not same(model, right):
        yield "The weights are not those of plain steps on this batch."
    elif len(losses) == steps and not all(
        is_number(a) and abs(a - b) < 1e-4
        for a, b in zip(plain(losses), wanted, strict=True)
    ):
        yield "The weights are correct, but the losses are not."
