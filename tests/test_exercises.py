"""The right answers pass, and the usual mistakes are told by name."""

import pytest
from answers import RIGHT, WRONG

from segformer_tutorial.classroom.exercises import CHECKERS, check


def said(capsys, exercise, answer) -> str:
    check(exercise, answer)
    return capsys.readouterr().out


def test_every_exercise_has_a_right_answer_here():
    assert RIGHT.keys() == CHECKERS.keys()


@pytest.mark.parametrize("exercise", CHECKERS)
def test_right_answer_passes(capsys, exercise):
    assert said(capsys, exercise, RIGHT[exercise]) == f"{exercise}: right.\n"


@pytest.mark.parametrize(("exercise", "answer", "words"), WRONG)
def test_mistake_is_named(capsys, exercise, answer, words):
    line = said(capsys, exercise, answer)
    assert words in line and "right." not in line


@pytest.mark.parametrize("exercise", CHECKERS)
@pytest.mark.parametrize("stub", [None, ..., lambda *a: None, lambda *a: ...])
def test_stub_is_not_answered_yet(capsys, exercise, stub):
    assert said(capsys, exercise, stub).endswith("not answered yet.\n")


def test_unknown_exercise_names_the_known_ones():
    with pytest.raises(ValueError, match=r"patches\.sides.*got 'patches.side'"):
        check("patches.side", 1)


def test_answer_that_is_no_function(capsys):
    check("patches.sides", 128)
    assert "give the function itself" in capsys.readouterr().out
