"""Runs that differ in one thing: what is read, computed and drawn of them."""

import numpy as np
import pytest

pytest.importorskip("scipy")
matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

from segformer_tutorial.classroom import claims  # noqa: E402

HEAD = "arm,seed,steps,parameters,measure,value\n"


def test_values_come_in_the_order_of_the_seeds(tmp_path):
    path = tmp_path / "claims.csv"
    path.write_text(
        HEAD
        + "base,1,200,10,val,0.3\nbase,0,200,10,val,0.2\n"
        + 'wide,0,200,12,"val, 0.5 x",0.1\nwide,1,200,12,"val, 0.5 x",0.4\n'
    )
    runs = claims.read_claims(path)
    assert runs["base"]["val"].tolist() == [0.2, 0.3]
    assert runs["wide"]["val, 0.5 x"].tolist() == [0.1, 0.4]
    assert runs["wide"]["parameters"].tolist() == [12, 12]
    assert runs["base"]["steps"].tolist() == [200, 200]
    assert runs["base"]["seed"].tolist() == [0, 1]


def test_a_longer_run_may_have_fewer_seeds(tmp_path):
    path = tmp_path / "claims.csv"
    rows = "a,0,9,1,val,0.3\na,1,9,1,val,0.2\nb,1,27,1,val,0.4\n"
    path.write_text(HEAD + rows)
    assert claims.read_claims(path)["b"]["val"].tolist() == [0.4]


def test_a_missing_seed_is_named(tmp_path):
    path = tmp_path / "claims.csv"
    path.write_text(
        HEAD + "a,0,9,1,val,0.3\na,1,9,1,val,0.2\nb,1,9,1,val,0.2\n"
    )
    with pytest.raises(ValueError, match=r"b, .*seeds \[1\] found, \[0, 1\]"):
        claims.read_claims(path)


def test_interval_is_students():
    # Of five values with mean 2 and standard error 1; t from a printed table.
    values = 2 + np.array([-1, -1, 0, 1, 1]) * np.sqrt(5)
    for options, t in (({}, 2.776), ({"level": 0.99}, 4.604)):
        low, high = claims.interval(values, **options)
        assert (low, high) == pytest.approx((2 - t, 2 + t), abs=1e-3)
    together = claims.interval(values, comparisons=5)
    assert together == pytest.approx(claims.interval(values, level=0.99))


def test_intervals_hold_as_often_as_they_say():
    """With the true mean 0: 5 % miss it, for 3 at once at most 5 %."""
    games = np.random.default_rng(0).normal(size=(2000, 3, 5))
    for comparisons, rows, least in ((1, 1, 0.03), (3, 3, 0.03)):
        missed = [
            any(
                low > 0 or high < 0
                for low, high in (
                    claims.interval(row, comparisons=comparisons)
                    for row in game[:rows]
                )
            )
            for game in games
        ]
        assert least < np.mean(missed) < 0.065


def test_forest_shows_what_it_is_given():
    rows = {"far": [4.0, 4.1, 4.2, 4.0], "near": [-1.0, 1.0, 0.5, -0.4]}
    figure = claims.forest(rows, comparisons=2, groups=[1, 1], label="points")
    (axis,) = figure.axes
    assert [x.get_text() for x in axis.get_yticklabels()] == list(rows)
    assert axis.get_xlabel() == "points"
    assert axis.yaxis_inverted()
    lines = [line for line in axis.lines if len(line.get_xdata()) == 2]
    means = [line for line in axis.lines if line.get_marker() == "o"]
    _, wide, narrow, *_ = lines
    assert wide.get_xdata() == pytest.approx(
        claims.interval(rows["far"], comparisons=2)
    )
    assert narrow.get_xdata() == pytest.approx(claims.interval(rows["far"]))
    assert [line.get_markerfacecolor() for line in means] == ["C0", "white"]
    for line, values in zip(means, rows.values(), strict=True):
        assert line.get_xdata() == pytest.approx([np.mean(values)])
    plt.close(figure)
