"""How far a run has come."""

import json
from dataclasses import asdict, dataclass, field, fields

from .settings import TrainError


@dataclass
class RunState:
    """The part of a run that is neither a tensor nor a setting.

    step: optimizer steps so far. seen: samples so far, in all processes.
    measured: the last step whose row in metrics.csv is complete; a run that
    was stopped after a step and before its validation has `measured < step`.
    best: the highest mIoU so far. worse: validations since then. seconds: the
    time spent in training. losses: those that no row has yet.
    """

    step: int = 0
    seen: int = 0
    measured: int = 0
    best: float = -1.0
    worse: int = 0
    seconds: float = 0.0
    losses: list[float] = field(default_factory=list)

    def to_json(self) -> str:
        """The state as text, which `from_json` reads."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "RunState":
        """Read what `to_json` wrote. Raises TrainError."""
        values = json.loads(text)
        known = {x.name for x in fields(cls)}
        if not isinstance(values, dict) or values.keys() != known:
            raise TrainError(
                f"the state must have {', '.join(sorted(known))}, got "
                f"{', '.join(sorted(values))}: another version of this "
                "package wrote it"
            )
        return cls(**values)
