"""The diagrams on training."""

from segformer_tutorial.data.batches import StepSampler

from .drawing import (
    ACCENT_INK,
    ACCENT_PALE,
    GREY,
    LINE,
    MUTED,
    Drawing,
)


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
    for step, row in enumerate(rows):
        top = 62 + 130 * step
        d.text(14, top + 27, f"step {step}", anchor="start", size=14)
        for part in range(parts):
            x = left + part * batch_size * world * cell
            d.text(
                x + batch_size * world * cell / 2,
                top - 32,
                f"part {part + 1}",
                size=14,
                fill=MUTED,
            )
        for place, (rank, (_, index)) in enumerate(row):
            x = left + place * cell
            d.rect(
                x + 1,
                top,
                cell - 2,
                height,
                fill=ACCENT_PALE if rank else GREY,
                stroke=ACCENT_INK if rank else LINE,
                radius=3,
            )
            d.text(x + cell / 2, top + 27, str(index), mono=True)
            if place % batch_size == 0:
                d.text(
                    x + batch_size * cell / 2,
                    top - 9,
                    f"process {rank}",
                    size=14,
                    fill=ACCENT_INK if rank else MUTED,
                )
        border = epochs[step].index(1) if 1 in epochs[step] else None
        start, y = 0, top + height + 9
        for end in [border, size] if border else [size]:
            d.line(
                (left + start * cell + 4, y),
                (left + end * cell - 4, y),
                arrow=False,
            )
            d.text(
                left + (start + end) / 2 * cell,
                y + 19,
                f"epoch {epochs[step][start]}",
                size=14,
                fill=MUTED,
            )
            start = end
    d.text(
        left + size / 2 * cell,
        304,
        f"{batch_size} pictures × {parts} parts × {world} processes "
        f"= {size} in a step",
        size=15,
    )
    return d


DRAWINGS = {"steps_and_batches": steps_and_batches}
