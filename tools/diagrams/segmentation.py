"""The diagrams on segmentation."""

import torch

from segformer_tutorial.evaluate.metrics import ConfusionMatrix

from .drawing import (
    ACCENT,
    ACCENT_INK,
    ACCENT_PALE,
    INK,
    LINE,
    MUTED,
    PALE,
    WHITE,
    Drawing,
)

FALSE_ALARM = "#ced4da"


def iou_areas() -> Drawing:
    """A truth and a prediction that overlap, and the three parts."""
    rows, columns, cell = 8, 11, 24
    true = torch.zeros(rows, columns, dtype=torch.int64)
    predicted = true.clone()
    true[1:6, 1:9] = 1
    predicted[2:7, 3:10] = 1
    matrix = ConfusionMatrix(2)
    matrix.update(predicted, true)
    (_, alarms), (missed, both) = matrix.counts.tolist()
    assert (missed, both, alarms) == (16, 24, 11)
    union = missed + both + alarms
    iou = f"{matrix.iou[1].item():.2f}"
    d = Drawing(
        490,
        300,
        "Intersection over union",
        f"Two rectangles on a grid of {rows} x {columns} pixels overlap in "
        f"part. {missed} pixels are in the truth only: missed. {both} are in "
        f"both. {alarms} are in the prediction only: false alarms. IoU is "
        f"{both} / ({missed} + {both} + {alarms}) = {both} / {union} = {iou}.",
    )
    left, top = 20, 42
    d.grid(left, top, rows, columns, cell)
    fills = {(1, 0): ACCENT_PALE, (1, 1): ACCENT, (0, 1): FALSE_ALARM}
    for y in range(rows):
        for x in range(columns):
            pair = true[y, x].item(), predicted[y, x].item()
            if pair in fills:
                d.rect(
                    left + x * cell,
                    top + y * cell,
                    cell,
                    cell,
                    fill=fills[pair],
                    stroke=WHITE,
                    width=1,
                    radius=0,
                )
    for area, stroke, dash in ((true, ACCENT_INK, ""), (predicted, INK, "6 4")):
        (y0, x0), (y1, x1) = (c.tolist() for c in area.nonzero().aminmax(dim=0))
        d.rect(
            left + x0 * cell,
            top + y0 * cell,
            (x1 - x0 + 1) * cell,
            (y1 - y0 + 1) * cell,
            fill="none",
            stroke=stroke,
            width=2.5,
            radius=0,
            dash=dash,
        )
    d.text(left + cell, 28, "truth", anchor="start", fill=ACCENT_INK, bold=True)
    d.text(
        left + 10 * cell,
        top + 7 * cell + 18,
        "prediction",
        anchor="end",
        bold=True,
    )
    for i, (fill, number, words) in enumerate(
        (
            (ACCENT_PALE, missed, "truth only: missed"),
            (ACCENT, both, "in both"),
            (FALSE_ALARM, alarms, "prediction only:"),
        )
    ):
        y = 84 + 38 * i
        d.rect(298, y - 14, 18, 18, fill=fill, stroke=LINE, width=1, radius=0)
        d.text(342, y, str(number), anchor="end", mono=True)
        d.text(352, y, words, anchor="start", size=14)
    d.text(352, 178, "false alarms", anchor="start", size=14)
    d.text(
        20,
        282,
        f"IoU = {both} / ({missed} + {both} + {alarms}) "
        f"= {both} / {union} = {iou}",
        anchor="start",
        mono=True,
    )
    return d


def confusion_iou() -> Drawing:
    """The matrix of the chapter's 16 pixels, and where sky's IoU is in it."""
    true = torch.tensor(
        [[0, 0, 1, 1], [0, 0, 1, 1], [2, 2, 255, 1], [2, 2, 2, 2]]
    )
    predicted = torch.tensor(
        [[0, 1, 1, 1], [0, 1, 1, 1], [2, 2, 1, 2], [2, 2, 2, 2]]
    )
    matrix = ConfusionMatrix(3)
    matrix.update(predicted, true)
    counts = matrix.counts.tolist()
    assert counts == [[2, 2, 0], [0, 4, 1], [0, 0, 6]]
    names, k = ("building", "sky", "tree"), 1
    row, column = sum(counts[k]), sum(line[k] for line in counts)
    both = counts[k][k]
    union = row + column - both
    iou = f"{matrix.iou[k].item():.2f}"
    d = Drawing(
        490,
        330,
        "IoU from a confusion matrix",
        "A matrix with the truth in the rows and the prediction in the "
        "columns: "
        + "; ".join(
            f"{name} {' '.join(map(str, line))}"
            for name, line in zip(names, counts, strict=True)
        )
        + f". The row of sky adds up to {row}, its column to {column}; both "
        f"hold the {both} on the diagonal. IoU is {both} / ({row} + {column} "
        f"- {both}) = {both} / {union} = {iou}.",
    )
    left, top, w, h = 124, 76, 78, 48
    d.text(left + 1.5 * w, 26, "predicted as", bold=True)
    d.text(20, top - 16, "truly", anchor="start", bold=True)
    for i, name in enumerate(names):
        on = ACCENT_INK if i == k else INK
        d.text(left + (i + 0.5) * w, top - 16, name, fill=on)
        d.text(left - 12, top + (i + 0.5) * h + 5, name, anchor="end", fill=on)
        for j, count in enumerate(counts[i]):
            here = (i == k) + (j == k)
            d.rect(
                left + j * w,
                top + i * h,
                w,
                h,
                fill=(PALE, ACCENT_PALE, ACCENT)[here],
                stroke=ACCENT_INK if here else LINE,
                width=1,
                radius=0,
            )
            d.text(
                left + (j + 0.5) * w,
                top + (i + 0.5) * h + 5,
                str(count),
                mono=True,
                fill=WHITE if here == 2 else INK,
            )
    y = top + (k + 0.5) * h
    d.line((left + 3 * w + 6, y), (left + 3 * w + 34, y))
    d.text(left + 3 * w + 42, y + 5, f"{row}", anchor="start", mono=True)
    d.text(
        left + 3 * w + 60,
        y + 5,
        "truly sky",
        anchor="start",
        fill=MUTED,
        size=14,
    )
    x = left + (k + 0.5) * w
    d.line((x, top + 3 * h + 6), (x, top + 3 * h + 34))
    d.text(x, top + 3 * h + 54, f"{column}", mono=True)
    d.text(
        x + 14,
        top + 3 * h + 54,
        "predicted as sky",
        anchor="start",
        fill=MUTED,
        size=14,
    )
    d.text(
        20,
        312,
        f"IoU = {both} / ({row} + {column} - {both}) "
        f"= {both} / {union} = {iou}",
        anchor="start",
        mono=True,
    )
    return d


DRAWINGS = {"iou_areas": iou_areas, "confusion_iou": confusion_iou}
