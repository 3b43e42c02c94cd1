"""Checkers on training."""

from collections.abc import Callable
from math import ceil, cos, pi

import torch
from torch import Tensor

from .checking import ask

RATE_CASES = [
    (0, 1e-3, 2000, 50),
    (24, 1e-3, 2000, 50),
    (50, 6e-5, 1000, 200),
    (500, 6e-5, 1000, 200),
    (999, 1e-3, 1000, 100),
]
STEP_CASES = [
    # epochs, pictures, batch_size, accumulation, processes
    (100, 160, 8, 1, 1),
    (100, 160, 4, 2, 4),
    (7, 10, 2, 2, 2),
    (3, 50, 4, 3, 1),
    (5, 7, 3, 1, 2),
]


def near(a: float, b: float) -> bool:
    """Equal to five digits."""
    return abs(a - b) <= 1e-5 * abs(b) + 1e-15


def decay(step: int, steps: int) -> float:
    """Half a wave of the cosine, from 1 to 0."""
    return (1 + cos(pi * step / steps)) / 2


def ramp(step: int, warmup: int) -> float:
    return min(1.0, (step + 1) / (warmup + 1))


def true_rate(step: int, lr: float, steps: int, warmup: int) -> float:
    return lr * decay(step, steps) * ramp(step, warmup)


def after_warmup(step: int, lr: float, steps: int, warmup: int) -> float:
    """A decay that begins where the warm-up ends."""
    if step < warmup:
        return lr * ramp(step, warmup)
    return lr * decay(step - warmup, steps - warmup)


RATE_MISTAKES = [
    (
        lambda step, lr, steps, warmup: decay(step, steps) * ramp(step, warmup),
        "this is the factor; multiply it by lr.",
    ),
    (
        lambda step, lr, steps, warmup: lr * decay(step, steps),
        "the warm-up is missing: this begins with the full learning rate.",
    ),
    (
        lambda step, lr, steps, warmup: (
            lr * (1 - step / steps) * ramp(step, warmup)
        ),
        "this is the straight line of the package. Here half a wave of the "
        "cosine takes its place.",
    ),
    (
        lambda step, lr, steps, warmup: (
            lr * decay(2 * step, steps) * ramp(step, warmup)
        ),
        "this is a whole wave: it comes up again in the second half. The "
        "angle runs from 0 to pi.",
    ),
    (
        lambda step, lr, steps, warmup: (
            lr * cos(pi * step / steps) * ramp(step, warmup)
        ),
        "this runs from 1 to -1. Lift it by 1 and halve it.",
    ),
    (
        lambda step, lr, steps, warmup: (
            lr * cos(pi * step / steps / 2) * ramp(step, warmup)
        ),
        "this is a quarter of a wave: it falls steeply at the end. The angle "
        "runs from 0 to pi, then 1 is added and the sum halved.",
    ),
    (
        lambda step, lr, steps, warmup: lr * ramp(step, warmup),
        "the decay is missing: this stays at lr after the warm-up.",
    ),
    (
        lambda step, lr, steps, warmup: (
            lr * decay(step, steps) * (step + 1) / (warmup + 1)
        ),
        "the line of the warm-up goes on beyond 1. Stop it there with min.",
    ),
    (
        lambda step, lr, steps, warmup: (
            lr * decay(step, steps) * max(1.0, (step + 1) / (warmup + 1))
        ),
        "max for min: the line of the warm-up must not exceed 1.",
    ),
    (
        lambda step, lr, steps, warmup: (
            lr * decay(step, steps) * min(1.0, step / warmup)
        ),
        "the first step has a learning rate of 0, so it learns nothing. The "
        "line is (step + 1) / (warmup + 1).",
    ),
    (
        lambda step, lr, steps, warmup: (
            lr * decay(step, steps) * min(1.0, (step + 1) / warmup)
        ),
        "the line reaches 1 one step too early: it is "
        "(step + 1) / (warmup + 1).",
    ),
    (
        lambda step, lr, steps, warmup: (
            lr * decay(step + 1, steps) * ramp(step, warmup)
        ),
        "the decay counts steps from 1. Here the first step is 0, and the "
        "last one still learns a little.",
    ),
    (
        lambda step, lr, steps, warmup: (
            lr * min(decay(step, steps), ramp(step, warmup))
        ),
        "this takes the smaller of the two. They are multiplied.",
    ),
    (
        after_warmup,
        "the decay begins when the warm-up ends. It runs from the first step "
        "on, and the two are multiplied.",
    ),
]


def learning_rate(answer: Callable) -> str | None:
    """The learning rate at a step, with half a wave for decay."""
    got = []
    for case in RATE_CASES:
        value = ask(answer, *case)
        if not isinstance(value, int | float):
            return "not yet: expected one number."
        got.append(value)

    def follows(rule: Callable) -> bool:
        pairs = zip(got, RATE_CASES, strict=True)
        return all(near(value, rule(*case)) for value, case in pairs)

    if follows(true_rate):
        return None
    for rule, mistake in RATE_MISTAKES:
        if follows(rule):
            return mistake
    return next(
        f"not yet: at step {case[0]} of {case[2]} with lr {case[1]:g} and "
        f"{case[3]} steps of warm-up expected {true_rate(*case):.4g}, got "
        f"{value:.4g}."
        for value, case in zip(got, RATE_CASES, strict=True)
        if not near(value, true_rate(*case))
    )


def true_steps(epochs, pictures, batch_size, accumulation, processes) -> int:
    return ceil(epochs * pictures / (batch_size * accumulation * processes))


STEP_MISTAKES = [
    (
        lambda e, n, b, a, p: e * n // (b * a * p),
        "rounded down: the last pictures are then not seen. Round up.",
    ),
    (
        lambda e, n, b, a, p: e * ceil(n / (b * a * p)),
        "rounded up in every epoch. The scenes stand in one endless row, and "
        "a step may cross the border of two epochs: round once, at the end.",
    ),
    (
        lambda e, n, b, a, p: e * (n // (b * a * p)),
        "rounded down in every epoch: pictures are left out each time. Round "
        "up, once, at the end.",
    ),
    (
        lambda e, n, b, a, p: ceil(e * n / b),
        "accumulation and processes are missing: they make a step larger.",
    ),
    (
        lambda e, n, b, a, p: ceil(e * n / (b * p)),
        "accumulation is missing: the optimizer moves only after so many "
        "parts, and a step is one move.",
    ),
    (
        lambda e, n, b, a, p: ceil(e * n / (b * a)),
        "the processes are missing: each takes its own pictures in the same "
        "step.",
    ),
    (
        lambda e, n, b, a, p: ceil(e * n * a / (b * p)),
        "accumulation stands on the wrong side: it makes a step larger, so "
        "fewer steps are needed.",
    ),
    (
        lambda e, n, b, a, p: ceil(e * n * p / (b * a)),
        "the processes stand on the wrong side: they make a step larger, so "
        "fewer steps are needed.",
    ),
    (
        lambda e, n, b, a, p: ceil(n / (b * a * p)),
        "these are the steps of one epoch.",
    ),
]


def steps_for(answer: Callable) -> str | None:
    """Steps from epochs and the batch of a step."""
    got = []
    for case in STEP_CASES:
        value = ask(answer, *case)
        if isinstance(value, float):
            exact = case[0] * case[1] / (case[2] * case[3] * case[4])
            if near(value, exact) and not exact.is_integer():
                return "half a step cannot be done: round up, to an int."
            if not value.is_integer():
                return "not yet: expected an int."
        elif not isinstance(value, int):
            return "not yet: expected an int."
        got.append(value)
    if got == [true_steps(*case) for case in STEP_CASES]:
        if any(isinstance(value, float) for value in got):
            return "the number is right; return it as an int."
        return None
    for rule, mistake in STEP_MISTAKES:
        if got == [rule(*case) for case in STEP_CASES]:
            return mistake
    case, value = next(
        (case, value)
        for case, value in zip(STEP_CASES, got, strict=True)
        if value != true_steps(*case)
    )
    return (
        f"not yet: {case[0]} epochs of {case[1]} pictures with batch_size "
        f"{case[2]}, accumulation {case[3]}, processes {case[4]}: expected "
        f"{true_steps(*case)}, got {value}."
    )


def draws(answer: Callable) -> str | None:
    """Random numbers from seed, epoch and index alone."""
    with torch.random.fork_rng(devices=[]):
        return wrong_draws(answer)


def wrong_draws(answer: Callable) -> str | None:
    torch.manual_seed(0)
    before = torch.get_rng_state()
    first = ask(answer, 0, 3, 12, 6)
    touched = not torch.equal(before, torch.get_rng_state())
    if not isinstance(first, Tensor) or first.shape != (6,):
        return "not yet: expected a tensor of n numbers."
    first = first.clone()
    if not first.is_floating_point() or first.min() < 0 or first.max() > 1:
        return "not yet: expected floats in 0..1."
    if len(first.unique()) < 6:
        return "the n numbers must differ from each other."
    torch.manual_seed(1)  # as if other samples had been read in between
    if not torch.equal(first, ask(answer, 0, 3, 12, 6)):
        return (
            "asked twice, it gives two answers: the numbers depend on what "
            "was drawn before. Seed a torch.Generator of your own."
        )
    if touched:
        return (
            "the numbers are right, but torch's own generator was changed: "
            "everybody else's random numbers now depend on this. Seed a "
            "torch.Generator() and give it to torch.rand, or use "
            "torch.random.fork_rng."
        )

    def same(*other: int) -> bool:
        return torch.equal(first, ask(answer, *other, 6))

    for name, other, words in (
        ("epoch", (0, 4, 12), "a scene is changed alike in every epoch"),
        ("index", (0, 3, 13), "all scenes of an epoch are changed alike"),
        ("seed", (1, 3, 12), "two runs with different seeds are the same"),
    ):
        if same(*other):
            return f"the {name} does not matter: {words}."
    if any(same(*other) for other in ((3, 0, 12), (0, 12, 3), (12, 3, 0))):
        return (
            "two of the numbers may be exchanged: scene 3 in epoch 12 is "
            "changed like scene 12 in epoch 3. A sum or a product cannot "
            "keep them apart."
        )
    if any(same(*other) for other in ((0, 2, 13), (1, 2, 12), (1, 3, 11))):
        return (
            "the numbers are added up: scene 13 in epoch 2 is changed like "
            "scene 12 in epoch 3. Keep them apart, as seed_of does."
        )
    return None


CHECKERS = {
    "training.rate": learning_rate,
    "training.steps": steps_for,
    "training.draws": draws,
}
