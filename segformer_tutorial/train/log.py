"""metrics.csv: what was measured, row by row."""

import csv
from pathlib import Path
from typing import TYPE_CHECKING

from ..data.atomic import write_whole

if TYPE_CHECKING:
    from accelerate import Accelerator

COLUMNS = ("step", "epoch", "lr", "loss", "val_miou", "val_accuracy", "seconds")


class Log:
    """metrics.csv, one row each time that something was measured.

    Rows after `step` are dropped, because a resumed run writes them again.
    """

    def __init__(self, path: Path, step: int, accelerator: "Accelerator"):
        self.path = path
        self.accelerator = accelerator
        rows = []
        if path.exists():
            with open(path, newline="", encoding="utf-8") as file:
                rows = [x for x in csv.DictReader(file) if _upto(x, step)]
        self.last = (
            {k: float(v) for k, v in rows[-1].items() if v} if rows else {}
        )
        if accelerator.is_main_process:
            lines = [",".join(COLUMNS), *(",".join(x.values()) for x in rows)]
            write_whole(path, "\n".join(lines) + "\n")

    def write(self, row: dict[str, float]) -> None:
        """Add a row, here and to the tracker; what is missing stays empty."""
        self.last = row
        values = {k: v for k, v in row.items() if k != "step"}
        self.accelerator.log(values, step=row["step"])
        if self.accelerator.is_main_process:
            with open(self.path, "a", newline="", encoding="utf-8") as file:
                cells = (repr(row[k]) if k in row else "" for k in COLUMNS)
                file.write(",".join(cells) + "\n")


def _upto(row: dict[str, str], step: int) -> bool:
    """Is the row complete, and not after the step?"""
    return None not in row.values() and int(row["step"] or step + 1) <= step
