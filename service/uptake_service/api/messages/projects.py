"""Projects on the wire to and from projects as the service knows them."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from enum import StrEnum
from typing import Any

from google.protobuf import duration_pb2
from google.protobuf.message import Message
from pydantic import ValidationError
from uptake.v1 import project_pb2 as pb

from uptake_service.api.checks import Checks, to_timedelta, to_timestamp
from uptake_service.api.enums import members, numbers
from uptake_service.audit.log import AuditEvent
from uptake_service.domain.project import Project, ProjectSettings, TriggerRule, VotePolicy

_VOTE_POLICIES = {int(pb.VOTE_POLICY_UNSPECIFIED): VotePolicy.AMEND} | members(
    pb.VotePolicy, "VOTE_POLICY_", VotePolicy
)
_VOTE_POLICY_NUMBERS = numbers(pb.VotePolicy, "VOTE_POLICY_", VotePolicy)
_TRIGGER_RULES = {int(pb.TRIGGER_RULE_UNSPECIFIED): TriggerRule.EVIDENCE} | members(
    pb.TriggerRule, "TRIGGER_RULE_", TriggerRule
)
_TRIGGER_RULE_NUMBERS = numbers(pb.TriggerRule, "TRIGGER_RULE_", TriggerRule)

_ENUMS: Mapping[str, Mapping[int, StrEnum]] = {"vote_policy": _VOTE_POLICIES, "trigger_rule": _TRIGGER_RULES}


def check_paths(checks: Checks, paths: Sequence[str]) -> None:
    """Finds the paths of an update mask that name no setting."""
    known: dict[str, Any] = ProjectSettings().model_dump()
    for path in paths:
        group, dot, name = path.partition(".")
        if group not in known or (dot and name not in known[group]):
            checks.fail("update_mask", f"{path!r} is no setting")


def to_settings(checks: Checks, old: ProjectSettings, message: pb.ProjectSettings, paths: list[str]) -> ProjectSettings:
    """The settings that an update makes of `old`: what a path names is set, or goes back to its default if unset. The
    paths and what they name were checked before."""
    values: dict[str, Any] = old.model_dump()
    defaults: dict[str, Any] = ProjectSettings().model_dump()
    for path in paths:
        group, _, name = path.partition(".")
        part: Message = getattr(message, group)
        for field in [name] if name else list(values[group]):
            values[group][field] = _value(checks, f"settings.{group}.{field}", part, field, defaults[group][field])
    try:
        return ProjectSettings.model_validate(values)
    except ValidationError as error:
        for problem in error.errors():
            checks.fail(
                ".".join(("settings", *map(str, problem["loc"]))),
                problem["msg"].removeprefix("Value error, "),
            )
        return old


def to_message(project: Project) -> pb.Project:
    settings = project.settings
    policy = settings.review_policy
    return pb.Project(
        id=project.id,
        settings=pb.ProjectSettings(
            review_policy=pb.ReviewPolicy(
                window_size=policy.window_size,
                minimum_sample=policy.minimum_sample,
                negative_rate_threshold=policy.negative_rate_threshold,
                high_priority_above=policy.high_priority_above,
                dismissal_quiet_period=_duration(policy.dismissal_quiet_period),
                vote_policy=_VOTE_POLICY_NUMBERS[policy.vote_policy],
                no_change_margin=policy.no_change_margin,
                issue_window=_duration(policy.issue_window),
                trigger_rule=_TRIGGER_RULE_NUMBERS[policy.trigger_rule],
                evidence_window_size=policy.evidence_window_size,
                significance_level=policy.significance_level,
                baseline_votes=policy.baseline_votes,
                baseline_prior_votes=policy.baseline_prior_votes,
                baseline_floor=policy.baseline_floor,
                evidence_age=_duration(policy.evidence_age),
                scores=policy.scores,
                voter_share=policy.voter_share,
            ),
            retention=pb.Retention(feedback_age=_duration(settings.retention.feedback_age)),
            redaction=pb.Redaction(
                disabled=settings.redaction.disabled,
                include_corrections=settings.redaction.include_corrections,
                phone_regions=settings.redaction.phone_regions,
            ),
        ),
        etag=project.etag,
        create_time=to_timestamp(project.create_time),
        update_time=to_timestamp(project.update_time),
    )


def _value(checks: Checks, field: str, message: Message, name: str, default: Any) -> Any:
    descriptor = message.DESCRIPTOR.fields_by_name[name]
    value = getattr(message, name)
    if descriptor.message_type is not None:
        if not message.HasField(name):
            return default
        duration = to_timedelta(value)
        if duration is None:
            checks.fail(field, "is no duration")
        return default if duration is None else duration
    if name in _ENUMS:
        return _ENUMS[name][value]
    if isinstance(default, tuple):
        return tuple(value) or default
    if descriptor.has_presence and not message.HasField(name):
        return default
    return value


def _duration(value: timedelta | None) -> duration_pb2.Duration | None:
    if value is None:
        return None
    duration = duration_pb2.Duration()
    duration.FromTimedelta(value)
    return duration


def to_audit_event(event: AuditEvent) -> pb.AuditEvent:
    return pb.AuditEvent(
        id=event.id,
        time=to_timestamp(event.time),
        key_id=event.key_id,
        actor=event.actor,
        peer=event.peer,
        method=event.method,
        resource_id=event.resource_id,
        changes=[
            pb.AuditChange(field=change.field, old_value=change.old_value, new_value=change.new_value)
            for change in event.changes
        ],
    )
