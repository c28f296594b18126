"""What is set for a project, with the bounds and defaults of each setting."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated

from phonenumbers import SUPPORTED_REGIONS
from pydantic import Field, model_validator

from uptake_service.domain.model import Model

DEFAULT_PROJECT = "default"


class VotePolicy(StrEnum):
    AMEND = "AMEND"
    KEEP_ALL = "KEEP_ALL"


class TriggerRule(StrEnum):
    """What opens a review: the rate of the newest feedback, and with EVIDENCE also that it is no chance."""

    EVIDENCE = "EVIDENCE"
    RATE = "RATE"


_Score = Annotated[str, Field(max_length=63)]
_Region = Annotated[str, Field(pattern="^[A-Z]{2}$")]


class ReviewPolicy(Model):
    """When a pattern has turned bad, and what a review looks like; protos/uptake/v1/project.proto says what each is."""

    window_size: int = Field(10, ge=1, le=100)
    minimum_sample: int = Field(3, ge=1, le=100)
    negative_rate_threshold: float = Field(0.3, ge=0, le=1)
    high_priority_above: int = Field(5, ge=0, le=100)
    dismissal_quiet_period: timedelta = Field(timedelta(days=7), ge=timedelta(0), le=timedelta(days=365))
    vote_policy: VotePolicy = VotePolicy.AMEND
    no_change_margin: float = Field(0.05, ge=0.001, le=0.5)
    issue_window: timedelta = Field(timedelta(days=30), ge=timedelta(hours=1), le=timedelta(days=365))
    trigger_rule: TriggerRule = TriggerRule.EVIDENCE
    # Chosen by tests/benchmarks/trigger_quality.py: by our patterns, half of the bad questions of 40% on 10% are found
    # within 38 votes, and 4.1 reviews open by chance in 20,000 votes at 10%. A window of 30 and .002 give 42 and 3.4.
    # Beyond 50 votes nothing is gained, and what turns bad is diluted for longer by what was well before.
    evidence_window_size: int = Field(50, ge=1, le=1000)
    significance_level: float = Field(0.0035, gt=0, le=1)
    # Newer votes tell better what is usual: where a whole project turns from 10% to 40%, 73 of 77 questions open a
    # review if all of 30 days are held against them, and 5 if the newest 2,000 votes are.
    baseline_votes: int = Field(2_000, ge=1, le=1_000_000)
    baseline_prior_votes: float = Field(20.0, ge=1, le=10_000)
    baseline_floor: float = Field(0.02, ge=0, le=1)
    evidence_age: timedelta = Field(timedelta(days=30), ge=timedelta(hours=1), le=timedelta(days=365))
    scores: tuple[_Score, ...] = Field(("",), min_length=1, max_length=10)
    # By tests/benchmarks/bought_votes.py one user id then has one vote in a review's windows and in a verdict, and some
    # 3% of a baseline, which buys nothing, and three ids seldom buy anything. At .1 ten have all of a baseline.
    voter_share: float = Field(0.02, gt=0, le=1)

    @model_validator(mode="after")
    def _sample_fits_window(self) -> "ReviewPolicy":
        if self.minimum_sample > self.window_size:
            raise ValueError("minimum_sample must not be above window_size")
        if len(set(self.scores)) < len(self.scores):
            raise ValueError("scores must not name one twice")
        return self


class Retention(Model):
    """How long feedback is kept; None keeps it."""

    feedback_age: timedelta | None = Field(None, ge=timedelta(days=1), le=timedelta(days=36_500))


class Redaction(Model):
    """What is replaced before text is stored."""

    disabled: bool = False
    include_corrections: bool = False
    phone_regions: tuple[_Region, ...] = Field((), max_length=20)

    @model_validator(mode="after")
    def _regions_have_numbers(self) -> "Redaction":
        unknown = [region for region in self.phone_regions if region not in SUPPORTED_REGIONS]
        if unknown:
            raise ValueError(f"phone_regions has {unknown[0]!r}, of which no phone numbers are known")
        return self


class ProjectSettings(Model):
    review_policy: ReviewPolicy = ReviewPolicy()
    retention: Retention = Retention()
    redaction: Redaction = Redaction()


class Project(Model):
    """A tenant. `revision` counts changes of its settings."""

    id: str
    settings: ProjectSettings = ProjectSettings()
    revision: int = 0
    create_time: datetime | None = None
    update_time: datetime | None = None
    models: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    scores: tuple[str, ...] = ()

    @property
    def etag(self) -> str:
        return str(self.revision)
