"""The shares of the classes."""

import csv
import io

import numpy as np
import torch

from segformer_tutorial.predict.shares import class_shares, shares_table


def test_largest_first():
    labels = torch.tensor([[2, 2, 0], [2, 2, 5]])
    assert class_shares(labels) == [
        (2, 4, 4 / 6),
        (0, 1, 1 / 6),
        (5, 1, 1 / 6),
    ]


def test_table():
    found = [
        ("a, b.png", class_shares(np.array([[1, 1, 0]]))),
        ("non-text \udcff.png", class_shares(np.array([[0]]))),
    ]
    content = shares_table(found, ("straße", 'a "tree"')).decode()
    assert list(csv.DictReader(io.StringIO(content))) == [
        dict(zip(content.split("\n")[0].split(","), row, strict=True))
        for row in (
            ("a, b.png", "1", 'a "tree"', "2", "0.666667"),
            ("a, b.png", "0", "straße", "1", "0.333333"),
            (r"non-text \udcff.png", "0", "straße", "1", "1.000000"),
        )
    ]
    assert content.startswith("picture,index,class,pixels,share\n")
