"""Exercises on the learning rate, the steps and the randomness of training."""

from collections.abc import Callable
from math import ceil, cos, pi

import torch
from torch import Tensor

from .checking import Exercise, ask, by_cases, closely, judge


def wave(step: float, steps: int) -> float:
    """Half a wave of the cosine, from 1 to 0."""
    return (1 + cos(pi * step / steps)) / 2


def ramp(step: int, warmup: int) -> float:
    return min(1.0, (step + 1) / (warmup + 1))


def rate_with(decay: Callable = wave, warm: Callable = ramp) -> Callable:
    return lambda step, lr, steps, warmup: (
        lr * decay(step, steps) * warm(step, warmup)
    )


def after_warmup(step, lr, steps, warmup):
    if step < warmup:
        return lr * ramp(step, warmup)
    return lr * wave(step - warmup, steps - warmup)


rate = by_cases(
    cases=[
        (0, 1e-3, 2000, 50),
        (24, 1e-3, 2000, 50),
        (50, 6e-5, 1000, 200),
        (500, 6e-5, 1000, 200),
        (999, 1e-3, 1000, 100),
    ],
    true=rate_with(),
    same=closely,
    mistakes={
        "Your function returns the factor. Multiply it by lr.": (
            lambda step, lr, *run: rate_with()(step, 1, *run)
        ),
        "The warm-up is missing, so the run begins with the full learning "
        "rate.": rate_with(warm=lambda step, warmup: 1),
        "Your decay is the straight line of the package. Here half a wave of "
        "the cosine takes its place.": (
            rate_with(lambda step, steps: 1 - step / steps)
        ),
        "Your decay is a whole wave, which rises again in the second half. "
        "The angle runs from 0 to pi.": (
            rate_with(lambda step, steps: wave(2 * step, steps))
        ),
        "Your decay runs from 1 to -1. Add 1 to it and halve the sum.": (
            rate_with(lambda step, steps: cos(pi * step / steps))
        ),
        "Your decay is a quarter of a wave, which falls steeply at the end. "
        "Let the angle run from 0 to pi, then add 1 and halve the sum.": (
            rate_with(lambda step, steps: cos(pi * step / steps / 2))
        ),
        "The decay is missing, so the learning rate stays at lr after the "
        "warm-up.": rate_with(lambda step, steps: 1),
        "The line of your warm-up goes on beyond 1. Stop it there with "
        "`min`.": rate_with(
            warm=lambda step, warmup: (step + 1) / (warmup + 1)
        ),
        "Your warm-up takes `max` where it needs `min`, because its line must "
        "not exceed 1.": rate_with(
            warm=lambda step, warmup: max(1.0, (step + 1) / (warmup + 1))
        ),
        "In your first step the learning rate is 0, so it learns nothing. The "
        "line is (step + 1) / (warmup + 1).": (
            rate_with(warm=lambda step, warmup: min(1.0, step / warmup))
        ),
        "Your warm-up reaches 1 one step too early. The line is "
        "(step + 1) / (warmup + 1).": (
            rate_with(warm=lambda step, warmup: min(1.0, (step + 1) / warmup))
        ),
        "Your decay counts steps from 1. Here the first step is 0, and the "
        "last one still learns a little.": (
            rate_with(lambda step, steps: wave(step + 1, steps))
        ),
        "Your function takes the smaller one of decay and warm-up. They are "
        "multiplied.": lambda step, lr, steps, warmup: (
            lr * min(wave(step, steps), ramp(step, warmup))
        ),
        "Your decay begins when the warm-up ends. It runs from the first step "
        "on, and the two are multiplied.": after_warmup,
    },
    otherwise="At step {0} of {2} with lr {1:g} and {3} steps of warm-up the "
    "learning rate is {wanted:.4g}, but your function returned {said:.4g}.",
)

STEPS = {
    "cases": [
        # epochs, pictures, batch_size, accumulation, processes
        (100, 160, 8, 1, 1),
        (100, 160, 4, 2, 4),
        (7, 10, 2, 2, 2),
        (3, 50, 4, 3, 1),
        (5, 7, 3, 1, 2),
    ],
    "true": lambda e, n, b, a, p: ceil(e * n / (b * a * p)),
    "mistakes": {
        "Your function returns parts of a step. Half a step cannot be done, "
        "so round up, to an int.": lambda e, n, b, a, p: e * n / (b * a * p),
        "Your function rounds down, so the last pictures are not seen. Round "
        "up.": lambda e, n, b, a, p: e * n // (b * a * p),
        "Your function rounds up in every epoch. The scenes are in one "
        "endless row, and a step may cross the border of two epochs, so round "
        "once, at the end.": lambda e, n, b, a, p: e * ceil(n / (b * a * p)),
        "Your function rounds down in every epoch, so pictures are left out "
        "each time. Round up, once, at the end.": (
            lambda e, n, b, a, p: e * (n // (b * a * p))
        ),
        "Accumulation and processes are missing. They make a step larger.": (
            lambda e, n, b, a, p: ceil(e * n / b)
        ),
        "Accumulation is missing. The optimizer moves only after so many "
        "parts, and a step is one move.": (
            lambda e, n, b, a, p: ceil(e * n / (b * p))
        ),
        "The processes are missing. Each of them takes its own pictures in "
        "the same step.": lambda e, n, b, a, p: ceil(e * n / (b * a)),
        "Accumulation is on the wrong side of the division. It makes a step "
        "larger, so fewer steps are needed.": (
            lambda e, n, b, a, p: ceil(e * n * a / (b * p))
        ),
        "The processes are on the wrong side of the division. They make a "
        "step larger, so fewer steps are needed.": (
            lambda e, n, b, a, p: ceil(e * n * p / (b * a))
        ),
        "Your function returns the steps of one epoch. The run has several.": (
            lambda e, n, b, a, p: ceil(n / (b * a * p))
        ),
    },
    "same": closely,
    "otherwise": "{0} epochs of {1} pictures with batch_size {2}, accumulation "
    "{3} and {4} processes take {wanted} steps, but your function returned "
    "{said}.",
}


@Exercise
def steps(answer: Callable) -> str | None:
    """Steps from epochs and the pictures of a step, as an int."""
    wrong = judge(answer, **STEPS)
    if wrong is None and isinstance(ask(answer, *STEPS["cases"][0]), float):
        return "The number is correct. Return it as an int."
    return wrong


@Exercise
def draws(answer: Callable) -> str | None:
    """Random numbers from seed, epoch and index alone."""
    torch.manual_seed(0)
    before = torch.get_rng_state()
    first = ask(answer, 0, 3, 12, 6)
    touched = not torch.equal(before, torch.get_rng_state())
    if not isinstance(first, Tensor) or first.shape != (6,):
        return "Return a tensor of n numbers."
    first = first.clone()
    if not first.is_floating_point() or first.min() < 0 or first.max() > 1:
        return "The numbers should be floats in 0..1."
    if len(first.unique()) < 6:
        return "The n numbers should differ from each other."

    def same(*other: int) -> bool:
        return torch.equal(first, ask(answer, *other, 6))

    torch.manual_seed(1)  # as if other samples had been read in between
    if not same(0, 3, 12):
        return (
            "Called twice, your function gives two answers, because the "
            "numbers depend on what was drawn before. Seed a torch.Generator "
            "of your own."
        )
    if touched:
        return (
            "The numbers are correct, but your function changes torch's own "
            "generator, so all other random numbers now depend on it. Seed a "
            "`torch.Generator()` and give it to `torch.rand`, or use "
            "`torch.random.fork_rng`."
        )
    for name, other, words in (
        ("epoch", (0, 4, 12), "a scene is changed alike in every epoch"),
        ("index", (0, 3, 13), "all scenes of an epoch are changed alike"),
        ("seed", (1, 3, 12), "two runs with different seeds are the same"),
    ):
        if same(*other):
            return f"The {name} makes no difference, so {words}."
    if any(same(*other) for other in ((3, 0, 12), (0, 12, 3), (12, 3, 0))):
        return (
            "Two of the numbers can be exchanged: scene 3 in epoch 12 is "
            "changed like scene 12 in epoch 3. A sum or a product cannot keep "
            "them apart."
        )
    if any(same(*other) for other in ((0, 2, 13), (1, 2, 12), (1, 3, 11))):
        return (
            "Your function adds the numbers up, so scene 13 in epoch 2 is "
            "changed like scene 12 in epoch 3. Keep them apart, as `seed_of` "
            "does."
        )
    return None
