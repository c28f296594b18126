"""An event on one line."""

from uptake.v1 import correction_pb2, event_pb2, issue_pb2, review_pb2

from uptake_service.cli.tables import enum_name


def event_line(event: event_pb2.Event) -> str:
    """Its seq, its severity, what it is about, and what happened."""
    severity = event_pb2.EventSeverity.Name(event.severity).removeprefix("EVENT_SEVERITY_")
    return f"{event.seq:>6}  {severity:<8}  {_what(event)}"


def _what(event: event_pb2.Event) -> str:
    match event.WhichOneof("payload"):
        case "review":
            action = enum_name(review_pb2.ReviewAction.Name(event.review.action), "REVIEW_ACTION_")
            negative = f"negative {event.review.negative_rate:.0%} of {event.review.sample_size}"
            return f"review {event.review.review_id} {action}, {negative}"
        case "issue":
            state = enum_name(issue_pb2.IssueState.Name(event.issue.state), "ISSUE_STATE_")
            return f"issue {event.issue.issue_id} {state}, {event.issue.frequency:,} pieces of feedback"
        case "correction":
            state = enum_name(correction_pb2.CorrectionState.Name(event.correction.state), "CORRECTION_STATE_")
            return f"correction {event.correction.correction_id} {state}, revision {event.correction.revision}"
        case "verdict":
            verdict = enum_name(correction_pb2.Verdict.Name(event.verdict.verdict), "VERDICT_")
            return f"correction {event.verdict.correction_id} {verdict}, {event.verdict.later_votes:,} later votes"
    return "something that this version does not know"
