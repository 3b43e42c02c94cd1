"""Diagrams on the loss and on one step of training."""

import torch
import torch.nn.functional as F

from segformer_tutorial.data import VOID
from segformer_tutorial.train.recipe import segmentation_loss

from .drawing import ACCENT, INK, LINE, MUTED, WHITE, Drawing


def loss_by_hand() -> Drawing:
    """The cross-entropy of four pixels, one of them void."""
    logits = torch.zeros(1, 3, 2, 2)
    logits[0, :, 0, 0] = torch.tensor([2.0, 1.0, 1.0]).log()
    logits[0, :, 1, 0] = torch.tensor([4.0, 0.0, 0.0])
    labels = torch.tensor([[[0, 2], [1, VOID]]])
    losses = F.cross_entropy(
        logits, labels, ignore_index=VOID, reduction="none"
    )
    mean = losses[labels != VOID].mean()
    torch.testing.assert_close(segmentation_loss(logits, labels), mean)

    left, top, row, cell = 24, 60, 44, 62
    columns = {"label": 50, "probabilities": 178, "p": 322, "loss": 424}
    rows = [
        (label, values, loss)
        for label, values, loss in zip(
            labels.flatten().tolist(),
            logits.softmax(1)[0].flatten(1).T.tolist(),
            losses.flatten().tolist(),
            strict=True,
        )
    ]
    words = [
        f"label {label}, probabilities " + " ".join(f"{v:.2f}" for v in values)
        + (", void, crossed out" if label == VOID
           else f", its own {values[label]:.2f}, loss {loss:.2f}")
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
        d.text(x, 26, name, "bold")
    d.text(columns["p"], 46, "of the label", "small muted")
    d.text(columns["loss"], 46, "−ln p", "small muted")
    middles = [columns["probabilities"] + (k - 1) * cell for k in range(3)]
    for k, x in enumerate(middles):
        d.text(x, 46, f"k = {k}", "mono small muted")
    for i, (label, values, loss) in enumerate(rows):
        y = top + i * row
        base = y + row / 2
        void = label == VOID
        d.text(columns["label"], base, str(label), "mono")
        for k, (x, value) in enumerate(zip(middles, values, strict=True)):
            on = k == label
            d.cell(x - cell / 2 + 2, y, cell - 4, row - 12, on=on, radius=3)
            ink = WHITE if on else MUTED if void else INK
            d.text(x, base, f"{value:.2f}", "mono", fill=ink)
        if void:
            d.text(370, base, "void: not counted", "muted")
            end = columns["probabilities"] + 1.5 * cell
            d.across(left, end, base - 5, arrow=False, width=2)
        else:
            d.text(columns["p"], base, f"{values[label]:.2f}", "mono")
            d.text(columns["loss"], base, f"{loss:.2f}", "mono")
    below = top + 4 * row + 8
    d.across(left, 466, below, arrow=False, stroke=LINE)
    parts = " + ".join(f"{x:.2f}" for label, _, x in rows if label != VOID)
    words = f"loss = ({parts}) / 3 = {mean:.2f}"
    d.text(466, below + 30, words, "end mono")
    return d


def training_loop() -> Drawing:
    """One step of training, as a loop."""
    d = Drawing(
        490,
        420,
        "One step of training",
        "A loop. Pictures go into the model, which gives logits at a quarter "
        "of the size. They are resized to the size of the labels. The loss is "
        "the mean over the pixels that are not void. From it come gradients, "
        "and AdamW, with four groups of parameters, moves the model's "
        "weights.",
    )
    x, side, width, height = 56, 276, 190, 44
    rows = [24, 104, 184, 264, 356]
    middle = x + width / 2
    for left, row, *lines in (
        (x, 0, "pictures"),
        (side, 0, "labels, 255 for void"),
        (x, 1, "model"),
        (x, 2, "resize"),
        (x, 3, "loss: mean over", "pixels that count"),
        (side, 3, "gradients"),
        (side, 4, "AdamW, four groups"),
    ):
        on = lines[0].startswith(("loss", "AdamW"))
        d.box(left, rows[row], width, height, *lines, on=on)
    ends = [y + height for y in rows]
    for i in range(3):
        d.down(middle, ends[i], rows[i + 1])
    note = "start mono small muted"
    for y, words in zip(
        ends, ("b 3 h w", "b k h/4 w/4", "b k h w"), strict=False
    ):
        d.text(middle + 8, y + 23, words, note)
    # labels go straight to the loss
    lane, turn = side + 60, rows[2] + 62
    d.line(
        (lane, ends[0]),
        (lane, turn),
        (middle + 80, turn),
        (middle + 80, rows[3]),
    )
    d.text(lane + 8, rows[1] + 27, "b h w", note)
    d.across(x + width, side, rows[3] + 22)
    d.down(side + width / 2, ends[3], rows[4])
    # back to the model
    y0, y1 = rows[4] + 22, rows[1] + 22
    way = (side, y0), (26, y0), (26, y1), (x, y1)
    d.line(*way, stroke=ACCENT, width=2)
    d.text(middle, rows[4] + 14, "new weights", "small accent")
    return d


DRAWINGS = {"loss_by_hand": loss_by_hand, "training_loop": training_loop}
