"""Diagrams on masks and their measures."""

import torch

from segformer_tutorial.evaluate.metrics import ConfusionMatrix

from .drawing import (
    ACCENT,
    ACCENT_INK,
    ACCENT_PALE,
    INK,
    LINE,
    PALE,
    RULE,
    WHITE,
    Drawing,
)


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
    fills = {(1, 0): ACCENT_PALE, (1, 1): ACCENT, (0, 1): RULE}
    for y in range(rows):
        for x in range(columns):
            fill = fills.get((true[y, x].item(), predicted[y, x].item()))
            if fill:
                x0, y0 = left + x * cell, top + y * cell
                d.cell(x0, y0, cell, cell, fill=fill, stroke=WHITE)
    for mask, stroke, dash in ((true, ACCENT_INK, ""), (predicted, INK, "6 4")):
        (y0, x0), (y1, x1) = (c.tolist() for c in mask.nonzero().aminmax(dim=0))
        at = left + x0 * cell, top + y0 * cell
        size = (x1 - x0 + 1) * cell, (y1 - y0 + 1) * cell
        d.area(*at, *size, "none", stroke=stroke, width=2.5, dash=dash)
    d.text(left + cell, 28, "truth", "start accent bold")
    d.text(left + 10 * cell, top + 7 * cell + 18, "prediction", "end bold")
    parts = (
        (ACCENT_PALE, missed, "truth only: missed"),
        (ACCENT, both, "in both"),
        (RULE, alarms, "prediction only:"),
    )
    for i, (fill, number, words) in enumerate(parts):
        y = 84 + 38 * i
        d.cell(298, y - 14, 18, 18, fill=fill)
        d.text(342, y, str(number), "end mono")
        d.text(352, y, words, "start small")
    d.text(352, 178, "false alarms", "start small")
    sum_of_parts = f"({missed} + {both} + {alarms})"
    words = f"IoU = {both} / {sum_of_parts} = {both} / {union} = {iou}"
    d.text(20, 282, words, "start mono")
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
    rows = [
        f"{name} {' '.join(map(str, line))}"
        for name, line in zip(names, counts, strict=True)
    ]
    d = Drawing(
        490,
        330,
        "IoU from a confusion matrix",
        "A matrix with the truth in the rows and the prediction in the "
        f"columns: {'; '.join(rows)}. The row of sky adds up to {row}, its "
        f"column to {column}; both hold the {both} on the diagonal. IoU is "
        f"{both} / ({row} + {column} - {both}) = {both} / {union} = {iou}.",
    )
    left, top, w, h = 124, 76, 78, 48
    d.text(left + 1.5 * w, 26, "predicted as", "bold")
    d.text(20, top - 16, "truly", "start bold")
    for i, name in enumerate(names):
        y = top + i * h
        ink = ACCENT_INK if i == k else INK
        d.text(left + (i + 0.5) * w, top - 16, name, fill=ink)
        d.text(left - 12, y + h / 2 + 5, name, "end", fill=ink)
        for j, count in enumerate(counts[i]):
            here = (i == k) + (j == k)
            d.cell(
                *(left + j * w, y, w, h, str(count)),
                fill=(PALE, ACCENT_PALE, ACCENT)[here],
                stroke=ACCENT_INK if here else LINE,
                ink=WHITE if here == 2 else INK,
            )
    x, y = left + 3 * w, top + (k + 0.5) * h
    d.across(x + 6, x + 34, y)
    d.text(x + 42, y + 5, f"{row}", "start mono")
    d.text(x + 60, y + 5, "truly sky", "start muted small")
    x, y = left + (k + 0.5) * w, top + 3 * h
    d.down(x, y + 6, y + 34)
    d.text(x, y + 54, f"{column}", "mono")
    d.text(x + 14, y + 54, "predicted as sky", "start muted small")
    parts = f"({row} + {column} - {both})"
    words = f"IoU = {both} / {parts} = {both} / {union} = {iou}"
    d.text(20, 312, words, "start mono")
    return d


DRAWINGS = {"iou_areas": iou_areas, "confusion_iou": confusion_iou}
