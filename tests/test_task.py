"""What a model was trained for travels as text."""

from dataclasses import replace

import pytest
from torch import nn

from segformer_tutorial.data import Task, task_of

TASK = Task(
    classes=("Straße", "car"),
    palette=((1, 2, 3), (4, 5, 6)),
    short_side=64,
    mean=(1.0,),
    std=(2.0,),
)


def test_there_and_back():
    assert Task.from_json(TASK.to_json()) == TASK
    one = replace(TASK, labels_from_one=True)
    assert Task.from_json(one.to_json()) == one
    assert "labels_from_one" not in TASK.to_json()  # older packages read it
    plain = Task(classes=["a"])
    assert Task.from_json(plain.to_json()) == plain


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"classes": ()}, "classes must be names"),
        ({"classes": ("a", "")}, "classes must be names"),
        ({"palette": ((1, 2, 3),)}, "for each of 2 classes"),
        ({"palette": ((1, 2, 3), (4, 5, 256))}, r"colour in 0\.\.255"),
        ({"short_side": 0}, "short_side must be at least 1 or None, got 0"),
        ({"short_side": 2**14 + 1}, "short_side must be at most 16384"),
        ({"short_side": True}, "short_side must be at least 1 or None"),
        ({"classes": "ab"}, "got one text: 'ab'"),
        ({"classes": ("a", "b\x1b[2J")}, "without control characters"),
        ({"classes": ("a", "b\n")}, "without control characters"),
        ({"palette": ((1, 2, 3, 4, 5, 6), ())}, "for each of 2 classes"),
        ({"palette": ((1, 2, True), (4, 5, 6))}, r"colour in 0\.\.255"),
        ({"mean": (float("nan"),)}, "finite"),
        ({"mean": (True,)}, "finite"),
        ({"std": (float("inf"),)}, "finite"),
        ({"labels_from_one": 1}, "labels_from_one must be true or false"),
        ({"mean": (1.0, 2.0)}, "got 2 and 1"),
        ({"std": (0.0,)}, "std positive"),
    ],
)
def test_tasks_that_no_model_has(changes, words):
    with pytest.raises(ValueError, match=words):
        replace(TASK, **changes)


@pytest.mark.parametrize("text", ["[]", "{", '{"names": []}', "{}"])
def test_text_that_is_no_task(text):
    with pytest.raises(ValueError):
        Task.from_json(text)


def test_task_of_a_model():
    model = nn.Linear(1, 1)
    assert task_of(model) is None
    model.task = TASK
    assert task_of(model) is TASK
