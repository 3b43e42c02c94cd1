"""What a load has done, in words."""

from dataclasses import dataclass, field

from . import hub
from .files import Source, some
from .match import Match


@dataclass(frozen=True)
class WeightsReport:
    """What became of every tensor of the source and of the model.

    loaded: how many of the model's tensors were filled. kept: those that stay
    as they were, because the source has nothing for them. dropped: those of
    the source that the model does not need, with the reason. part: the keys
    under which the source holds the tensors, joined by dots. other_parts: the
    keys of further weights, which were not taken. revision, license: the
    commit and the licence of a hub's weights, None where they are not known.
    """

    source: str
    layout: str
    loaded: int
    kept: tuple[str, ...] = ()
    dropped: dict[str, str] = field(default_factory=dict)
    part: str = ""
    other_parts: tuple[str, ...] = ()
    revision: str | None = None
    license: str | None = None

    def __str__(self) -> str:
        text = f"{self.source}: {self.loaded} tensors, {self.layout} layout"
        if self.revision:
            terms = hub.terms(self.source, self.revision, self.license)
            text += f"\n{terms}"
        if self.other_parts:
            text += f"\ntaken: {self.part}, not {some(self.other_parts)}"
        kept = some(self.kept, limit=2)
        rest = [f"kept as they were: {kept}"] if kept else []
        for reason in dict.fromkeys(self.dropped.values()):
            names = [k for k, v in self.dropped.items() if v == reason]
            rest.append(f"dropped: {some(names, limit=2)} ({reason})")
        return "\n".join([text, "; ".join(rest)]) if rest else text


def report_on(found: Source, result: Match) -> WeightsReport:
    """The report on a source whose tensors were matched with a model's."""
    return WeightsReport(
        source=found.where,
        layout=result.layout,
        loaded=len(result.tensors),
        kept=tuple(result.kept),
        dropped=result.dropped,
        part=found.part,
        other_parts=found.other_parts,
        revision=found.revision,
        license=found.license,
    )
