"""The rules of requests: every field that a caller may set has one, and what breaks one is told by its path."""

import math
from collections.abc import Iterator
from typing import Any

import protovalidate
import pytest
from buf.validate import validate_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.timestamp_pb2 import Timestamp
from uptake import thumbs_down, thumbs_up
from uptake.v1 import feedback_pb2, insight_pb2, issue_pb2, project_pb2, review_pb2
from uptake_service.app.calls import warm_rules
from uptake_service.domain.errors import MOST_VIOLATIONS, InvalidRequest
from uptake_service.ingest.changes import AMENDABLE
from uptake_service.rpc import rules
from uptake_service.rpc.rules import check, violations_in_mask, violations_of

from tests.contract import METHODS

WITHOUT_RULES = {
    "etag": "compared with what is stored, whatever it is",
    "page_token": "the service's own, under a signature; an error of its own tells of a wrong one",
    "resume_token": "the service's own, under a signature; an error of its own tells of a wrong one",
}

OUTPUT_ONLY = {
    feedback_pb2.Feedback.DESCRIPTOR.full_name: {
        "id",
        "sentiment",
        "pattern_id",
        "create_time",
        "update_time",
        "state",
    },
    issue_pb2.Issue.DESCRIPTOR.full_name: {field.name for field in issue_pb2.Issue.DESCRIPTOR.fields}
    - {"title", "state"},
}
"""What messages of requests have beside what callers set."""

IGNORED = {
    "uptake.v1.Feedback.custom": "its nodes may be a million, and have no rules: the service bounds it as a whole",
    "uptake.v1.AmendFeedbackRequest.feedback": "what the mask leaves out is not checked",
    "uptake.v1.UpdateIssueRequest.issue": "what the mask leaves out is not checked",
    "uptake.v1.UpdateProjectRequest.settings": "what the mask leaves out is not checked",
}
"""Fields that protovalidate does not look into."""

KINDS = {
    FieldDescriptor.TYPE_STRING: "string",
    FieldDescriptor.TYPE_BYTES: "bytes",
    FieldDescriptor.TYPE_INT32: "int32",
    FieldDescriptor.TYPE_INT64: "int64",
    FieldDescriptor.TYPE_DOUBLE: "double",
    FieldDescriptor.TYPE_ENUM: "enum",
}


def requests() -> list[Descriptor]:
    """The request message of each method."""
    return [method.input_type for method in METHODS]


def fields(message: Descriptor, seen: set[str]) -> Iterator[FieldDescriptor]:
    """Every field that a caller sets in a message and in those in it."""
    if message.full_name in seen:
        return
    seen.add(message.full_name)
    unread = OUTPUT_ONLY.get(message.full_name, set())
    for field in message.fields:
        if field.name in unread:
            continue
        yield field
        inner = field.message_type
        if inner is not None and inner.file.package == "uptake.v1" and not inner.GetOptions().map_entry:
            yield from fields(inner, seen)


def all_fields() -> list[FieldDescriptor]:
    seen: set[str] = set()
    return [field for request in requests() for field in fields(request, seen)]


def _rules_of(field: Any) -> Any:
    # The stubs do not type extensions.
    return field.GetOptions().Extensions[validate_pb2.field]


def has_rule(field: FieldDescriptor, found: Any) -> bool:
    """Whether a field, or an item of one, is bounded."""
    if field.message_type is not None:
        return field.message_type.full_name != "google.protobuf.Duration" or found.HasField("duration")
    return field.type == FieldDescriptor.TYPE_BOOL or found.HasField(KINDS[field.type])


def is_bounded(field: FieldDescriptor) -> bool:
    found = _rules_of(field)
    if not field.is_repeated:
        return has_rule(field, found)
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        key, value = field.message_type.fields
        return found.map.max_pairs > 0 and has_rule(key, found.map.keys) and has_rule(value, found.map.values)
    return found.repeated.max_items > 0 and has_rule(field, found.repeated.items)


def test_every_field_that_a_caller_sets_has_a_rule() -> None:
    without = {field.full_name for field in all_fields() if field.name not in WITHOUT_RULES and not is_bounded(field)}
    assert without == set()


def test_no_exception_is_left_from_what_is_gone() -> None:
    assert {field.name for field in all_fields() if not is_bounded(field)} == set(WITHOUT_RULES)


def test_no_field_is_ignored_without_a_reason() -> None:
    ignored = {field.full_name for field in all_fields() if _rules_of(field).ignore == validate_pb2.IGNORE_ALWAYS}
    assert ignored == set(IGNORED)


def test_rules_are_compiled_before_the_first_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of items, and of new values that a mask names, too."""
    compiled: set[str] = set()

    class Validator:
        def collect_violations(self, message: Message, **_options: bool) -> list[protovalidate.Violation]:
            compiled.add(message.DESCRIPTOR.full_name)
            return []

    monkeypatch.setattr(rules, "_VALIDATOR", Validator())
    warm_rules()
    inner = {field.containing_type.full_name for field in all_fields() if field.containing_type is not None}
    assert compiled >= {request.full_name for request in requests()} | inner


@pytest.mark.parametrize("request_", requests(), ids=lambda request: request.name)
def test_the_rules_of_every_request_compile(request_: Descriptor) -> None:
    message = GetMessageClass(request_)()
    try:
        check(message)
    except InvalidRequest as error:
        assert error.violations


def broken(message: Message) -> dict[str, str]:
    """What is wrong with a request, by the path of the field."""
    try:
        check(message)
    except InvalidRequest as error:
        return {each.field: each.description for each in error.violations}
    return {}


def collecting(**about: Any) -> feedback_pb2.CollectFeedbackRequest:
    request = feedback_pb2.CollectFeedbackRequest(feedback=thumbs_up("i"))
    request.feedback.MergeFrom(feedback_pb2.Feedback(**about))
    return request


def test_all_that_is_wrong_is_told_at_once() -> None:
    request = review_pb2.ClaimReviewRequest(
        project="Not A Project", reviewer="x" * 257, lease_duration=Duration(), request_id="r" * 129
    )
    assert broken(request) == {
        "project": "must match [a-z0-9][a-z0-9-]{0,62}",
        "id": "is required",
        "reviewer": "must be at most 256 characters",
        "lease_duration": "must be greater than or equal to 1s and less than or equal to 86400s",
        "request_id": "must be at most 128 characters",
    }


@pytest.mark.parametrize("name", ["", "a", "a-1", "0", "a" * 63])
def test_names_of_projects(name: str) -> None:
    assert broken(project_pb2.GetProjectRequest(project=name)) == {}


@pytest.mark.parametrize("name", ["-a", "a" * 64, "A", "a b", "a\n", "ä", "a_b", "a/b"])
def test_names_that_no_project_has(name: str) -> None:
    assert set(broken(project_pb2.GetProjectRequest(project=name))) == {"project"}


@pytest.mark.parametrize("character", ["x", "ä", "字", "😀"])
def test_lengths_are_of_characters_and_not_of_bytes(character: str) -> None:
    assert broken(collecting(user_id=character * 256)) == {}
    assert broken(collecting(user_id=character * 257)) == {"feedback.user_id": "must be at most 256 characters"}


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        ({f"{number:063}": "x" * 256 for number in range(64)}, {}),
        ({str(number): "" for number in range(65)}, {"feedback.labels": "must have at most 64 entries"}),
        ({"": "x"}, {"feedback.labels": "keys must not be empty"}),
        ({"k" * 64: "x"}, {"feedback.labels": "keys must be at most 63 characters"}),
        ({"key": "x" * 257}, {"feedback.labels[key]": "must be at most 256 characters"}),
    ],
)
def test_maps(labels: dict[str, str], told: dict[str, str]) -> None:
    assert broken(collecting(labels=labels)) == told


def test_a_key_that_is_too_long_is_not_quoted_whole() -> None:
    told = broken(collecting(labels={"k" * 9000: "x" * 257}))
    assert set(told) == {"feedback.labels", f"feedback.labels[{'k' * 63}]"}


@pytest.mark.parametrize("score", [math.nan, math.inf, -math.inf, 1.000001e9])
def test_a_score_is_a_number_within_bounds(score: float) -> None:
    request = collecting()
    request.feedback.rating.score = score
    assert set(broken(request)) == {"feedback.rating.score"}


@pytest.mark.parametrize(
    ("time", "good"),
    [
        (Timestamp(seconds=946_684_800), True),
        (Timestamp(seconds=946_684_799, nanos=999_999_999), False),
        (Timestamp(seconds=-(2**63)), False),
    ],
)
def test_feedback_is_of_the_year_2000_or_later(time: Timestamp, good: bool) -> None:
    told = {} if good else {"feedback.occur_time": "must be greater than or equal to 2000-01-01T00:00:00Z"}
    assert broken(collecting(occur_time=time)) == told


@pytest.mark.parametrize(
    ("interval", "good"),
    [
        (Duration(seconds=1), True),
        (Duration(seconds=300), True),
        (Duration(), False),
        (Duration(nanos=999_999_000), False),
        (Duration(seconds=300, nanos=1000), False),
        (Duration(seconds=-1), False),
        (Duration(seconds=2**63 - 1), False),
        (Duration(seconds=-(2**63)), False),
    ],
)
def test_durations(interval: Duration, good: bool) -> None:
    request = insight_pb2.SubscribeInsightsRequest(checkpoint_interval=interval)
    assert set(broken(request)) == (set() if good else {"checkpoint_interval"})


def test_a_number_that_an_enum_does_not_have_is_told() -> None:
    request = feedback_pb2.ListFeedbackRequest(
        filter=feedback_pb2.FeedbackFilter(types=[1, 0, 99])  # type: ignore[list-item]
    )
    assert broken(request) == {"filter.types[1]": "has no value 0", "filter.types[2]": "has no value 99"}
    assert broken(review_pb2.ListReviewsRequest(order=77)) == {"order": "has no value 77"}  # type: ignore[arg-type]


def test_one_of_several_is_required_and_must_say_something() -> None:
    request = feedback_pb2.ListSimilarFeedbackRequest()
    assert broken(request) == {"reference": "is required"}
    request.query = ""
    assert broken(request) == {"query": "must not be empty"}


def test_of_many_wrong_fields_the_first_are_named_and_the_others_counted() -> None:
    request = collecting()
    request.feedback.interaction.history.extend([feedback_pb2.ChatMessage(role="")] * 100)
    with pytest.raises(InvalidRequest) as caught:
        check(request)
    assert len(caught.value.violations) == MOST_VIOLATIONS
    assert caught.value.violations_left_out == 100 - MOST_VIOLATIONS


def test_a_list_without_end_is_told_of_as_one_that_is_a_little_too_long() -> None:
    request = collecting()
    request.feedback.interaction.history.extend([feedback_pb2.ChatMessage()] * 200_000)
    with pytest.raises(InvalidRequest) as caught:
        check(request)
    assert ("feedback.interaction.history", "must have at most 100 items") in [
        (each.field, each.description) for each in caught.value.violations
    ]
    # Itself, and the roles of the 101 messages that are looked at.
    assert caught.value.violations_left_out == 102 - MOST_VIOLATIONS
    # It is refused, so nobody reads it again, and a copy of all that is cut off would be for nothing.
    assert len(request.feedback.interaction.history) == 101


def test_what_goes_on_being_used_stays_as_it_is() -> None:
    feedback = collecting().feedback
    feedback.interaction.history.extend([feedback_pb2.ChatMessage(role="user", content="c")] * 102)
    assert [each.field for each in violations_of(feedback)] == ["interaction.history"]
    assert [each.field for each in violations_in_mask(feedback, "feedback", ["interaction"])] == [
        "feedback.interaction.history"
    ]
    assert len(feedback.interaction.history) == 102


def test_a_map_is_cut_only_where_it_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    def cut() -> int:
        message = feedback_pb2.Feedback(labels={str(number): "" for number in range(1000)})
        rules._cut_lists(message)
        return len(message.labels)

    assert cut() == 65
    monkeypatch.setattr(rules, "_rules", lambda field: validate_pb2.FieldRules())
    assert cut() == 1000


def test_items_that_are_checked_alone_make_no_request_invalid() -> None:
    bad = feedback_pb2.CollectFeedbackRequest()
    assert broken(feedback_pb2.BatchCollectFeedbackRequest(requests=[bad])) == {}
    assert broken(feedback_pb2.BatchCollectFeedbackRequest(requests=[bad], project="A")) == {
        "project": "must match [a-z0-9][a-z0-9-]{0,62}",
        "requests[0].feedback": "is required",
    }
    assert broken(bad) == {"feedback": "is required"}


def test_of_an_invalid_batch_the_first_items_are_looked_at() -> None:
    bad, good = feedback_pb2.CollectFeedbackRequest(), collecting()
    request = feedback_pb2.BatchCollectFeedbackRequest(requests=[good] * 99 + [bad] * 2, project="A")
    assert set(broken(request)) == {"project", "requests[99].feedback"}


@pytest.mark.parametrize(("number", "told"), [(0, "must not be empty"), (1001, "must have at most 1,000 items")])
def test_how_many_items_a_batch_has(number: int, told: str) -> None:
    items = [feedback_pb2.CollectFeedbackRequest(feedback=thumbs_down("i"))] * number
    assert broken(feedback_pb2.BatchCollectFeedbackRequest(requests=items)) == {"requests": told}


def test_of_new_values_only_what_the_mask_names_is_judged() -> None:
    settings = project_pb2.ProjectSettings(
        review_policy=project_pb2.ReviewPolicy(window_size=0, minimum_sample=0, scores=["x" * 64])
    )
    every = {
        "settings.review_policy.window_size",
        "settings.review_policy.minimum_sample",
        "settings.review_policy.scores[0]",
    }

    def named(*paths: str) -> set[str]:
        return {each.field for each in violations_in_mask(settings, "settings", paths)}

    settings.review_policy.issue_window.SetInParent()
    assert named("review_policy.issue_window") == {"settings.review_policy.issue_window"}
    settings.review_policy.ClearField("issue_window")
    assert named("review_policy", "review_policy.scores", "review_policy") == every
    assert named("review_policy.minimum_sample") == {"settings.review_policy.minimum_sample"}
    assert named("review_policy.scores") == {"settings.review_policy.scores[0]"}
    assert named("review_policy.window", "retention", "scores") == set()
    assert broken(project_pb2.UpdateProjectRequest(settings=settings, update_mask={"paths": ["retention"]})) == {}


def test_new_values_that_break_nothing_are_not_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "_copy_path", lambda *args: pytest.fail("copies"))
    settings = project_pb2.ProjectSettings(review_policy=project_pb2.ReviewPolicy(window_size=5))
    assert violations_in_mask(settings, "settings", ["review_policy.window_size"]) == []


def test_of_wrong_new_values_what_the_mask_leaves_out_is_not_copied() -> None:
    feedback = feedback_pb2.Feedback(comment="x" * 10_001, labels={"": ""}, rating=feedback_pb2.Rating(score=math.nan))
    copy = feedback_pb2.Feedback()
    for path in ("labels", "labels.x", "rating.score", "rating.nonsense", "correction", "nonsense", "", "comment.x"):
        rules._copy_path(feedback, copy, path)
    assert {field.name for field, _ in copy.ListFields()} == {"labels", "rating", "comment"}

    def named(*paths: str) -> set[str]:
        return {each.field for each in violations_in_mask(feedback, "feedback", paths)}

    assert named("type", "comment") == {"feedback.type", "feedback.comment"}
    assert named("labels", "labels") == {"feedback.labels"}
    assert named("correction", "rating") == {"feedback.rating.score"}
    assert named("correction") == set()


MASKS: list[tuple[Any, list[str], list[list[str]], str]] = [
    (
        feedback_pb2.AmendFeedbackRequest,
        ["comment", "rating"],
        [["query"], ["id", "comment"], ["rating.score"], [], ["comment"] * 101],
        "must name any of type, rating, correction, custom, comment, labels",
    ),
    (
        issue_pb2.UpdateIssueRequest,
        ["title", "state"],
        [["id"], ["title", "frequency"], [], ["title"] * 101],
        "must name any of title, state",
    ),
    (
        project_pb2.UpdateProjectRequest,
        ["retention", "review_policy.scores"],
        [[], ["retention"] * 101],
        "must name 1 to 100 settings, for example review_policy.window_size",
    ),
]


@pytest.mark.parametrize(("type_", "good", "bad", "told"), MASKS, ids=lambda each: getattr(each, "__name__", ""))
def test_a_mask_names_what_can_be_changed(type_: Any, good: list[str], bad: list[list[str]], told: str) -> None:
    named = {"id": "a"} if "id" in type_.DESCRIPTOR.fields_by_name else {}
    assert broken(type_(**named, update_mask={"paths": good})) == {}
    for paths in bad:
        assert broken(type_(**named, update_mask={"paths": paths})) == {"update_mask": told}


def test_a_mask_may_name_all_that_can_be_amended() -> None:
    assert broken(feedback_pb2.AmendFeedbackRequest(id="a", update_mask={"paths": AMENDABLE})) == {}


def test_a_client_can_check_before_it_sends() -> None:
    """With protovalidate and the messages of the client's package alone."""
    protovalidate.validate(collecting())
    with pytest.raises(protovalidate.ValidationError) as caught:
        protovalidate.validate(collecting(comment="x" * 10_001))
    (violation,) = caught.value.violations
    assert violation.proto.field is not None
    assert [element.field_name for element in violation.proto.field.elements] == ["feedback", "comment"]
    assert violation.proto.rule_id == "string.max_len"
