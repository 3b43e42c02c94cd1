"""Judge a reader's function: call it, compare, and name the mistake."""

import math
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from numbers import Real

import torch
from torch import Tensor

Rule = Callable  # the arguments of a case -> an answer


class AnswerError(Exception):
    """The answer cannot be judged; the message is for the reader."""


@dataclass(frozen=True)
class Exercise:
    """`judge` takes the reader's function and says what is wrong, or None."""

    judge: Callable[[Callable], str | None]


def by_cases(**table) -> Exercise:
    """An exercise that is one table; the arguments are those of `judge`."""
    return Exercise(lambda answer: judge(answer, **table))


def by_parts(cases: Sequence[tuple], **tables: Mapping) -> Exercise:
    """For a function that returns a tuple: one table for each part, by name."""

    def part(answer: Callable, i: int) -> Callable:
        def one(*arguments):
            value = ask(answer, *arguments)
            if not isinstance(value, tuple | list) or len(value) != len(tables):
                raise AnswerError(
                    f"Your function should return {' and '.join(tables)}, but "
                    f"it returned {shown(value)}."
                )
            return value[i]

        return one

    def judge_all(answer: Callable) -> str | None:
        verdicts = (
            judge(part(answer, i), cases=cases, name=f"the {name}", **table)
            for i, (name, table) in enumerate(tables.items())
        )
        return next(filter(None, verdicts), None)

    return Exercise(judge_all)


def ask(answer: Callable, *arguments):
    """Call the reader's function with copies, or raise if it is a stub."""
    value = answer(*deepcopy(arguments))
    parts = value if isinstance(value, tuple | list) else [value]
    if any(part is None or part is ... for part in parts):
        raise AnswerError("not answered yet.")
    return value


def exactly(a, b, tolerance: float = 0) -> bool:
    """Equal numbers, alone or in lists and tuples; tensors up to rounding."""
    if isinstance(b, tuple | list):
        return (
            isinstance(a, tuple | list)
            and len(a) == len(b)
            and all(exactly(x, y, tolerance) for x, y in zip(a, b, strict=True))
        )
    if isinstance(b, Tensor):
        return (
            isinstance(a, Tensor)
            and a.shape == b.shape
            and torch.allclose(
                a.double(), b.double(), rtol=1e-4, atol=1e-4, equal_nan=True
            )
        )
    near = {"rel_tol": tolerance, "abs_tol": tolerance * 1e-7}
    return is_number(a) and math.isclose(a, b, **near)


def closely(a, b) -> bool:
    """As `exactly`, but numbers may differ in the sixth digit."""
    return exactly(a, b, tolerance=1e-5)


def judge(
    answer: Callable,
    *,
    cases: Sequence[tuple],
    true: Rule,
    mistakes: Mapping[str, Rule | Sequence[Rule]],
    otherwise: str | Callable[[tuple, object, object], str],
    form: Callable[[object, object], str | None] | None = None,
    same: Callable[[object, object], bool] = exactly,
    name: str = "the result",
) -> str | None:
    """Compare a function with the true rule, then with the mistaken ones.

    cases: the arguments of each call. mistakes: what to say to a reader whose
    answers all follow one of these rules. otherwise: what to say about the
    first case that is wrong, a text with the arguments as {0}, {1}, ... and
    with {wanted} and {said}, or a function of the case, wanted and said. form:
    what is wrong with the form of one answer, from said and wanted, or None.
    same: how two answers are compared. name: what the function returns.
    """
    wanted = [true(*case) for case in cases]
    said = [ask(answer, *case) for case in cases]
    if not isinstance(wanted[0], Tensor):
        said = [plain(mine) for mine in said]
    rows = list(zip(cases, wanted, said, strict=True))
    for _, right, mine in rows:
        if form is not None and (wrong := form(mine, right)):
            return wrong

    def follows(rule: Rule) -> bool:
        return all(same(mine, rule(*case)) for case, _, mine in rows)

    if follows(true):
        return None
    for words, rules in mistakes.items():
        if any(map(follows, [rules] if callable(rules) else rules)):
            return words
    case, right, mine = next(row for row in rows if not same(row[2], row[1]))
    if kind(mine) != kind(right):
        return (
            f"For the arguments ({', '.join(map(brief, case))}) {name} should "
            f"be {kind(right)}, but yours is {shown(mine)}."
        )
    if callable(otherwise):
        return otherwise(case, right, mine)
    return otherwise.format(*case, wanted=right, said=mine)


def plain(value):
    """Tensors as numbers and lists of numbers."""
    if isinstance(value, Tensor):
        return value.item() if value.numel() == 1 else value.tolist()
    if isinstance(value, tuple | list):
        return [plain(part) for part in value]
    return value


def is_number(x) -> bool:
    return isinstance(x, Real) and not isinstance(x, bool)


def kind(value) -> str:
    """What kind of answer a value is."""
    if isinstance(value, Tensor):
        return f"a tensor of shape {tuple(value.shape)}"
    if isinstance(value, tuple | list):
        return f"{len(value)} numbers"
    if is_number(value):
        return "one number"
    return f"an object of type {type(value).__name__}"


def brief(argument) -> str:
    """An argument in a list of them."""
    if isinstance(argument, Tensor):
        return f"tensor {tuple(argument.shape)}"
    if isinstance(argument, Real | tuple | list):
        return repr(argument)
    return type(argument).__name__


def shown(value) -> str:
    """A value in a sentence."""
    if is_number(value) or isinstance(value, tuple | list | str):
        return repr(value)
    return kind(value)
