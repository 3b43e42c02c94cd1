"""The right answers pass, and the usual mistakes are told by name."""

import ast
import io
import json
import re
from contextlib import redirect_stdout
from functools import cache
from pathlib import Path

import pytest
import torch
from answers import RIGHT, WRONG

from segformer_tutorial.classroom import exercises
from segformer_tutorial.classroom.exercises import EXERCISES, check

BOOK = Path(__file__).resolve().parents[1] / "book"


@cache
def said(exercise: str, answer) -> str:
    with redirect_stdout(io.StringIO()) as out:
        check(exercise, answer)
    return out.getvalue()


def messages() -> list[str]:
    """The keys of all tables of mistakes."""
    found = []
    for path in Path(exercises.__file__).parent.glob("*.py"):
        tables = []
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                named = [(word.arg, word.value) for word in node.keywords]
            elif isinstance(node, ast.Dict):
                pairs = zip(node.keys, node.values, strict=True)
                named = [(getattr(key, "value", ""), x) for key, x in pairs]
            else:
                continue
            tables += [x for name, x in named if name == "mistakes"]
        keys = [key for table in tables for key in getattr(table, "keys", [])]
        found += [key.value for key in keys if isinstance(key, ast.Constant)]
    return found


def test_every_exercise_has_a_right_answer_here():
    assert RIGHT.keys() == EXERCISES.keys()


@pytest.mark.parametrize("exercise", EXERCISES)
def test_right_answer_passes(exercise):
    assert said(exercise, RIGHT[exercise]) == f"{exercise}: right.\n"


@pytest.mark.parametrize(("exercise", "answer", "words"), WRONG)
def test_mistake_is_named(exercise, answer, words):
    line = said(exercise, answer)
    assert words in line and not line.endswith(": right.\n")
    assert re.match(rf"{exercise}: .*[.?]\n$", line) or "stops with" in line


def test_every_mistake_has_a_wrong_answer_here():
    lines = {said(exercise, answer) for exercise, answer, _ in WRONG}
    known = {line.partition(": ")[2].rstrip("\n") for line in lines}
    assert len(messages()) > 200
    assert set(messages()) <= known


@pytest.mark.parametrize("exercise", EXERCISES)
@pytest.mark.parametrize("stub", [None, ..., lambda *a: None, lambda *a: ...])
def test_stub_is_not_answered_yet(exercise, stub):
    assert said(exercise, stub) == f"{exercise}: not answered yet.\n"


def test_unknown_exercise_names_the_known_ones():
    with pytest.raises(ValueError, match=r"patches\.sides.*got 'patches.side'"):
        check("patches.side", 1)


def test_answer_that_is_no_function():
    assert "Give `check` the function itself" in said("patches.sides", 128)


def test_what_a_check_draws_is_not_taken_from_the_reader():
    before = torch.get_rng_state()
    check("block.identity", RIGHT["block.identity"])
    check("training.draws", RIGHT["training.draws"])
    assert torch.equal(torch.get_rng_state(), before)


def test_a_function_that_changes_its_arguments_changes_nothing_else(capsys):
    def emptied(counts, groups):
        merged = RIGHT["segmentation.merge"](counts, groups)
        counts.fill_(0)
        groups.clear()
        return merged

    check("segmentation.merge", emptied)
    check("segmentation.merge", emptied)
    assert capsys.readouterr().out == "segmentation.merge: right.\n" * 2


def test_a_new_file_of_exercises_is_found(tmp_path, monkeypatch):
    (tmp_path / "colours.py").write_text(
        "from segformer_tutorial.classroom.exercises.checking import *\n"
        "red = Exercise(lambda answer: None)\n",
        encoding="utf-8",
    )
    path = [*exercises.__path__, str(tmp_path)]
    monkeypatch.setattr(exercises, "__path__", path)
    found = exercises.find_exercises()
    assert found.keys() - EXERCISES.keys() == {"colours.red"}


def test_the_book_uses_every_exercise_and_no_other():
    used = set()
    for path in BOOK.glob("*.ipynb"):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        for cell in cells:
            used |= set(
                re.findall(r'\bcheck\("(.+?)"', "".join(cell["source"]))
            )
    assert used == EXERCISES.keys()
    intro = (BOOK / "intro.md").read_text(encoding="utf-8")
    assert set(re.findall(r'\bcheck\("(.+?)"', intro)) <= used
