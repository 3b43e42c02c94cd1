"""Answers: the right ones, and mistakes with their words.

Nothing here is shared with the checkers' own formulas.
"""

import math

import torch
import torch.nn.functional as F

from segformer_tutorial.train.recipe import segmentation_loss


def by_autograd(logits, labels, void=255, divisor=None):
    """By PyTorch's own loss; pixels of the class `void` are left out."""
    logits = logits.clone().requires_grad_()
    total = F.cross_entropy(logits, labels, ignore_index=void, reduction="sum")
    if divisor is None:
        divisor = max(1, (labels != void).sum().item())
    (total / divisor).backward()
    return logits.grad


def by_finger(logits, labels, softmax=lambda x: x.softmax(1)):
    """The formula, one pixel at a time."""
    found = torch.zeros_like(logits)
    pixels = (labels != 255).nonzero().tolist()
    for i, y, x in pixels:
        found[i, :, y, x] = softmax(logits)[i, :, y, x] / len(pixels)
        found[i, labels[i, y, x], y, x] -= 1 / len(pixels)
    return found


def only_true(logits, labels):
    return by_autograd(logits, labels).clamp(max=0)


def of_probabilities(logits, labels):
    p = logits.softmax(1).requires_grad_()
    F.nll_loss(p.log(), labels, ignore_index=255, reduction="sum").backward()
    return p.grad / max(1, (labels != 255).sum())


def without_one(logits, labels):
    counted = (labels != 255)[:, None]
    return logits.softmax(1) * counted / counted.sum().clamp(min=1)


def void_not_zero(logits, labels):
    """A mean over what counts, in which void only loses its 1."""
    counted = (labels != 255)[:, None]
    rest = logits.softmax(1) * ~counted / counted.sum().clamp(min=1)
    return by_autograd(logits, labels) + rest


def void_as(k):
    def answer(logits, labels):
        number = max(1, (labels != 255).sum().item())
        return by_autograd(logits, labels.where(labels != 255, k), -1, number)

    return answer


def of_constant(logits, shares):
    total = math.log(sum(math.exp(s) for s in logits.tolist()))
    pairs = zip(logits.tolist(), shares.tolist(), strict=True)
    return sum(share * (total - s) for s, share in pairs)


def fit(model, optimizer, images, labels, steps):
    """With gradients set to None by hand, and the loss of the package."""
    model.train()
    values = []
    while len(values) < steps:
        for p in model.parameters():
            p.grad = None
        loss = segmentation_loss(model(images), labels)
        loss.backward()
        optimizer.step()
        values.append(loss.detach().item())
    return values


def variant(*, mode=True, zero=True, move=True, plain=True, count=0, scale=1.0):
    """A loop with faults."""

    def answer(model, optimizer, images, labels, steps):
        values = []
        if mode is True:
            model.train()
        for step in range(steps + count):
            if mode == "leaves":
                model.train(step == 0)
            loss = scale * segmentation_loss(model(images), labels)
            if zero:
                optimizer.zero_grad()
            loss.backward()
            if move:
                optimizer.step()
            values.append(loss.item() if plain else loss)
        return values

    return answer


def other_losses(*arguments):
    return [2 * value for value in fit(*arguments)]


RIGHT = {"gradient": by_autograd, "constant": of_constant, "loop": fit}
WRONG = [
    ("gradient", lambda s, t: by_autograd(s, t, divisor=t.numel()),
     "the number of all pixels"),
    ("gradient", lambda s, t: by_autograd(s, t, divisor=1),
     "gradient of the sum"),
    ("gradient", lambda s, t: by_autograd(s, t, divisor=1) / (t != 255).sum(),
     "at least 1"),
    ("gradient", void_not_zero, "Void pixels have a gradient"),
    ("gradient", void_as(0), "Void pixels have a gradient"),
    ("gradient", void_as(3), "Void pixels have a gradient"),
    ("gradient", lambda s, t: -by_autograd(s, t), "wrong way round"),
    ("gradient", without_one, "at the true class is missing"),
    ("gradient", only_true, "0 for the other classes"),
    ("gradient", lambda s, t: by_finger(s, t, lambda x: x),
     "softmax is missing"),
    ("gradient", lambda s, t: by_finger(s, t, lambda x: x.softmax(0)),
     "wrong dimension"),
    ("gradient", lambda s, t: by_finger(s, t, lambda x: x.softmax(2)),
     "wrong dimension"),
    ("gradient", lambda s, t: by_finger(s, t, lambda x: x.softmax(3)),
     "wrong dimension"),
    ("gradient", of_probabilities, "with respect to the probabilities"),
    ("gradient", lambda s, t: s.softmax(1) - F.one_hot(t).movedim(-1, 1),
     "255 is not a class"),
    ("gradient", lambda s, t: 3 * by_autograd(s, t), "differs from"),
    ("gradient", lambda s, t: by_autograd(s, t).sum(1),
     "should be a tensor of shape"),
    ("constant", lambda s, p: math.log(len(s)), "loss of equal logits"),
    ("constant", lambda s, p: torch.special.entr(p).sum(),
     "best constant logits"),
    ("constant", lambda s, p: F.cross_entropy(p.clamp(min=1e-30).log(),
                                              s.softmax(0)), "swapped"),
    ("constant", lambda s, p: -s.log_softmax(0).mean(), "weigh the same"),
    ("constant", lambda s, p: -s.log_softmax(0).sum(), "weigh the same"),
    ("constant", lambda s, p: -of_constant(s, p), "minus is missing"),
    ("constant", lambda s, p: -(s @ p), "softmax is missing"),
    ("constant", lambda s, p: -(s.softmax(0) @ p).log(), "too late"),
    ("constant", lambda s, p: 1 - s.softmax(0) @ p, "logarithm is missing"),
    ("constant", lambda s, p: of_constant(s, p) / len(s), "divides by k"),
    ("constant", lambda s, p: s, "should be one number"),
    ("constant", lambda s, p: 7.0, "returned 7.000"),
    ("loop", variant(mode=False), "in evaluation mode"),
    ("loop", variant(mode="leaves"), "in evaluation mode"),
    ("loop", variant(zero=False), "add up"),
    ("loop", variant(move=False), "No weight has moved"),
    ("loop", variant(plain=False), "memory grows"),
    ("loop", variant(mode=False, zero=False, plain=False),
     "memory grows"),
    ("loop", variant(count=1), "return 4 losses"),
    ("loop", variant(scale=0.5), "not those of plain steps"),
    ("loop", other_losses, "the losses are not"),
    ("loop", lambda *a: [0.0] * 4, "never calls the model"),
    ("loop", lambda m, o, x, y, n: m(x), "a list with one loss"),
]  # fmt: skip
