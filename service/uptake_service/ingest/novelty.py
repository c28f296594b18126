"""How fast callers may bring what the service keeps something of for good: projects, patterns, and the models, sources
and scores that are counted apart.

Each has a token bucket, a caller's: full, it holds what a large import of history brings at once, and a minute brings
back what no product asks anew. A key of the role admin has no such bounds. Callers without a key share one bucket; so
that one of them cannot take it all, each project has a few tokens of its own for new patterns.

What each costs in memory: a pattern about 3 kB, a project about 3 kB, a value 0.3 kB.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from uptake_service.domain.access import Permission
from uptake_service.domain.caller import Caller
from uptake_service.domain.errors import DomainError, Reason
from uptake_service.domain.grouping import Assignment
from uptake_service.domain.project import Project
from uptake_service.domain.token_bucket import TokenBuckets
from uptake_service.ingest.changes import Amend, Collect
from uptake_service.ingest.preprocessor import Item
from uptake_service.projects.store import bucket
from uptake_service.telemetry.metrics import Metrics

_MINUTE = 60.0

_OWN_PATTERNS_AT_ONCE = 30
_OWN_PATTERNS_PER_MINUTE = 10.0
"""New patterns that each project may have whatever others take."""

_LONGEST_WAIT_SECONDS = 60.0


@dataclass(frozen=True)
class Rate:
    """How many may be new at once, and how many more each minute."""

    at_once: int
    per_minute: float

    def buckets(self) -> TokenBuckets[str]:
        return TokenBuckets(self.per_minute / _MINUTE, self.at_once)


class NoveltyLimiter:
    """Says which items of a batch bring too much that is new."""

    def __init__(self, metrics: Metrics, *, patterns: Rate, projects: Rate, values: Rate) -> None:
        self._metrics = metrics
        self._rates = {"patterns": patterns, "projects": projects, "values": values}
        self._buckets = {kind: rate.buckets() for kind, rate in self._rates.items()}
        self._own_patterns = Rate(_OWN_PATTERNS_AT_ONCE, _OWN_PATTERNS_PER_MINUTE).buckets()

    def refused(
        self, items: Sequence[Item], assignments: Mapping[Item, Assignment], projects: Mapping[str, Project]
    ) -> dict[Item, DomainError]:
        """The items that cannot be taken in now, and why. What is new in several items of a batch is new once."""
        seen: dict[tuple[str, str], DomainError | None] = {}
        refused: dict[Item, DomainError] = {}
        for item in items:
            if _is_exempt(item.caller):
                continue
            for kind, key in _new(item, assignments.get(item), projects[item.change.project]):
                if (kind, key) not in seen:
                    seen[kind, key] = self._take(kind, item.caller, item.change.project)
                error = seen[kind, key]
                if error is not None:
                    refused[item] = error
                    self._metrics.limited(f"new_{kind}")
                    break
        return refused

    def _take(self, kind: str, by: Caller, project: str) -> DomainError | None:
        if kind == "patterns" and not self._own_patterns[project].take():
            return None
        wait = self._buckets[kind][by.key_id].take()
        if not wait:
            return None
        rate = self._rates[kind]
        return DomainError(
            Reason.ERROR_REASON_RATE_LIMITED,
            f"it brings something new, and more than {rate.at_once:,} new {_NAMES[kind]} at once, or "
            f"{rate.per_minute:g} a minute, are not taken in; nothing was written. Send it again later, or history "
            f"with a key of the role admin; UPTAKE_NEW_{kind.upper()}_PER_MINUTE sets the rate",
            retry_after_seconds=min(wait, _LONGEST_WAIT_SECONDS),
            metadata={"limit": f"new_{kind}"},
        )


_NAMES = {"patterns": "patterns", "projects": "projects", "values": "models, sources and scores"}


def _is_exempt(by: Caller) -> bool:
    """Whether a caller may bring what it likes: the service itself, and who administers it."""
    return not by.method or (by.key is not None and by.key.may(Permission.ADMINISTER))


def _new(item: Item, assignment: Assignment | None, project: Project) -> Iterator[tuple[str, str]]:
    """What an item brings that was not there before, by kind."""
    if assignment is not None and assignment.starts and isinstance(item.change, Collect | Amend):
        yield "patterns", assignment.pattern_id
    if not isinstance(item.change, Collect):
        return
    if project.create_time is None:
        yield "projects", project.id
    draft = item.change.draft
    for name, value, known in (
        ("model", draft.interaction.model, project.models),
        ("source", draft.source, project.sources),
        ("score", draft.score, project.scores),
    ):
        if value and value not in known and bucket(value, known) == value:
            yield "values", f"{project.id}/{name}/{value}"
