"""Check an answer to one of the book's exercises: `check("patches.sides", f)`.

Each subject has a file here, and each `Exercise` in it is an exercise: a new
one is found without further ado. For a common mistake it says which one it is.
"""

from importlib import import_module
from pkgutil import iter_modules

import torch

from .checking import AnswerError, Exercise


def find_exercises() -> dict[str, Exercise]:
    """All exercises by their ids: the file, a dot, the name in the file."""
    return {
        f"{file.name}.{name}": value
        for file in iter_modules(__path__)
        for name, value in vars(
            import_module(f"{__name__}.{file.name}")
        ).items()
        if isinstance(value, Exercise)
    }


EXERCISES = find_exercises()


def check(exercise: str, answer=None) -> None:
    """Print whether the answer to an exercise is right, and if not, why.

    exercise: the id, as the book gives it with the stub. answer: the reader's
    function; None, `...` and a function that returns one of them are not
    answered yet. Raises ValueError for an exercise that does not exist.
    """
    if exercise not in EXERCISES:
        raise ValueError(
            f"exercise must be one of {', '.join(EXERCISES)}, got {exercise!r}"
        )
    try:
        if answer is None or answer is ...:
            raise AnswerError("not answered yet.")
        if not callable(answer):
            raise AnswerError(
                "Give `check` the function itself, without calling it."
            )
        # what is drawn here changes no random number of the reader's
        with torch.random.fork_rng(devices=[]):
            wrong = EXERCISES[exercise].judge(answer)
    except AnswerError as error:
        wrong = str(error)
    print(f"{exercise}: {'right.' if wrong is None else wrong}")
