"""What a model was trained for, apart from its weights."""

import json
import unicodedata
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from reprlib import repr as short

from torch import nn

from ..config import is_number
from .normalize import MEAN, STD

MAX_FLOAT32 = 3e38
MAX_SIDE = 2**14  # that of the largest square picture that is read


@dataclass(frozen=True, kw_only=True)
class Task:
    """What a model's labels mean, and which pictures it expects.

    classes: the names, by label. palette: an RGB colour in 0..255 for each of
    them, or None. short_side: the length in pixels to which the shorter side
    of every picture was resized in training, or None for their own size.
    mean, std: the normalisation, one number for each channel, on the scale
    0..255. labels_from_one: whether the label files of its data set count the
    classes from one, with 0 for void, as in ADE20K. Raises ValueError for
    anything else.
    """

    classes: Sequence[str]
    palette: Sequence[Sequence[int]] | None = None
    short_side: int | None = None
    mean: Sequence[float] = MEAN
    std: Sequence[float] = STD
    labels_from_one: bool = False

    def __post_init__(self):
        def fix(name, value):  # lists, as from JSON, become tuples
            object.__setattr__(self, name, value)

        if isinstance(self.classes, str):
            raise ValueError(
                f"classes must be names, got one text: {short(self.classes)}"
            )
        fix("classes", tuple(self.classes))
        fix("mean", tuple(self.mean))
        fix("std", tuple(self.std))
        if self.palette is not None:
            fix("palette", tuple(tuple(color) for color in self.palette))
        check_task(self)

    def to_json(self) -> str:
        """The task as text, which `from_json` reads."""
        values = asdict(self)
        if not self.labels_from_one:  # older packages do not know the field
            del values["labels_from_one"]
        return json.dumps(values, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> "Task":
        """Read what `to_json` wrote. Raises ValueError."""
        values = json.loads(text)
        if not isinstance(values, dict):
            raise ValueError(f"a task must be an object, got {short(values)}")
        try:
            return cls(**values)
        except TypeError as error:
            raise ValueError(f"not a task: {error}") from error


# Line ends, terminal commands, halves of a character: a table would break.
UNPRINTABLE = {"Cc", "Cs", "Zl", "Zp"}


def check_task(task: Task) -> None:
    """Raise ValueError for a task that no model can have."""
    if not task.classes or not all(
        isinstance(name, str) and name for name in task.classes
    ):
        raise ValueError(f"classes must be names, got {short(task.classes)}")
    for name in task.classes:
        if UNPRINTABLE & set(map(unicodedata.category, name)):
            raise ValueError(
                "classes must be names without control characters, got "
                f"{ascii(name)[:80]}"
            )
    if task.palette is not None and (
        len(task.palette) != len(task.classes)
        or any(len(color) != 3 for color in task.palette)
        or not all(
            is_number(c, int) and 0 <= c <= 255
            for color in task.palette
            for c in color
        )
    ):
        raise ValueError(
            f"palette must hold an RGB colour in 0..255 for each of "
            f"{len(task.classes)} classes, got {short(task.palette)}"
        )
    side = task.short_side
    if side is not None and (not is_number(side, int) or side < 1):
        raise ValueError(
            f"short_side must be at least 1 or None, got {short(side)}"
        )
    if side is not None and side > MAX_SIDE:
        raise ValueError(
            f"short_side must be at most {MAX_SIDE}, got {short(side)}"
        )
    if len(task.mean) != len(task.std) or not task.mean:
        raise ValueError(
            "mean and std must have one number for each channel, got "
            f"{len(task.mean)} and {len(task.std)}"
        )
    if not all(
        is_number(x, int, float) and abs(x) < MAX_FLOAT32
        for x in (*task.mean, *task.std)
    ) or not all(x > 0 for x in task.std):
        raise ValueError(
            "mean and std must be finite numbers, std positive, got "
            f"{short(task.mean)} and {short(task.std)}"
        )
    if not isinstance(task.labels_from_one, bool):
        raise ValueError(
            "labels_from_one must be true or false, got "
            f"{short(task.labels_from_one)}"
        )


def task_of(model: nn.Module) -> Task | None:
    """The task that `load_model` or training put on the model, or None.

    It is also found in a model that DataParallel or DistributedDataParallel
    wraps.
    """
    for owner in (model, getattr(model, "module", None)):
        task = getattr(owner, "task", None)
        if isinstance(task, Task):  # others put other things under this name
            return task
    return None
