"""Check an answer to one of the book's exercises: `check("patches.sides", f)`.

A checker takes the answer and returns what is wrong with it, or None. For a
common mistake it names the misconception. Each subject has a file of them.
"""

from importlib import import_module
from pkgutil import iter_modules

from .checking import NotAnsweredError

CHECKERS = {
    name: checker
    for module in iter_modules(__path__)
    if module.name != "checking"
    for name, checker in import_module(
        f"{__name__}.{module.name}"
    ).CHECKERS.items()
}


def check(exercise: str, answer=None) -> None:
    """Print whether the answer to an exercise is right, and if not, why.

    `exercise` is written in the book above the stub. An answer that is None,
    `...`, or a function that returns one of them, is not answered yet.
    Raises ValueError for an exercise that does not exist.
    """
    if exercise not in CHECKERS:
        raise ValueError(
            f"exercise must be one of {', '.join(CHECKERS)}, got {exercise!r}"
        )
    try:
        if answer is None or answer is ...:
            raise NotAnsweredError
        if callable(answer):
            wrong = CHECKERS[exercise](answer)
        else:
            wrong = "not yet: give the function itself, not its result."
    except NotAnsweredError:
        wrong = "not answered yet."
    print(f"{exercise}: {'right.' if wrong is None else wrong}")
