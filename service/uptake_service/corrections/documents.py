"""Corrections as documents, both ways."""

from uptake_service.corrections.model import (
    Author,
    Correction,
    CorrectionState,
    Measured,
    MeasurementBasis,
    Revert,
    Verdict,
    Votes,
)
from uptake_service.domain.feedback import CorrectionKind
from uptake_service.mongo.documents import Document
from uptake_service.reviews.documents import fix_document, to_fix


def to_document(correction: Correction) -> Document:
    basis, revert = correction.basis, correction.revert
    return {
        "_id": correction.id,
        "project": correction.project,
        "kind": correction.kind.value,
        "target": correction.target,
        "revision": correction.revision,
        "base_revision": correction.base_revision,
        "content": correction.content,
        "diff": correction.diff,
        "feedback_ids": list(correction.feedback_ids),
        "review_id": correction.review_id,
        "author": correction.author.model_dump(),
        "note": correction.note,
        "state": correction.state.value,
        "covers": correction.covers,
        "pattern_id": basis.pattern_id,
        "baseline": basis.baseline.model_dump(),
        "start": basis.start,
        "fix": fix_document(basis.fix),
        "margin": basis.margin,
        "voter_share": basis.voter_share,
        "covered_time": correction.covered_time,
        "verdict": correction.verdict.value,
        "measured": correction.measured.model_dump() if correction.measured else None,
        "unmeasured": correction.unmeasured,
        "create_time": correction.create_time,
        "revert": revert.model_dump() | {"verdict": revert.verdict.value} if revert else None,
    }


def to_correction(document: Document) -> Correction:
    fix = to_fix(document["fix"])
    assert fix is not None  # noqa: S101
    return Correction(
        id=document["_id"],
        project=document["project"],
        kind=CorrectionKind(document["kind"]),
        target=document["target"],
        revision=document["revision"],
        base_revision=document["base_revision"],
        content=document["content"],
        diff=document["diff"],
        feedback_ids=tuple(document["feedback_ids"]),
        review_id=document["review_id"],
        author=Author(**document["author"]),
        note=document["note"],
        state=CorrectionState(document["state"]),
        covers=document["covers"],
        basis=MeasurementBasis(
            pattern_id=document["pattern_id"],
            baseline=Votes(**document["baseline"]),
            start=document["start"],
            fix=fix,
            margin=document["margin"],
            # Before voters were bounded, all votes counted.
            voter_share=document.get("voter_share", 1.0),
        ),
        covered_time=document["covered_time"],
        verdict=Verdict(document["verdict"]),
        measured=Measured(**document["measured"]) if document["measured"] else None,
        unmeasured=document["unmeasured"],
        create_time=document["create_time"],
        revert=Revert(**document["revert"]) if document["revert"] else None,
    )
