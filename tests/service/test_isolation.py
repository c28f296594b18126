"""Whether another project has an id costs nothing that could be timed: what the database is asked is the same for an id
of another project and for one that nobody has, and every answer is found by an index that begins with the project."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import grpc
import pytest
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo import monitoring
from uptake import Client, thumbs_down
from uptake.v1 import correction_pb2, feedback_pb2, issue_pb2, review_pb2
from uptake.v1.correction_pb2_grpc import CorrectionServiceStub
from uptake.v1.feedback_pb2_grpc import FeedbackServiceStub
from uptake.v1.issue_pb2_grpc import IssueServiceStub
from uptake.v1.review_pb2_grpc import ReviewServiceStub
from uptake_service.mongo import client as mongo_client

from tests.conftest import Service, StartService
from tests.corrections import apply, instructions, knowledge
from tests.policies import by_rate_alone

QUERY = "How do I export my invoices?"
ABSENT = "0123456789abcdef01234567"
_READS = ("find", "aggregate", "update", "delete", "findAndModify")


class Asked(monitoring.CommandListener):
    """What the database is asked that names an id, and how many documents each answer has."""

    def __init__(self) -> None:
        self.id = ""
        self.commands: dict[int, dict[str, Any]] = {}
        self.found: dict[int, int] = {}

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        if self.id and event.command_name in _READS and self.id in repr(dict(event.command)):
            self.commands[event.request_id] = dict(event.command)

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        if event.request_id in self.commands:
            cursor = event.reply.get("cursor")
            self.found[event.request_id] = len(cursor["firstBatch"]) if cursor else int(event.reply.get("n", 0))

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """Nothing was found."""


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    listener = Asked()
    connect: Any = AsyncIOMotorClient
    monkeypatch.setattr(
        mongo_client,
        "AsyncIOMotorClient",
        lambda *arguments, **options: connect(*arguments, event_listeners=[listener], **options),
    )
    return listener


@pytest.fixture
async def started(asked: Asked, start_service: StartService) -> Service:
    # Jobs ask of ids too.
    hours = {f"{job}_interval_seconds": 3600.0 for job in ("trigger", "verdict", "issue", "retention")}
    return await start_service(**hours)


@pytest.fixture
async def channel(started: Service) -> AsyncIterator[grpc.aio.Channel]:
    async with grpc.aio.insecure_channel(started.address) as channel:
        yield channel


def calls(
    channel: grpc.aio.Channel, id: str, kind: str, own_issue: str
) -> Iterator[tuple[str, Callable[[], Awaitable[Any]]]]:
    """Calls of project "a" with an id of a kind."""
    feedback, reviews = FeedbackServiceStub(channel), ReviewServiceStub(channel)
    corrections, issues = CorrectionServiceStub(channel), IssueServiceStub(channel)
    fb, rv, cr, iss = feedback_pb2, review_pb2, correction_pb2, issue_pb2
    claim: dict[str, Any] = {"project": "a", "id": id, "claim_token": "1.x"}
    amended = fb.Feedback(comment="x")
    mask = fb.AmendFeedbackRequest(project="a", id=id, feedback=amended, update_mask={"paths": ["comment"]})
    draft = knowledge("k", "words")
    by_kind: dict[str, dict[str, Callable[[], Awaitable[Any]]]] = {
        "feedback": {
            "GetFeedback": lambda: feedback.GetFeedback(fb.GetFeedbackRequest(project="a", id=id)),
            "AmendFeedback": lambda: feedback.AmendFeedback(mask),
            "RetractFeedback": lambda: feedback.RetractFeedback(fb.RetractFeedbackRequest(project="a", id=id)),
            "DeleteFeedback": lambda: feedback.DeleteFeedback(fb.DeleteFeedbackRequest(project="a", id=id)),
            "ListSimilarFeedback": lambda: feedback.ListSimilarFeedback(
                fb.ListSimilarFeedbackRequest(project="a", feedback_id=id)
            ),
            "ApplyCorrections": lambda: corrections.ApplyCorrections(
                cr.ApplyCorrectionsRequest(
                    project="a", reviewer="ann", corrections=[knowledge("k", "words", feedback_ids=[id])]
                )
            ),
            "SplitIssue": lambda: issues.SplitIssue(
                iss.SplitIssueRequest(project="a", id=own_issue, feedback_ids=[id], reviewer="ann")
            ),
        },
        "interaction": {
            "ListFeedback": lambda: feedback.ListFeedback(
                fb.ListFeedbackRequest(project="a", filter=fb.FeedbackFilter(interaction_id=id))
            ),
            "ListSimilarFeedback": lambda: feedback.ListSimilarFeedback(
                fb.ListSimilarFeedbackRequest(project="a", interaction_id=id)
            ),
        },
        "pattern": {
            "ListFeedback": lambda: feedback.ListFeedback(
                fb.ListFeedbackRequest(project="a", filter=fb.FeedbackFilter(pattern_id=id))
            ),
            "ListSimilarFeedback": lambda: feedback.ListSimilarFeedback(
                fb.ListSimilarFeedbackRequest(project="a", query=QUERY, filter=fb.FeedbackFilter(pattern_id=id))
            ),
            "ListReviews": lambda: reviews.ListReviews(
                rv.ListReviewsRequest(project="a", filter=rv.ReviewFilter(pattern_id=id))
            ),
            "ListReviews urgent": lambda: reviews.ListReviews(
                rv.ListReviewsRequest(
                    project="a", filter=rv.ReviewFilter(pattern_id=id), order=rv.REVIEW_ORDER_MOST_URGENT
                )
            ),
            "ListCorrections": lambda: corrections.ListCorrections(
                cr.ListCorrectionsRequest(project="a", filter=cr.CorrectionFilter(pattern_id=id))
            ),
        },
        "review": {
            "GetReview": lambda: reviews.GetReview(rv.GetReviewRequest(project="a", id=id)),
            "ClaimReview": lambda: reviews.ClaimReview(rv.ClaimReviewRequest(project="a", id=id, reviewer="ann")),
            "ReopenReview": lambda: reviews.ReopenReview(rv.ReopenReviewRequest(project="a", id=id, reviewer="ann")),
            "RenewClaim": lambda: reviews.RenewClaim(rv.RenewClaimRequest(**claim)),
            "ReleaseReview": lambda: reviews.ReleaseReview(rv.ReleaseReviewRequest(**claim)),
            "DismissReview": lambda: reviews.DismissReview(rv.DismissReviewRequest(**claim)),
            "ResolveReview": lambda: reviews.ResolveReview(rv.ResolveReviewRequest(**claim, corrections=[draft])),
            "ListCorrections": lambda: corrections.ListCorrections(
                cr.ListCorrectionsRequest(project="a", filter=cr.CorrectionFilter(review_id=id))
            ),
            "ApplyCorrections": lambda: corrections.ApplyCorrections(
                cr.ApplyCorrectionsRequest(
                    project="a", reviewer="ann", corrections=[knowledge("k", "words", review_id=id)]
                )
            ),
        },
        "correction": {
            "GetCorrection": lambda: corrections.GetCorrection(cr.GetCorrectionRequest(project="a", id=id)),
            "RevertCorrection": lambda: corrections.RevertCorrection(
                cr.RevertCorrectionRequest(project="a", id=id, reviewer="ann")
            ),
        },
        "target": {
            "GetInstructions": lambda: corrections.GetInstructions(cr.GetInstructionsRequest(project="a", name=id)),
            "ListInstructionRevisions": lambda: corrections.ListInstructionRevisions(
                cr.ListInstructionRevisionsRequest(project="a", name=id)
            ),
            "ListCorrections": lambda: corrections.ListCorrections(
                cr.ListCorrectionsRequest(project="a", filter=cr.CorrectionFilter(target=id))
            ),
        },
        "user": {
            "ListFeedback": lambda: feedback.ListFeedback(
                fb.ListFeedbackRequest(project="a", filter=fb.FeedbackFilter(user_id=id))
            ),
        },
        "issue": {
            "GetIssue": lambda: issues.GetIssue(iss.GetIssueRequest(project="a", id=id)),
            "UpdateIssue": lambda: issues.UpdateIssue(
                iss.UpdateIssueRequest(
                    project="a", id=id, issue={"title": "t"}, update_mask={"paths": ["title"]}, reviewer="ann"
                )
            ),
            "MergeIssues": lambda: issues.MergeIssues(
                iss.MergeIssuesRequest(project="a", id=id, merged_ids=["none"], reviewer="ann")
            ),
            "SplitIssue": lambda: issues.SplitIssue(
                iss.SplitIssueRequest(project="a", id=id, feedback_ids=["none"], reviewer="ann")
            ),
        },
    }
    yield from by_kind[kind].items()


async def _made(client: Client, subject: str) -> dict[str, str]:
    """Ids of one of everything, in the client's project, none of which another subject brings."""
    await by_rate_alone(client)
    stored = [
        await client.collect(
            thumbs_down(
                f"{subject}{number}", query=subject, comment="It is broken.", user_id=f"{subject} user {number}"
            )
        )
        for number in range(6)
    ]
    (review,) = [each async for each in client.reviews.list()]
    corrections = await apply(client, instructions(f"{subject} agent", "Be brief."), knowledge("k", "words"))
    await client.insights.get(refresh_issues=True, timeout_seconds=120)
    issues = [each async for each in client.issues.list()]
    return {
        "feedback": stored[0].id,
        "interaction": f"{subject}0",
        "pattern": stored[0].pattern_id,
        "review": review.id,
        "correction": corrections[0].id,
        "target": f"{subject} agent",
        "user": f"{subject} user 0",
        "issue": issues[0].id,
    }


KINDS = ("feedback", "interaction", "pattern", "review", "correction", "target", "user", "issue")


async def test_an_id_of_another_project_is_found_no_more_than_one_that_nobody_has(
    started: Service, asked: Asked, channel: grpc.aio.Channel
) -> None:
    async with Client(started.address, project="b") as other, Client(started.address, project="a") as own:
        foreign = await _made(other, "Export")
        own_issue = (await _made(own, "Order"))["issue"]
    seen: set[str] = set()
    for kind in KINDS:
        for (method, ask), (_, ask_absent) in zip(
            calls(channel, foreign[kind], kind, own_issue), calls(channel, ABSENT, kind, own_issue), strict=True
        ):
            with_foreign = await _asked(asked, foreign[kind], ask)
            with_absent = await _asked(asked, ABSENT, ask_absent)
            assert with_foreign == with_absent, f"{method} of {kind}"
            seen.add(f"{method} of {kind}")
            for id in asked.commands:
                await _assert_served_by_project(started, asked.commands[id], f"{method} of {kind}")
    assert len(seen) > 30


async def _asked(asked: Asked, id: str, ask: Callable[[], Awaitable[Any]]) -> list[tuple[str, str, int, str]]:
    """What was asked of the database with an id, in order, with how much was found; and how the call ended."""
    asked.commands, asked.found, asked.id = {}, {}, id
    outcome = ""
    try:
        answer = await ask()
        outcome = str(answer).replace(id, "ID")
    except grpc.aio.AioRpcError as error:
        outcome = f"{error.code()} {error.details()}".replace(id, "ID")
    asked.id = ""
    told = []
    for number, command in asked.commands.items():
        name = next(iter(command))
        assert asked.found[number] == 0, command
        told.append((name, str(command[name]), asked.found[number], repr(_condition(command)).replace(id, "ID")))
    return [*told, ("outcome", "", 0, outcome)]


def _condition(command: dict[str, Any]) -> Any:
    """What documents are looked for by."""
    if "pipeline" in command:
        return command["pipeline"][0]["$match"]
    if "updates" in command or "deletes" in command:
        return [each["q"] for each in command.get("updates") or command["deletes"]]
    return command.get("filter", command.get("query"))


async def _assert_served_by_project(started: Service, command: dict[str, Any], what: str) -> None:
    """Fails unless the database finds what a statement looks for by an index that begins with the project."""
    collection = command[next(iter(command))]
    conditions = _condition(command)
    for condition in conditions if isinstance(conditions, list) else [conditions]:
        if isinstance(condition.get("_id"), str) and condition["_id"].startswith("a/"):
            # The project is part of the _id.
            continue
        explained = await started.mongo.database.command("explain", {"find": collection, "filter": condition})
        stage = explained["queryPlanner"]["winningPlan"]
        while "inputStage" in stage:
            stage = stage["inputStage"]
        keys = list(stage.get("keyPattern", {}))
        assert keys[:1] == ["project"], f"{what}: {collection} {condition} by {keys or stage}"
        named = [name for name in condition if name != "project"]
        assert set(keys[1 : 1 + len(named)]) >= set(named) & set(keys), f"{what}: {condition} by {keys}"
