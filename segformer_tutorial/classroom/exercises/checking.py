"""What the checkers share: ask the reader's function, judge its answers."""

from collections.abc import Callable


class NotAnsweredError(Exception):
    """The reader's function is still a stub."""


def ask(answer: Callable, *arguments):
    """Call the reader's function, or raise if it is still a stub."""
    value = answer(*arguments)
    parts = list(value) if isinstance(value, tuple | list) else [value]
    if any(part is None or part is ... for part in parts):
        raise NotAnsweredError
    return value


def judge(
    got: list,
    cases: list[tuple],
    true: Callable,
    mistakes: list[tuple[Callable, str]],
    otherwise: Callable,
) -> str | None:
    """Compare the answers to all cases with the true and the mistaken ones.

    mistakes: a rule that is wrong, and what to say to one who follows it.
    otherwise: what to say of the first case with another answer.
    """
    if got == [true(*case) for case in cases]:
        return None
    for rule, mistake in mistakes:
        if got == [rule(*case) for case in cases]:
            return mistake
    return next(
        otherwise(case, said)
        for case, said in zip(cases, got, strict=True)
        if said != true(*case)
    )
