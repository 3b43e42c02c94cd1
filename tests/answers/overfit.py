"""Answers: the right ones, and mistakes with their words.

Nothing here is shared with the checkers' own formulas.
"""

import math

import torch
import torch.nn.functional as F

from segformer_tutorial.train.recipe import segmentation_loss


def pixels(scores, labels, void=None):
    """The loss of each pixel, one by one; `void` is the class of void."""
    found = []
    b, _, h, w = scores.shape
    for i in range(b):
        for y in range(h):
            for x in range(w):
                k = labels[i, y, x].item()
                if k == 255 and void is None:
                    continue
                k = void if k == 255 else k
                z = [math.exp(s) for s in scores[i, :, y, x].tolist()]
                found.append(-math.log(z[k] / sum(z)))
    return found


def by_loop(scores, labels):
    found = pixels(scores, labels)
    return sum(found) / max(1, len(found))


def over(dim):
    """Softmax over another dimension."""

    def answer(scores, labels):
        return F.nll_loss(
            scores.log_softmax(dim), labels, ignore_index=255
        ).item()

    return answer


def shares_of_label(scores, labels):
    return torch.stack(
        [
            scores.softmax(1)[i, labels[i, y, x], y, x]
            for i, y, x in (labels != 255).nonzero().tolist()
        ]
    )


def per_picture(scores, labels):
    found = [by_loop(scores[i : i + 1], labels[i : i + 1]) for i in (0, 1)]
    return sum(found) / 2


def of_constant(scores, shares):
    total = math.log(sum(math.exp(s) for s in scores.tolist()))
    pairs = zip(scores.tolist(), shares.tolist(), strict=True)
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


RIGHT = {"loss": by_loop, "constant": of_constant, "loop": fit}
WRONG = [
    ("loss", lambda s, t: sum(pixels(s, t)) / t.numel(),
     "the number of all pixels"),
    ("loss", lambda s, t: sum(pixels(s, t)), "returns the sum"),
    ("loss", lambda s, t: sum(pixels(s, t, 0)) / t.numel(),
     "as class 0"),
    ("loss", lambda s, t: sum(pixels(s, t, 0)) / (t != 255).sum(),
     "in your sum"),
    ("loss", lambda s, t: F.cross_entropy(s, t.clamp(max=3)),
     "the last class"),
    ("loss", over(0), "wrong dimension"),
    ("loss", over(2), "wrong dimension"),
    ("loss", over(3), "wrong dimension"),
    ("loss", lambda s, t: -shares_of_label(s, t).mean(),
     "logarithm is missing"),
    ("loss", lambda s, t: 1 - shares_of_label(s, t).mean(),
     "logarithm is missing"),
    ("loss", lambda s, t: -shares_of_label(s, t).mean().log(),
     "too late"),
    ("loss", lambda s, t: F.nll_loss(s, t, ignore_index=255),
     "themselves"),
    ("loss", lambda s, t: -by_loop(s, t), "minus is missing"),
    ("loss", lambda s, t: by_loop(s, t) / math.log(2), "base 2"),
    ("loss", lambda s, t: by_loop(s, t) / 4, "over the classes too"),
    ("loss", per_picture, "means of the pictures"),
    ("loss", lambda s, t: F.cross_entropy(s, t, ignore_index=255),
     "all of them are void"),
    ("loss", lambda s, t: s.log_softmax(1).gather(1, t[:, None]).mean(),
     "255 is not a class"),
    ("loss", lambda s, t: s @ t, "stops with"),
    ("loss", lambda s, t: s, "should be one number"),
    ("loss", lambda s, t: 7.0, "returned 7.000"),
    ("constant", lambda s, p: math.log(len(s)), "loss of equal scores"),
    ("constant", lambda s, p: torch.special.entr(p).sum(),
     "best constant scores"),
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
