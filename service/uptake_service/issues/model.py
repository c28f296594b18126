"""Issues as the service knows them."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum

from uptake_service.coordination.event_log import EventContent
from uptake_service.domain.clock import BEGINNING, day_of
from uptake_service.domain.model import Model
from uptake_service.embedding.embedders import FIRST_EDITION


class IssueState(StrEnum):
    NEW = "NEW"
    ONGOING = "ONGOING"
    ESCALATING = "ESCALATING"
    RESOLVED = "RESOLVED"
    REGRESSED = "REGRESSED"
    IGNORED = "IGNORED"


_SEVERITIES = {
    IssueState.NEW: "WARNING",
    IssueState.ESCALATING: "CRITICAL",
    IssueState.REGRESSED: "CRITICAL",
}


class Comment(Model):
    """What a user said, cut to COMMENT_LENGTH, and where."""

    text: str
    feedback_id: str


COMMENT_LENGTH = 1000
"""So many characters of a comment are shown with an issue."""


class PatternCount(Model):
    """How many members of an issue are about one pattern."""

    pattern_id: str
    count: int


class Issue(Model):
    """A cluster of negative feedback that complains of the same thing.

    Attributes:
        found_title: The title made of members' words.
        given_title: The title that a person gave; it wins.
        representative: The member nearest to the centroid; None once that is taken back.
        centroid: float32 unit vector of the embedder's dimension, little endian.
        embedder: The embedder of the centroid, that of most of its members.
        radius: Least cosine to the centroid at which new feedback joins.
        frequency: Members in the window of the run that found it last.
        generation: That run.
        resolve_time: When a person said last that it is fixed.
        merged_into: The issue that it became part of.
        absorbs: Others became part of it.
        split_from: The issue that people took its first members out of.
        patterns: The patterns that most of its members are about, most first.
        revision: How often it changed.
        people_revision: How often people changed it; the etag.
    """

    id: str
    project: str
    found_title: str
    given_title: str = ""
    keywords: tuple[str, ...] = ()
    representative: Comment | None = None
    samples: tuple[Comment, ...] = ()
    centroid: bytes
    embedder: str = FIRST_EDITION
    radius: float
    state: IssueState = IssueState.NEW
    frequency: int = 0
    generation: int = 0
    resolve_time: datetime | None = None
    first_seen_time: datetime
    last_seen_time: datetime
    merged_into: str = ""
    absorbs: bool = False
    split_from: str = ""
    patterns: tuple[PatternCount, ...] = ()
    revision: int = 1
    people_revision: int = 0
    create_time: datetime
    update_time: datetime

    @property
    def title(self) -> str:
        return self.given_title or self.found_title

    @property
    def etag(self) -> str:
        return str(self.people_revision)

    @property
    def decided(self) -> bool:
        """Whether a person said something of it; such an issue stays when no run finds it any more."""
        return self.people_revision > 0

    def event(self) -> "IssueEvent":
        """The event that tells of a change of this issue."""
        return IssueEvent(
            issue_id=self.id,
            state=self.state,
            frequency=self.frequency,
            generation=self.generation,
            revision=self.revision,
            merged_into_issue_id=self.merged_into,
        )


class IssueEvent(EventContent):
    """An issue changed."""

    KIND = "ISSUE"

    issue_id: str
    state: IssueState
    frequency: int
    generation: int
    revision: int
    merged_into_issue_id: str

    @property
    def severity(self) -> str:
        return _SEVERITIES.get(self.state, "INFO")


class Generation(Model):
    """The run whose result is in force in a project; number 0 before the first.

    Attributes:
        number: The run's number; members and counts of a day in its window are those of this generation.
        window_start: A full day. Members of older days are left as the last run that saw them put them.
        cut: For each writer slot the revision up to which the run has seen feedback.
        revision: How often a run or a person changed the project's issues.
        edits: How often else an issue or what a run counted was changed: words taken out, members moved over.
        fence: The fence number of the lease of the newest run that began.
        attempts: The number of the newest run that began.
        undrained: Members of the generations from this one to before `number` may still have to be moved over.
        clustered: How many members the run saw.
        seconds: How long it took.
        publish_time: When it came into force.
    """

    project: str
    number: int = 0
    window_start: datetime = BEGINNING
    cut: Mapping[int, int] = {}
    revision: int = 0
    edits: int = 0
    fence: int = 0
    attempts: int = 0
    undrained: int = 0
    clustered: int = 0
    seconds: float = 0.0
    publish_time: datetime | None = None

    def saw(self, writer: int, revision: int) -> bool:
        """Whether the run saw what this writer wrote under this revision."""
        return revision <= self.cut.get(writer, -1)


class Member(Model):
    """One piece of negative feedback, and the issue that it belongs to in one generation.

    Attributes:
        issue_id: Empty where it belongs to none.
        active: Whether it counts; feedback that was taken back or is negative no more does not.
        pinned: A person put it there, so runs leave it.
        live: Written as the feedback came in or changed, not by a run.
        writer: The writer slot that wrote it; RUN for a run.
        revision: The slot's revision of that write.
    """

    project: str
    generation: int
    feedback_id: str
    issue_id: str
    occur_time: datetime
    active: bool = True
    pinned: bool = False
    live: bool = False
    writer: int
    revision: int

    @property
    def document_id(self) -> str:
        return f"{self.generation}/{self.feedback_id}"

    @property
    def day(self) -> datetime:
        return day_of(self.occur_time)


def current_ids(issues: Iterable[Issue]) -> dict[str, str]:
    """For each issue's id that of the issue it is part of now: its own unless it was merged."""
    target = {issue.id: issue.merged_into for issue in issues}
    current = {}
    for id in target:
        end = id
        while target.get(end):
            end = target[end]
        current[id] = end
    return current
