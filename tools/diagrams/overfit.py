"""The diagrams on overfit."""

import torch
import torch.nn.functional as F

from segformer_tutorial.data import VOID
from segformer_tutorial.train.recipe import segmentation_loss

from .drawing import (
    ACCENT,
    ACCENT_INK,
    LINE,
    MUTED,
    PALE,
    WHITE,
    Drawing,
)


def loss_by_hand() -> Drawing:
    """The cross-entropy of four pixels, one of them void."""
    scores = torch.zeros(1, 3, 2, 2)
    scores[0, :, 0, 0] = torch.tensor([2.0, 1.0, 1.0]).log()
    scores[0, :, 1, 0] = torch.tensor([4.0, 0.0, 0.0])
    labels = torch.tensor([[[0, 2], [1, VOID]]])
    shares = scores.softmax(1)
    losses = F.cross_entropy(
        scores, labels, ignore_index=VOID, reduction="none"
    )
    mean = losses[labels != VOID].mean()
    torch.testing.assert_close(segmentation_loss(scores, labels), mean)

    left, top, row, cell = 24, 60, 44, 62
    columns = {"label": 50, "shares": 178, "share": 322, "loss": 424}
    rows = []
    for y in range(2):
        for x in range(2):
            label = labels[0, y, x].item()
            values = shares[0, :, y, x].tolist()
            rows.append((label, values, losses[0, y, x].item()))
    words = [
        f"label {label}, shares " + " ".join(f"{v:.2f}" for v in values)
        + (", void, crossed out" if label == VOID
           else f", the label's share {values[label]:.2f}, loss {loss:.2f}")
        for label, values, loss in rows
    ]  # fmt: skip
    d = Drawing(
        490,
        top + 4 * row + 62,
        "Cross-entropy of four pixels, one of them void",
        "A table with one row for each pixel: "
        + "; ".join(words)
        + f". The mean of the three losses is {mean:.2f}.",
    )
    for name, x in columns.items():
        d.text(x, 26, name, bold=True)
    d.text(columns["share"], 46, "of the label", size=14, fill=MUTED)
    d.text(columns["loss"], 46, "−ln(share)", size=14, fill=MUTED)
    for k in range(3):
        x = columns["shares"] + (k - 1) * cell
        d.text(x, 46, f"k = {k}", mono=True, size=14, fill=MUTED)
    for i, (label, values, loss) in enumerate(rows):
        y = top + i * row
        base = y + row / 2
        void = label == VOID
        d.text(columns["label"], base, str(label), mono=True)
        for k, value in enumerate(values):
            on = k == label
            x = columns["shares"] + (k - 1) * cell - cell / 2
            d.rect(
                x + 2,
                y,
                cell - 4,
                row - 12,
                fill=ACCENT if on else PALE,
                stroke=ACCENT_INK if on else LINE,
                width=1,
                radius=3,
            )
            d.text(
                x + cell / 2,
                base,
                f"{value:.2f}",
                mono=True,
                fill=WHITE if on else MUTED if void else "#212529",
            )
        if void:
            d.text(370, base, "void: not counted", fill=MUTED)
            d.line(
                (left, base - 5),
                (columns["shares"] + 1.5 * cell, base - 5),
                arrow=False,
                width=2,
            )
        else:
            d.text(columns["share"], base, f"{values[label]:.2f}", mono=True)
            d.text(columns["loss"], base, f"{loss:.2f}", mono=True)
    below = top + 4 * row + 8
    d.line((left, below), (466, below), arrow=False, stroke=LINE)
    parts = " + ".join(f"{x:.2f}" for label, _, x in rows if label != VOID)
    d.text(
        466,
        below + 30,
        f"loss = ({parts}) / 3 = {mean:.2f}",
        anchor="end",
        mono=True,
    )
    return d


def training_loop() -> Drawing:
    """One step of training, and where three bugs sit."""
    d = Drawing(
        490,
        420,
        "One step of training",
        "A loop. Pictures go into the model, which gives scores at a quarter "
        "of the size. They are resized to the size of the labels. The loss is "
        "the mean over the pixels that are not void. From it come gradients, "
        "and AdamW, with four groups of parameters, moves the model's "
        "weights. Mark 1 is at the labels, 2 at the loss, 3 at AdamW.",
    )
    x, side, width, height = 56, 276, 190, 44
    rows = [24, 104, 184, 264, 356]

    def box(column: float, row: int, *lines: str, on: bool = False) -> None:
        d.box(column, rows[row], width, height, *lines, on=on)

    def mark(x: float, y: float, number: int) -> None:
        d.circle(x, y, 13, fill=ACCENT_INK)
        d.text(x, y + 5, str(number), fill=WHITE, bold=True)

    def drop(x: float, row: int) -> None:
        d.line((x, rows[row] + height), (x, rows[row + 1]))

    box(x, 0, "pictures")
    box(side, 0, "labels, 255 for void")
    box(x, 1, "model")
    box(x, 2, "resize")
    box(x, 3, "loss: mean over", "pixels that count", on=True)
    box(side, 3, "gradients")
    box(side, 4, "AdamW, four groups", on=True)
    middle = x + width / 2
    for row in range(3):
        drop(middle, row)
    note = {"anchor": "start", "size": 14, "fill": MUTED, "mono": True}
    d.text(middle + 8, rows[0] + height + 23, "b 3 h w", **note)
    d.text(middle + 8, rows[1] + height + 23, "b k h/4 w/4", **note)
    d.text(middle + 8, rows[2] + height + 23, "b k h w", **note)
    # labels go straight to the loss
    lane = side + 60
    d.line(
        (lane, rows[0] + height),
        (lane, rows[2] + 62),
        (middle + 80, rows[2] + 62),
        (middle + 80, rows[3]),
    )
    d.text(lane + 8, rows[1] + 27, "b h w", **note)
    d.line((x + width, rows[3] + 22), (side, rows[3] + 22))
    d.line((side + width / 2, rows[3] + height), (side + width / 2, rows[4]))
    # back to the model
    d.line(
        (side, rows[4] + 22),
        (26, rows[4] + 22),
        (26, rows[1] + 22),
        (x, rows[1] + 22),
        stroke=ACCENT,
        width=2,
    )
    d.text(middle, rows[4] + 14, "new weights", size=14, fill=ACCENT_INK)
    mark(side + width, rows[0] + 2, 1)
    mark(x + 2, rows[3] + 2, 2)
    mark(side + width, rows[4] + 2, 3)
    return d


DRAWINGS = {"loss_by_hand": loss_by_hand, "training_loop": training_loop}
