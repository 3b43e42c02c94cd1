"""Logits a few rows at a time are those of the whole."""

import pytest
import torch
from torch import nn

from segformer_tutorial import resize
from segformer_tutorial.predict import prediction
from segformer_tutorial.predict.rows import Rows, resized_rows, rows_of
from segformer_tutorial.predict.windows import sliding_logits, sliding_rows


class Quarter(nn.Module):
    """Seven logits at a quarter of the size; remembers what it saw."""

    def __init__(self):
        super().__init__()
        self.mix = nn.Conv2d(3, 7, 4, 4)
        self.seen = []

    def forward(self, x):
        self.seen.append(tuple(x.shape))
        return self.mix(x)


@pytest.mark.parametrize(
    "size", [(5, 7), (10, 14), (37, 11), (3, 4), (1, 1), (64, 3), (2, 50)]
)
@pytest.mark.parametrize("step", [1, 2, 5, 100])
def test_parts_of_a_resized_map(size, step):
    logits = torch.randn(2, 3, 5, 7)
    parts = [
        resized_rows(rows_of(logits), size, start, min(size[0], start + step))
        for start in range(0, size[0], step)
    ]
    torch.testing.assert_close(torch.cat(parts, 2), resize(logits, size))


def test_no_more_rows_are_asked_for_than_are_needed():
    logits = torch.randn(1, 2, 50, 4)
    asked = []

    def rows(start, stop):
        asked.append((start, stop))
        return logits[:, :, start:stop]

    resized_rows(Rows(50, rows), (100, 4), 20, 30)
    assert asked == [(9, 16)]


@pytest.mark.parametrize("window", [32, 48, 64, 200])
@pytest.mark.parametrize("share", [1, 2 / 3, 1 / 3])
@pytest.mark.parametrize("step", [1, 7, 40])
@torch.no_grad()
def test_rows_of_windows(window, share, step):
    model, stride = Quarter(), round(window * share)
    images = torch.randn(2, 3, 101, 75)
    expected = sliding_logits(model, images, window=window, stride=stride)
    number, model.seen = len(model.seen), []
    logits = sliding_rows(model, images, window=window, stride=stride)
    assert logits.height == 101
    parts = [
        logits.rows(start, min(101, start + step))
        for start in range(0, 101, step)
    ]
    torch.testing.assert_close(torch.cat(parts, 2), expected)
    assert len(model.seen) == number  # each window once


@torch.no_grad()
def test_windows_are_seen_when_their_rows_are_asked_for():
    model = Quarter()
    logits = sliding_rows(
        model, torch.randn(1, 3, 96, 32), window=32, stride=32
    )
    assert not model.seen
    logits.rows(0, 20)
    assert len(model.seen) == 1
    logits.rows(20, 40)
    assert len(model.seen) == 2


@pytest.mark.parametrize(
    "options",
    [
        {"window": 48},
        {"window": 48, "stride": 10, "short_side": 100},
        {"window": 48, "flip": True},
        {"scales": (0.5, 1.0, 1.5), "flip": True},
        {"scales": (1.0, 2.0), "window": 40, "size": (90, 33)},
    ],
)
def test_labels_do_not_depend_on_the_number_of_rows(options, monkeypatch):
    model = Quarter()
    images = torch.rand(2, 3, 70, 90)
    expected = prediction.predict(model, images, **options)
    assert len(expected.unique()) > 3
    for at_once in (1, 7 * 90 * 2 * 9):
        monkeypatch.setattr(prediction, "AT_ONCE", at_once)
        found = prediction.predict(model, images, **options)
        assert (found == expected).float().mean() > 0.9999
