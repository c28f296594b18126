"""Corrections, knowledge and instructions on the wire to and from those as the service knows them."""

from uptake.v1 import correction_pb2 as pb
from uptake.v1 import interval_pb2

from uptake_service.api.checks import distinct_members, put_time, to_timestamp
from uptake_service.api.enums import members, numbers
from uptake_service.api.messages.feedback import KIND_NUMBERS, KINDS
from uptake_service.corrections.model import (
    Correction,
    CorrectionFilter,
    CorrectionState,
    Draft,
    Revision,
    Verdict,
    Votes,
)
from uptake_service.corrections.verdict_summary import summary
from uptake_service.domain.feedback import CorrectionKind

_STATES = members(pb.CorrectionState, "CORRECTION_STATE_", CorrectionState)
_VERDICTS = members(pb.Verdict, "VERDICT_", Verdict)

STATE_NUMBERS = numbers(pb.CorrectionState, "CORRECTION_STATE_", CorrectionState)
VERDICT_NUMBERS = numbers(pb.Verdict, "VERDICT_", Verdict)


def to_draft(message: pb.CorrectionDraft, review_id: str = "") -> Draft:
    """Reads a draft that keeps the rules.

    Args:
        message: The draft.
        review_id: The review that it comes with, if it comes with one.
    """
    is_knowledge = message.HasField("knowledge")
    change = message.knowledge if is_knowledge else message.instructions
    return Draft(
        kind=CorrectionKind.KNOWLEDGE if is_knowledge else CorrectionKind.INSTRUCTIONS,
        target=message.knowledge.key if is_knowledge else message.instructions.name,
        content=change.content,
        base_revision=message.base_revision if message.HasField("base_revision") else None,
        feedback_ids=tuple(dict.fromkeys(message.feedback_ids)),
        review_id=review_id or message.review_id,
        note=message.note,
    )


def to_filter(message: pb.CorrectionFilter) -> CorrectionFilter:
    return CorrectionFilter(
        kinds=distinct_members(message.kinds, KINDS),
        states=distinct_members(message.states, _STATES),
        verdicts=distinct_members(message.verdicts, _VERDICTS),
        target=message.target,
        review_id=message.review_id,
        pattern_id=message.pattern_id,
    )


def to_message(correction: Correction) -> pb.Correction:
    return pb.Correction(
        id=correction.id,
        kind=KIND_NUMBERS[correction.kind],
        target=correction.target,
        revision=correction.revision,
        base_revision=correction.base_revision,
        content=correction.content,
        diff=correction.diff,
        feedback_ids=correction.feedback_ids,
        review_id=correction.review_id,
        pattern_id=correction.basis.pattern_id,
        reviewer=correction.author.reviewer,
        note=correction.note,
        state=STATE_NUMBERS[correction.state],
        verdict=verdict_message(correction),
        create_time=to_timestamp(correction.create_time),
        revert_time=to_timestamp(correction.revert.time if correction.revert else None),
    )


def verdict_message(correction: Correction) -> pb.VerdictReport:
    measured, revert = correction.measured, correction.revert
    report = pb.VerdictReport(
        verdict=VERDICT_NUMBERS[correction.verdict],
        baseline=_vote_rate(correction.basis.baseline),
        summary=summary(correction),
        of_revert=revert is not None,
        verdict_before_revert=VERDICT_NUMBERS[revert.verdict] if revert else pb.VERDICT_UNSPECIFIED,
    )
    if measured is None:
        return report
    report.later.CopyFrom(_vote_rate(measured.later))
    report.old_answers.CopyFrom(_vote_rate(measured.old))
    put_time(report.update_time, measured.time)
    finding = measured.finding
    if finding is not None:
        report.judged.CopyFrom(_vote_rate(finding.later))
        report.difference = finding.difference
        report.difference_interval.CopyFrom(interval_pb2.Interval(low=finding.low, high=finding.high))
        if finding.drift is not None:
            report.control_drift, report.control_left_out = finding.drift, finding.control_left_out
    return report


def _vote_rate(votes: Votes) -> pb.VoteRate:
    return pb.VoteRate(votes=votes.votes, negative_rate=votes.rate if votes.votes else None, left_out=votes.left_out)


def entry_message(entry: Revision) -> pb.KnowledgeEntry:
    return pb.KnowledgeEntry(
        key=entry.target,
        content=entry.content or "",
        revision=entry.revision,
        correction_id=entry.correction_id,
        revision_create_time=to_timestamp(entry.time),
    )


def instructions_message(instructions: Revision) -> pb.Instructions:
    return pb.Instructions(
        name=instructions.target,
        content=instructions.content or "",
        revision=instructions.revision,
        correction_id=instructions.correction_id,
        revision_create_time=to_timestamp(instructions.time),
    )
