"""Runs that differ in one thing: read, compared seed by seed, drawn."""

import csv
import os
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from scipy import stats  # scikit-learn brings it

Runs = dict[str, dict[str, np.ndarray]]


def read_claims(path: str | os.PathLike) -> Runs:
    """Read data/runs/claims.csv: `runs[arm][measure]`, a value for each seed.

    The values are in the order of the seeds, which are the same for all arms
    of one length, so they can be subtracted. The columns `seed`, `parameters`
    and `steps` come as measures too. Raises ValueError where a seed is missing.
    """
    found: dict[str, dict[str, dict[int, float]]] = {}
    with open(path, newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            of_arm, seed = found.setdefault(row["arm"], {}), int(row["seed"])
            for name in ("seed", "parameters", "steps"):
                of_arm.setdefault(name, {})[seed] = int(row[name])
            of_arm.setdefault(row["measure"], {})[seed] = float(row["value"])
    seeds: dict[int, set[int]] = {}
    for of_arm in found.values():
        for seed, steps in of_arm["steps"].items():
            seeds.setdefault(int(steps), set()).add(seed)
    for arm, of_arm in found.items():
        wanted = sorted(seeds[int(max(of_arm["steps"].values()))])
        for name, values in of_arm.items():
            if sorted(values) != wanted:
                raise ValueError(
                    f"{path}: {arm}, {name}: seeds {sorted(values)} found, "
                    f"{wanted} expected"
                )
    return {
        arm: {
            name: np.array([values[seed] for seed in sorted(values)])
            for name, values in of_arm.items()
        }
        for arm, of_arm in found.items()
    }


def interval(
    differences: Sequence[float], *, comparisons: int = 1, level: float = 0.95
) -> tuple[float, float]:
    """Low and high end of an interval for the mean of paired differences.

    Student's t: if the differences are normally distributed, such an interval
    contains their true mean with probability `level`. With more than one of
    the `comparisons` each interval is wider, so that all of them together
    contain theirs with at least this probability (Bonferroni).
    """
    n = len(differences)
    tail = (1 - level) / comparisons / 2
    t = stats.t.ppf(1 - tail, df=n - 1)
    middle = np.mean(differences)
    half = t * np.std(differences, ddof=1) / np.sqrt(n)
    return middle - half, middle + half


def forest(
    differences: Mapping[str, Sequence[float]],
    *,
    comparisons: int,
    groups: Sequence[int],
    label: str,
) -> Figure:
    """Draw a forest plot: a row for each name, from top to bottom.

    A row has the single differences (grey), their mean (dot), the interval
    for it alone (thick) and the one for all `comparisons` together (thin).
    The dot is filled where the thin line does not reach zero. groups: the
    number of rows that stand together, from the top.
    """
    gaps = np.repeat(np.arange(len(groups)), groups)
    rows = np.arange(len(differences)) + 0.6 * gaps
    figure, axis = plt.subplots(figsize=(6.5, 0.9 + 0.36 * (rows[-1] + 1)))
    axis.axvline(0, color="0.35", lw=1)
    for y, values in zip(rows, differences.values(), strict=True):
        wide = interval(values, comparisons=comparisons)
        sure = wide[0] > 0 or wide[1] < 0
        for ends, style in (
            (wide, {"lw": 1}),
            (interval(values), {"lw": 4, "alpha": 0.55}),
        ):  # butt: a line is no longer than its interval
            (line,) = axis.plot(ends, [y, y], color="C0", **style)
            line.set_solid_capstyle("butt")
        axis.plot(values, np.full(len(values), y + 0.27), ".", color="0.55")
        axis.plot(
            np.mean(values),
            y,
            "o",
            ms=8,
            color="C0",
            markerfacecolor="C0" if sure else "white",
        )
    axis.set_yticks(rows, list(differences))
    axis.set(xlabel=label, ylim=(rows[-1] + 0.7, -0.7))
    axis.grid(axis="y", visible=False)
    axis.tick_params(axis="y", length=0)
    handles = [
        Line2D([], [], color="C0", lw=4, alpha=0.55, label="95 %, for one row"),
        Line2D([], [], color="C0", lw=1, label="95 %, for all rows together"),
        Line2D([], [], color="0.55", marker=".", lw=0, label="one seed"),
    ]
    figure.legend(
        handles=handles, loc="outside lower center", ncols=3, columnspacing=1
    )
    return figure
