"""What is set for a project, with the bounds and defaults of each setting."""

from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import Field, model_validator

from uptake_service.model import Model

DEFAULT_PROJECT = "default"


class VotePolicy(StrEnum):
    AMEND = "AMEND"
    KEEP_ALL = "KEEP_ALL"


class ReviewPolicy(Model):
    """When a pattern has turned bad, and what a review looks like."""

    window_size: int = Field(10, ge=1, le=100)
    minimum_sample: int = Field(3, ge=1, le=100)
    negative_rate_threshold: float = Field(0.3, ge=0, le=1)
    high_priority_above: int = Field(5, ge=0, le=100)
    dismissal_quiet_period: timedelta = Field(timedelta(days=7), ge=timedelta(0), le=timedelta(days=365))
    vote_policy: VotePolicy = VotePolicy.AMEND
    no_change_margin: float = Field(0.05, ge=0.001, le=0.5)
    issue_window: timedelta = Field(timedelta(days=30), ge=timedelta(hours=1), le=timedelta(days=365))

    @model_validator(mode="after")
    def _sample_fits_window(self) -> "ReviewPolicy":
        if self.minimum_sample > self.window_size:
            raise ValueError("minimum_sample must not be above window_size")
        return self


class Retention(Model):
    """How long feedback is kept; None keeps it."""

    feedback_age: timedelta | None = Field(None, ge=timedelta(days=1), le=timedelta(days=36_500))


class Redaction(Model):
    """What is replaced before text is stored."""

    disabled: bool = False
    include_corrections: bool = False


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

    @property
    def etag(self) -> str:
        return str(self.revision)
