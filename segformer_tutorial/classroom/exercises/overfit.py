"""Exercises on the loss, and on a loop that overfits one batch."""

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


def log_softmax(logits: Tensor) -> Tensor:
    return logits.log_softmax(1)


def picked(mean: Callable, values: Callable = log_softmax, void: int = 0):
    """A rule: `mean` of the values at the labels, and of what is not void.

    Void pixels look up the class `void`.
    """

    def rule(logits: Tensor, labels: Tensor) -> float:
        counted = labels != VOID
        index = labels.where(counted, void)[:, None]
        return mean(values(logits).gather(1, index)[:, 0], counted).item()

    return rule


def mean_loss(x: Tensor, counted: Tensor) -> Tensor:
    return -x[counted].mean()


def softmax(logits: Tensor) -> Tensor:
    return logits.softmax(1)


LOSS = {
    "cases": [logits_and_labels()],
    "true": picked(mean_loss),
    "same": closely,
    "mistakes": {
        "Your function divides the sum by the number of all pixels, void "
        "included. Divide by the number of those that count.": (
            picked(lambda x, c: -x[c].sum() / x.numel())
        ),
        "Your function returns the sum. Return the mean over the pixels that "
        "count.": picked(lambda x, c: -x[c].sum()),
        "Your function counts void pixels as class 0. Leave them out of the "
        "mean.": picked(lambda x, c: -x.mean()),
        "Your function counts void pixels as the last class, because 255 was "
        "clamped or wrapped round. Leave them out of the mean.": (
            picked(lambda x, c: -x.mean(), void=K - 1)
        ),
        "Void pixels are in your sum, though not in the number that divides "
        "it.": picked(lambda x, c: -x.sum() / c.sum()),
        "Your softmax runs over the wrong dimension. The probabilities of one "
        "pixel add up to 1 over its classes, which are dimension 1.": [
            *(
                picked(mean_loss, lambda x, dim=dim: x.log_softmax(dim))
                for dim in (0, 2, 3)
            ),
            picked(
                mean_loss,
                lambda x: x.flatten(2).log_softmax(2).view_as(x),
            ),
        ],
        "The logarithm is missing: this is the mean probability of the true "
        "class, with a minus or taken from 1.": [
            picked(mean_loss, softmax),
            picked(lambda x, c: 1 - x[c].mean(), softmax),
        ],
        "The logarithm comes too late. Take it at each pixel, then the "
        "mean.": picked(lambda x, c: -x[c].mean().log(), softmax),
        "Your function uses the logits themselves, so the softmax is "
        "missing.": picked(mean_loss, lambda x: x),
        "The minus is missing. A probability is below 1, so its logarithm is "
        "negative.": picked(lambda x, c: x[c].mean()),
        "Your function takes the logarithm to base 2. Take the natural one.": (
            picked(lambda x, c: -x[c].mean() / torch.tensor(2.0).log())
        ),
        "Your mean runs over the classes too. Only the true class has a "
        "loss.": picked(lambda x, c: -x[c].mean() / K),
        "Your function averages the means of the pictures. Take the mean over "
        "all pixels that count together.": picked(
            lambda x, c: (
                -torch.stack(
                    [y[d].mean() for y, d in zip(x, c, strict=True)]
                ).mean()
            )
        ),
    },
    "otherwise": "For the logits of this check the loss is {wanted:.3f}, but "
    "your function returned {said:.3f}.",
}


@Exercise
def loss(answer: Callable) -> str | None:
    """Cross-entropy on logits b k h w, without the void pixels."""
    logits, labels = logits_and_labels()
    try:
        wrong = judge(answer, **LOSS)
    except (IndexError, RuntimeError) as error:
        wrong = f"Your function stops with {str(error)!r}."
        if "out of bounds" in str(error):
            wrong += (
                " 255 is not a class and cannot be looked up. Let void pixels "
                "look up some class, and leave them out afterwards."
            )
    if wrong is None:
        void = plain(ask(answer, logits, torch.full_like(labels, VOID)))
        if void != 0:
            wrong = (
                "Your function is correct where some pixels count. Where all "
                f"of them are void it returned {void}; divide by at least 1."
            )
    return wrong


def cross(weights: Tensor, probabilities: Tensor) -> float:
    return -(weights * probabilities.clamp(min=1e-30).log()).sum().item()


def weighted(weights: Callable) -> Callable:
    """A rule that weighs the losses of the classes."""
    return lambda scores, shares: cross(weights(shares), scores.softmax(0))


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
        "ln k is the loss of equal scores, but these are not equal.": (
            lambda scores, shares: torch.tensor(len(scores)).log().item()
        ),
        "This is the loss of the best constant scores, the logarithms of the "
        "shares. Use the scores that are given.": (
            lambda scores, shares: cross(shares, shares)
        ),
        "The two are swapped. The logarithm is taken of the probabilities "
        "that the model gives, and the shares weigh it.": (
            lambda scores, shares: cross(scores.softmax(0), shares)
        ),
        "In your function all classes weigh the same. A class counts as often "
        "as it occurs.": [
            weighted(lambda shares: torch.ones_like(shares) / len(shares)),
            weighted(torch.ones_like),
        ],
        "The minus is missing. A probability is below 1, so its logarithm is "
        "negative.": weighted(torch.neg),
        "Your function uses the scores themselves, so the softmax is "
        "missing.": lambda scores, shares: -(shares @ scores).item(),
        "The logarithm comes too late. Take it for each class, then the "
        "mean.": lambda scores, shares: (
            -(shares @ scores.softmax(0)).log().item()
        ),
        "The logarithm is missing: this is 1 minus the mean probability.": (
            lambda scores, shares: 1 - (shares @ scores.softmax(0)).item()
        ),
        "Your function divides by k. The shares add up to 1 already.": (
            weighted(lambda shares: shares / len(shares))
        ),
    },
    otherwise=lambda case, wanted, said: (
        f"For the scores {case[0].tolist()} and the shares "
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
