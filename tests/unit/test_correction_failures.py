"""What the record of a request holds of a correction that could not be applied."""

import json

import pytest
from uptake_service.corrections.failures import from_record, to_record
from uptake_service.corrections.model import Draft
from uptake_service.domain.errors import DomainError, Reason, Violation
from uptake_service.domain.feedback import CorrectionKind

DRAFT = Draft(
    kind=CorrectionKind.KNOWLEDGE,
    target="Ann's key",
    content="c",
    base_revision=None,
    feedback_ids=("Ann's vote", "7"),
    review_id="",
    note="",
)


@pytest.mark.parametrize("metadata", [{"feedback_id": "Ann's vote"}, {"revision": "7"}, {}])
def test_it_tells_the_same_error_and_holds_nothing_that_the_caller_named(metadata: dict[str, str]) -> None:
    error = DomainError(
        Reason.ERROR_REASON_FEEDBACK_NOT_FOUND,
        f"the project has no feedback {DRAFT.feedback_ids[0]!r}",
        violations=[Violation("feedback_ids[0]", f"no feedback {DRAFT.feedback_ids[0]!r}")],
        metadata=metadata,
    )

    record = to_record(error, DRAFT)
    told = from_record(record, DRAFT)

    assert "Ann" not in record
    assert told is not None
    assert (told.reason, told.message, told.violations, told.metadata) == (
        *(error.reason, error.message, error.violations),
        metadata,
    )


def test_a_record_of_a_version_without_metadata_is_read() -> None:
    told = from_record(json.dumps([Reason.ERROR_REASON_REVIEW_NOT_FOUND, "no review", []]), DRAFT)

    assert told is not None
    assert (told.reason, told.message, told.metadata) == (Reason.ERROR_REASON_REVIEW_NOT_FOUND, "no review", {})
