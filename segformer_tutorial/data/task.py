"""What a model was trained for, apart from its weights."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from torch import nn

from .normalize import MEAN, STD


@dataclass(frozen=True, kw_only=True)
class Task:
    """What a model's labels mean, and which pictures it expects.

    classes: the names, by label. palette: an RGB colour in 0..255 for each of
    them, or None. short_side: the length in pixels to which the shorter side
    of every picture was resized in training, or None for their own size.
    mean, std: the normalisation, one number for each channel, on the scale
    0..255. Raises ValueError for anything else.
    """

    classes: Sequence[str]
    palette: Sequence[Sequence[int]] | None = None
    short_side: int | None = None
    mean: Sequence[float] = MEAN
    std: Sequence[float] = STD

    def __post_init__(self):
        def fix(name, value):  # lists, as from JSON, become tuples
            object.__setattr__(self, name, value)

        fix("classes", tuple(self.classes))
        fix("mean", tuple(self.mean))
        fix("std", tuple(self.std))
        if self.palette is not None:
            fix("palette", tuple(tuple(color) for color in self.palette))
        check_task(self)

    def to_json(self) -> str:
        """The task as text, which `from_json` reads."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> "Task":
        """Read what `to_json` wrote. Raises ValueError."""
        values = json.loads(text)
        if not isinstance(values, dict):
            raise ValueError(f"a task must be an object, got {values!r}")
        try:
            return cls(**values)
        except TypeError as error:
            raise ValueError(f"not a task: {error}") from error


def check_task(task: Task) -> None:
    """Raise ValueError for a task that no model can have."""
    if not task.classes or not all(
        isinstance(name, str) and name for name in task.classes
    ):
        raise ValueError(f"classes must be names, got {task.classes!r}")
    if task.palette is not None:
        colors = [c for color in task.palette for c in color]
        if len(colors) != 3 * len(task.classes) or not all(
            isinstance(c, int) and 0 <= c <= 255 for c in colors
        ):
            raise ValueError(
                f"palette must hold an RGB colour in 0..255 for each of "
                f"{len(task.classes)} classes, got {task.palette!r}"
            )
    side = task.short_side
    if side is not None and (not isinstance(side, int) or side < 1):
        raise ValueError(f"short_side must be at least 1 or None, got {side!r}")
    if len(task.mean) != len(task.std) or not task.mean:
        raise ValueError(
            "mean and std must have one number for each channel, got "
            f"{len(task.mean)} and {len(task.std)}"
        )
    numbers = (*task.mean, *task.std)
    if not all(isinstance(x, int | float) for x in numbers) or not all(
        x > 0 for x in task.std
    ):
        raise ValueError(
            f"mean and std must be numbers, std positive, got {task.mean!r} "
            f"and {task.std!r}"
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
