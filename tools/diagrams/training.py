"""Diagrams on steps and batches."""

from segformer_tutorial.data.batches import StepSampler

from .drawing import ACCENT_INK, ACCENT_PALE, GREY, LINE, Drawing


def steps_and_batches() -> Drawing:
    """The endless row of samples, dealt out to steps and processes."""
    length, batch_size, parts, world = 10, 2, 2, 2
    samplers = [
        StepSampler(
            length,
            batch_size=batch_size,
            batches=2 * parts,
            rank=rank,
            world=world,
            seed=0,
        )
        for rank in range(world)
    ]
    dealt = [
        (rank, sample)
        for batches in zip(*samplers, strict=True)
        for rank, batch in enumerate(batches)
        for sample in batch
    ]
    size = batch_size * parts * world
    rows = [dealt[:size], dealt[size:]]
    epochs = [[epoch for _, (epoch, _) in row] for row in rows]
    assert epochs == [[0] * 8, [0, 0, 1, 1, 1, 1, 1, 1]]

    words = [
        "scenes " + ", ".join(str(index) for _, (_, index) in row)
        for row in rows
    ]
    d = Drawing(
        470,
        318,
        "Which scenes are in a step",
        f"An endless row of the shuffled numbers of {length} scenes, cut into "
        f"steps of {size}. Step 0 has {words[0]}; step 1 has {words[1]}, the "
        "first two of them the last ones of epoch 0. In each step process 0 "
        "takes two, process 1 two, for the first part, and again for the "
        "second part.",
    )
    left, cell, height = 66, 48, 42
    looks = (
        {"fill": GREY, "stroke": LINE},
        {"fill": ACCENT_PALE, "stroke": ACCENT_INK},
    )
    for step, row in enumerate(rows):
        top = 62 + 130 * step
        d.text(14, top + 27, f"step {step}", "start small")
        for part in range(parts):
            x = left + (part + 0.5) * batch_size * world * cell
            d.text(x, top - 32, f"part {part + 1}", "small muted")
        for place, (rank, (_, index)) in enumerate(row):
            x = left + place * cell
            d.rect(x + 1, top, cell - 2, height, radius=3, **looks[rank])
            d.text(x + cell / 2, top + 27, str(index), "mono")
            if place % batch_size == 0:
                style = "small accent" if rank else "small muted"
                x += batch_size * cell / 2
                d.text(x, top - 9, f"process {rank}", style)
        y = top + height + 9
        border = epochs[step].count(0)
        for epoch, start, end in ((0, 0, border), (1, border, size)):
            if start == end:
                continue
            x0, x1 = left + start * cell, left + end * cell
            d.across(x0 + 4, x1 - 4, y, arrow=False)
            d.text((x0 + x1) / 2, y + 19, f"epoch {epoch}", "small muted")
    words = f"{batch_size} pictures × {parts} parts × {world} processes "
    d.text(left + size / 2 * cell, 304, f"{words}= {size} in a step")
    return d


DRAWINGS = {"steps_and_batches": steps_and_batches}
