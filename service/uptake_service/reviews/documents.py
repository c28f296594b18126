"""Reviews as documents, both ways."""

from collections.abc import Collection
from datetime import datetime

from uptake_service.domain.feedback import OVERALL, FeedbackType, Sentiment
from uptake_service.mongo.documents import Document
from uptake_service.reviews.model import (
    LONGEST_CLAIM,
    Claim,
    Examined,
    Fix,
    RelatedFeedback,
    Resolution,
    Review,
    ReviewPriority,
    ReviewState,
)

RANKS = {ReviewPriority.MEDIUM: 1, ReviewPriority.HIGH: 2}
"""Priorities as they are stored, to be sorted by."""

# Ten of a review are looked up, a hundred times a page; to call the enum takes eight times as long.
_TYPES = {type.value: type for type in FeedbackType}
_SENTIMENTS = {sentiment.value: sentiment for sentiment in Sentiment}


def fix_document(fix: Fix | None) -> Document | None:
    """A fix as it is stored."""
    if fix is None:
        return None
    versions = [{"k": name, "v": value} for name, value in sorted(fix.versions)]
    return {"time": fix.time, "versions": versions, "versions_tell": fix.versions_tell}


def without_versions(fix: Document, gone: Collection[tuple[str, str]]) -> list[Document]:
    """The versions of a stored fix but for some."""
    return [version for version in fix["versions"] if (version["k"], version["v"]) not in gone]


def to_fix(document: Document | None) -> Fix | None:
    """A fix as it was stored by `fix_document`."""
    if document is None:
        return None
    versions = frozenset((version["k"], version["v"]) for version in document["versions"])
    return Fix(time=document["time"], versions=versions, versions_tell=document["versions_tell"])


def to_document(review: Review) -> Document:
    resolution = review.resolution
    return {
        "_id": review.id,
        "project": review.project,
        "pattern_id": review.pattern_id,
        "covers": list(review.covers),
        "state": review.state.value,
        "active": review.active,
        "rank": RANKS[review.examined.priority],
        "related": [
            {
                "feedback_id": related.feedback_id,
                "type": related.type.value,
                "sentiment": related.sentiment.value,
                "occur_time": related.occur_time,
                "score": related.score,
            }
            for related in review.examined.related
        ],
        "evidence": {
            "votes": review.examined.evidence_votes,
            "negatives": review.examined.evidence_negatives,
            "left_out": review.examined.evidence_left_out,
            "baseline_rate": review.examined.baseline_rate,
            "baseline_left_out": review.examined.baseline_left_out,
        },
        "opened_with": sorted(review.opened_with),
        "complaints_gone": review.complaints_gone,
        "negative_rate": review.examined.negative_rate,
        "suggested_action": review.examined.suggested_action,
        "trigger_feedback_id": review.trigger_feedback_id,
        "claim": review.claim.model_dump(exclude={"seconds"}) if review.claim else None,
        "claim_seconds": review.claim.seconds if review.claim else None,
        "claim_count": review.claim_count,
        "fix": fix_document(review.fix),
        "fix_sampled": review.fix_sampled,
        "resolution": resolution.model_dump(exclude={"fix"}) | {"fix": fix_document(resolution.fix)}
        if resolution
        else None,
        "reopen_count": review.reopen_count,
        "revision": review.revision,
        "people_revision": review.people_revision,
        "create_time": review.create_time,
        "update_time": review.update_time,
    }


def _claim(document: Document) -> Claim | None:
    """The claim of a stored review, whether or not it ran out. Of those of before nobody noted how long they were to
    be."""
    if not document["claim"]:
        return None
    return Claim(**document["claim"], seconds=document.get("claim_seconds") or LONGEST_CLAIM.total_seconds())


def ran_out(document: Document) -> bool:
    """Whether a claim ran out; true of what cannot be read, so that whoever expires it tells."""
    try:
        claim = _claim(document)
    except (TypeError, ValueError):
        return True
    return claim is None or not claim.lasts(document["now"])


def to_review(document: Document) -> Review:
    resolution, state = document["resolution"], ReviewState(document["state"])
    claim = _claim(document)
    now: datetime | None = document.get("now")
    if claim is not None and now is not None and not claim.lasts(now):
        state, claim = ReviewState.OPEN, None
    ranks = {rank: priority for priority, rank in RANKS.items()}
    evidence = document.get("evidence", {})
    # Reviews of before this field was there hold what they were opened with or what was examined last and still bad.
    opened_with = document.get("opened_with") or [related["feedback_id"] for related in document["related"]]
    return Review(
        id=document["_id"],
        project=document["project"],
        pattern_id=document["pattern_id"],
        covers=tuple(document.get("covers") or (document["pattern_id"],)),
        state=state,
        examined=Examined(
            related=tuple(
                RelatedFeedback(
                    feedback_id=related["feedback_id"],
                    type=_TYPES[related["type"]],
                    sentiment=_SENTIMENTS[related["sentiment"]],
                    occur_time=related["occur_time"],
                    score=related.get("score", OVERALL),
                )
                for related in document["related"]
            ),
            negative_rate=document["negative_rate"],
            priority=ranks[document["rank"]],
            suggested_action=document["suggested_action"],
            evidence_votes=evidence.get("votes", 0),
            evidence_negatives=evidence.get("negatives", 0),
            evidence_left_out=evidence.get("left_out", 0),
            baseline_rate=evidence.get("baseline_rate", 0.0),
            baseline_left_out=evidence.get("baseline_left_out", 0),
        ),
        opened_with=frozenset(opened_with),
        complaints_gone=document.get("complaints_gone", False),
        trigger_feedback_id=document["trigger_feedback_id"],
        claim=claim,
        claim_count=document["claim_count"],
        fix=to_fix(document["fix"]),
        fix_sampled=document["fix_sampled"],
        resolution=Resolution(
            note=resolution["note"],
            reviewer=resolution["reviewer"],
            end_time=resolution["end_time"],
            fix=to_fix(resolution["fix"]),
            correction_ids=tuple(resolution["correction_ids"]),
            merged_into_review_id=resolution["merged_into_review_id"],
        )
        if resolution
        else None,
        reopen_count=document["reopen_count"],
        revision=document["revision"],
        people_revision=document["people_revision"],
        create_time=document["create_time"],
        update_time=document["update_time"],
    )
