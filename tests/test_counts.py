"""Classes that do not occur in a split are noticed before training."""

import pytest

pytest.importorskip("numpy")
pytest.importorskip("PIL")
import numpy as np
from pictures import save

from segformer_tutorial.data import (
    ClassCounts,
    LabelledImages,
    class_counts,
    presence_report,
)

CLASSES = ("road", "car", "sky")


@pytest.fixture
def dataset(tmp_path):
    """A function: label files with these rows, and no pictures at all."""

    def make(rows, classes=CLASSES, **options):
        pairs = [
            ("x.png", save(tmp_path / f"{k}.png", np.array([row], "uint8")))
            for k, row in enumerate(rows)
        ]
        return LabelledImages(pairs, classes, **options)

    return make


def test_counts(dataset):
    counts = class_counts(dataset([[0, 0, 1, 255], [2, 0, 255, 255]]))
    assert counts == ClassCounts(CLASSES, (3, 1, 1), 3, 2, 2)
    assert counts.missing == () and presence_report({"train": counts}) == ""


def test_classes_are_counted_as_they_are_read(dataset):
    counts = class_counts(dataset([[0, 1, 3]], labels="from-one"))
    assert counts.pixels == (1, 0, 1) and counts.void == 1


def test_a_sample_is_spread_evenly_and_called_one(dataset):
    rows = [[0]] * 5 + [[1]] * 5
    counts = class_counts(dataset(rows), at_most=4)
    assert (counts.files, counts.total) == (4, 10)
    assert counts.pixels == (2, 2, 0)
    text = presence_report({"train": counts})
    assert text == "train: no pixel in a sample of 4 of 10 label files is sky"
    with pytest.raises(ValueError, match="at least 1, got 0"):
        class_counts(dataset(rows), at_most=0)


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        ([[0, 1, 255]], "no pixel in 1 label files is sky"),
        ([[1, 1, 255]], "car is the only class in 1 label files; never seen: "),
        ([[255], [255]], "every pixel in 2 label files is void"),
    ],
)
def test_report(dataset, rows, text):
    good = class_counts(dataset([[0, 1, 2]]))
    bad = class_counts(dataset(rows))
    report = presence_report({"train": good, "val": bad})
    assert report.startswith(f"val: {text}") and "\n" not in report
    assert len(presence_report({"a": bad, "b": bad}).splitlines()) == 2


def test_masks_that_are_read_as_numbers_are_recognised(dataset):
    """255 is void, so the thing never occurs: mIoU would be 1."""
    masks = [[0, 0, 255], [0, 255, 255]]
    report = class_counts(dataset(masks, CLASSES[:2])).report("train")
    assert "road is the only class" in report and "labels=binary" in report
    right = dataset(masks, CLASSES[:2], labels="binary")
    assert class_counts(right).pixels == (3, 3)
    ordinary = class_counts(dataset([[0, 1, 255]], CLASSES[:2]))
    assert ordinary.hint == ""


def test_many_missing_classes_are_cut_short(dataset):
    classes = [f"c{k}" for k in range(20)]
    report = class_counts(dataset([[0, 1]], classes)).report("train")
    assert report.endswith(
        "is c2, c3, c4, c5, c6, c7, c8, c9, c10, c11 and 8 more"
    )
