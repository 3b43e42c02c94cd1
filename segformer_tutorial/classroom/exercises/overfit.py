"""Checkers on the loss and one batch by heart."""

from collections.abc import Callable, Iterator
from copy import deepcopy

import torch
from torch import Tensor, nn

from ...train.recipe import segmentation_loss
from .checking import ask

CLASSES = 4


def number(value) -> float | None:
    """A number or a tensor with one entry as a float, else None."""
    if isinstance(value, Tensor) and value.numel() == 1:
        return value.item()
    return float(value) if isinstance(value, int | float) else None


def near(a: float, b: float) -> bool:
    return abs(a - b) < 1e-4


def loss_with_void(answer: Callable) -> str | None:
    """Cross-entropy on scores b k h w, without void pixels."""
    generator = torch.Generator().manual_seed(0)
    scores = 2 * torch.randn(2, CLASSES, 3, 5, generator=generator)
    labels = torch.randint(CLASSES, (2, 3, 5), generator=generator)
    labels[0, :2] = labels[1, 0, :2] = 255
    try:
        got = number(ask(answer, scores.clone(), labels.clone()))
    except (IndexError, RuntimeError) as error:
        return (
            f"it stops with {str(error)!r}. 255 is no class and cannot be "
            "looked up: let void pixels look up some class, and leave them "
            "out afterwards."
            if "out of bounds" in str(error)
            else f"not yet: it stops with {str(error)!r}."
        )
    if got is None:
        return "not yet: expected one number."
    counted = labels != 255
    index = torch.where(counted, labels, 0)

    def picked(values: Tensor, at: Tensor = index) -> Tensor:
        return values.gather(1, at[:, None])[:, 0]

    shares = scores.softmax(1)
    losses = -picked(shares.log())
    pictures = [x[c].mean() for x, c in zip(losses, counted, strict=True)]
    last = torch.where(counted, labels, CLASSES - 1)
    wrong_places = "softmax runs over the wrong dimension: "
    mistakes = [
        (
            losses[counted].sum() / labels.numel(),
            "the sum is divided by all pixels, void included. Divide by "
            "those that count.",
        ),
        (
            losses[counted].sum(),
            "this is the sum; the mean is wanted.",
        ),
        (
            losses.mean(),
            "void pixels are counted as class 0.",
        ),
        (
            -picked(shares.log(), last).mean(),
            "void pixels are counted as the last class.",
        ),
        (
            -picked(shares.log(), labels % CLASSES).mean(),
            "void pixels are counted as a class: 255 was wrapped round.",
        ),
        (
            losses.sum() / counted.sum(),
            "void pixels are in the sum, though not in the number that "
            "divides it.",
        ),
        *(
            (
                -picked(scores.softmax(dim).log())[counted].mean(),
                wrong_places + "each pixel shares out 1 among its classes, "
                "dimension 1.",
            )
            for dim in (0, 2, 3)
        ),
        (
            -picked(scores.flatten(2).softmax(2).log().view_as(scores))[
                counted
            ].mean(),
            wrong_places + "each pixel shares out 1 among its classes, "
            "dimension 1.",
        ),
        (
            -picked(shares)[counted].mean(),
            "the logarithm is missing: this is minus the mean share.",
        ),
        (
            1 - picked(shares)[counted].mean(),
            "the logarithm is missing: this is 1 minus the mean share.",
        ),
        (
            -picked(shares)[counted].mean().log(),
            "the logarithm comes too late: take it at each pixel, then the "
            "mean.",
        ),
        (
            -picked(scores)[counted].mean(),
            "these are the scores themselves: softmax is missing.",
        ),
        (
            -losses[counted].mean(),
            "the sign is missing: a share is below 1, so its logarithm is "
            "negative.",
        ),
        (
            losses[counted].mean() / torch.tensor(2.0).log(),
            "this is the logarithm to base 2; the natural one is wanted.",
        ),
        (
            losses[counted].mean() / CLASSES,
            "the mean runs over the classes too. Only the true class has a "
            "loss.",
        ),
        (
            torch.stack(pictures).mean(),
            "this is the mean of the pictures' means. Take all pixels that "
            "count together.",
        ),
    ]
    if not near(got, losses[counted].mean().item()):
        for value, mistake in mistakes:
            if near(got, value.item()):
                return mistake
        return (
            f"not yet: expected {losses[counted].mean():.3f} for the scores "
            f"that were tried, got {got:.3f}."
        )
    void = number(ask(answer, scores.clone(), torch.full_like(labels, 255)))
    if void != 0:
        return (
            f"right where pixels count. Where all are void it gives {void}: "
            "divide by at least 1."
        )
    return None


def constant_scores(answer: Callable) -> str | None:
    """The loss of the same k scores at every pixel."""
    cases = [
        (torch.tensor([1.5, -1.0, 0.5]), torch.tensor([0.7, 0.2, 0.1])),
        (torch.zeros(5), torch.tensor([0.6, 0.2, 0.1, 0.05, 0.05])),
        (torch.tensor([2.0, 0.0, 0.0, -1.0]), torch.tensor([0, 0.5, 0.5, 0])),
    ]

    def log(x: Tensor) -> Tensor:
        return x.clamp(min=1e-30).log()

    def cross(weights: Tensor, given: Tensor) -> float:
        return -(weights * log(given)).sum().item()

    def true(scores: Tensor, shares: Tensor) -> float:
        return cross(shares, scores.softmax(0))

    rules = [
        (
            lambda scores, shares: log(torch.tensor(len(scores))).item(),
            "ln k is the loss of equal scores. These are not equal.",
        ),
        (
            lambda scores, shares: cross(shares, shares),
            "this is the loss of the best constant scores, the logarithms of "
            "the shares. Use the scores that are given.",
        ),
        (
            lambda scores, shares: cross(scores.softmax(0), shares),
            "the two are swapped: the logarithm is taken of what the model "
            "gives, and weighted with how often a class occurs.",
        ),
        (
            lambda scores, shares: cross(
                torch.full_like(shares, 1 / len(shares)), scores.softmax(0)
            ),
            "all classes weigh the same. A class counts as often as it occurs.",
        ),
        (
            lambda scores, shares: cross(
                torch.ones_like(shares), scores.softmax(0)
            ),
            "all classes weigh the same. A class counts as often as it occurs.",
        ),
        (
            lambda scores, shares: -true(scores, shares),
            "the sign is missing: a share is below 1, so its logarithm is "
            "negative.",
        ),
        (
            lambda scores, shares: -(shares * scores).sum().item(),
            "these are the scores themselves: softmax is missing.",
        ),
        (
            lambda scores, shares: -log(shares @ scores.softmax(0)).item(),
            "the logarithm comes too late: take it for each class, then the "
            "mean.",
        ),
        (
            lambda scores, shares: 1 - (shares @ scores.softmax(0)).item(),
            "the logarithm is missing.",
        ),
        (
            lambda scores, shares: true(scores, shares) / len(shares),
            "the shares add up to 1 already: do not divide by k.",
        ),
    ]
    got = []
    for scores, shares in cases:
        value = number(ask(answer, scores.clone(), shares.clone()))
        if value is None:
            return "not yet: expected one number."
        got.append(value)
    if all(near(g, true(*case)) for g, case in zip(got, cases, strict=True)):
        return None
    for rule, mistake in rules:
        if all(
            near(g, rule(*case)) for g, case in zip(got, cases, strict=True)
        ):
            return mistake
    return next(
        f"not yet: for scores {case[0].tolist()} and shares "
        f"{[round(x, 3) for x in case[1].tolist()]} expected "
        f"{true(*case):.3f}, got {value:.3f}."
        for value, case in zip(got, cases, strict=True)
        if not near(value, true(*case))
    )


class Watched(nn.Module):
    """A tiny model that notes in which mode it was called."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, 6, 1), nn.BatchNorm2d(6), nn.Conv2d(6, CLASSES, 1)
        )
        self.modes: list[bool] = []

    def forward(self, x: Tensor) -> Tensor:
        self.modes.append(self.training)
        return self.layers(x)


def loop(*, zero_grad: bool) -> Callable:
    """A loop for a model in training mode, with gradients zeroed or not."""

    def fit(model, optimizer, images, labels, steps) -> list[float]:
        losses = []
        for _ in range(steps):
            loss = segmentation_loss(model(images), labels)
            if zero_grad:
                optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        return losses

    return fit


def training_loop(answer: Callable) -> str | None:
    """A loop without the three faults."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        start = Watched()
        images = torch.randn(2, 3, 8, 8)
        labels = torch.randint(CLASSES, (2, 8, 8))
    labels[0, :2] = 255
    steps = 4

    def run(fit: Callable) -> tuple[Watched, list]:
        model = deepcopy(start).eval()
        if fit is not answer:
            model.train()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
        return model, ask(fit, model, optimizer, images, labels, steps)

    def same(a: nn.Module, b: nn.Module) -> bool:
        pairs = zip(a.parameters(), b.parameters(), strict=True)
        return all(torch.allclose(p, q, atol=1e-5) for p, q in pairs)

    def faults() -> Iterator[str]:
        model, losses = run(answer)
        if not model.modes:
            yield "the model is never called."
            return
        if not isinstance(losses, list | tuple):
            yield "return a list with one loss for each step."
            return
        if not all(model.modes):
            yield (
                "the model is called in evaluation mode, where BatchNorm "
                "does not learn its averages. It may come in that mode: "
                "call model.train()."
            )
        if any(isinstance(x, Tensor) and x.requires_grad for x in losses):
            yield (
                "the losses are tensors that hold all maps of their step, so "
                "memory grows with each one. Keep loss.item()."
            )
        elif len(losses) != steps:
            yield f"expected {steps} losses, got {len(losses)}."
        if not all(model.modes):
            return  # other weights, for that reason alone
        right, wanted = run(loop(zero_grad=True))
        if same(model, start):
            yield "no weight has moved: optimizer.step() after backward()."
        elif same(model, run(loop(zero_grad=False))[0]):
            yield (
                "the gradients of all steps add up: optimizer.zero_grad() "
                "before backward()."
            )
        elif not same(model, right):
            yield "the weights are not those of plain steps on this batch."
        elif len(losses) == steps and not all(
            near(number(a) or 0.0, b)
            for a, b in zip(losses, wanted, strict=True)
        ):
            yield "the weights are right, the losses are not."

    found = list(faults())
    return " And: ".join(found) if found else None


CHECKERS = {
    "overfit.loss": loss_with_void,
    "overfit.constant": constant_scores,
    "overfit.loop": training_loop,
}
