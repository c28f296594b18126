"""Feedback as documents, both ways.

Maps are lists of {k, v} and custom values JSON text, so that no user's string is ever a key.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from uptake_service.domain.clock import MICROSECOND
from uptake_service.domain.feedback import (
    OVERALL,
    ChatMessage,
    Content,
    CorrectionValue,
    FeedbackState,
    FeedbackType,
    Interaction,
    Rating,
    Sentiment,
    Statement,
    StoredFeedback,
)
from uptake_service.embedding.embedders import FIRST_EDITION
from uptake_service.mongo.documents import Document

_OFTEN_EMPTY = ("conversation_id", "trace_id", "span_id", "variant")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

NEWEST_FIRST = [("occur_time", -1), ("_id", -1)]


def pairs(mapping: Mapping[str, str]) -> list[Document]:
    """A map as it is stored."""
    return [{"k": key, "v": value} for key, value in mapping.items()]


def mapping(stored: Sequence[Document]) -> dict[str, str]:
    """A map as it was stored by `pairs`."""
    return {pair["k"]: pair["v"] for pair in stored}


def to_document(feedback: StoredFeedback) -> Document:
    return {
        "_id": feedback.id,
        "project": feedback.project,
        "interaction": _interaction_document(feedback.interaction),
        **_content_document(feedback.content),
        "user_id": feedback.user_id,
        "source": feedback.source,
        "occur_time": feedback.occur_time,
        "said": _microseconds(feedback.said_time),
        "score": feedback.score,
        "sentiment": feedback.sentiment.value,
        "pattern_id": feedback.pattern_id,
        "create_time": feedback.create_time,
        "update_time": feedback.update_time,
        "state": feedback.state.value,
        "vector": feedback.vector,
        "embedder": feedback.embedder,
        "model_bucket": feedback.model_bucket,
        "source_bucket": feedback.source_bucket,
        "score_bucket": feedback.score_bucket,
        "voter_bucket": feedback.voter_bucket,
        "vote": feedback.vote,
        "statements": [_statement_document(statement) for statement in feedback.statements],
        "writer": feedback.writer,
        "revision": feedback.revision,
        "requests": list(feedback.requests),
        "key_id": feedback.key_id,
    }


def to_feedback(document: Document) -> StoredFeedback:
    """Feedback from its document; what the first edition did not have is read as it was meant."""
    said = document.get("said")
    return StoredFeedback(
        id=document["_id"],
        project=document["project"],
        interaction=_to_interaction(document["interaction"]),
        content=_to_content(document),
        user_id=document["user_id"],
        source=document["source"],
        occur_time=document["occur_time"],
        said_time=_time(said) if said is not None else min(document["occur_time"], document["create_time"]),
        score=document.get("score", OVERALL),
        sentiment=Sentiment(document["sentiment"]),
        pattern_id=document["pattern_id"],
        create_time=document["create_time"],
        update_time=document["update_time"],
        state=FeedbackState(document["state"]),
        vector=document.get("vector", b""),
        embedder=document.get("embedder", FIRST_EDITION),
        model_bucket=document["model_bucket"],
        source_bucket=document["source_bucket"],
        score_bucket=document.get("score_bucket", OVERALL),
        voter_bucket=document.get("voter_bucket"),
        vote=document["vote"],
        statements=tuple(_to_statement(statement) for statement in document.get("statements", ())),
        writer=document["writer"],
        revision=document["revision"],
        requests=tuple(document.get("requests", ())),
        key_id=document.get("key_id"),
    )


def _interaction_document(interaction: Interaction) -> Document:
    """Most callers send no conversation, trace or variant: what is empty is left out."""
    document: Document = {
        "id": interaction.id,
        "query": interaction.query,
        "response": interaction.response,
        "model": interaction.model,
        "versions": pairs(interaction.versions),
        "create_time": interaction.create_time,
    }
    if interaction.history:
        document["history"] = [{"role": turn.role, "content": turn.content} for turn in interaction.history]
    if interaction.contexts:
        document["contexts"] = list(interaction.contexts)
    for name in _OFTEN_EMPTY:
        if value := getattr(interaction, name):
            document[name] = value
    return document


def _to_interaction(document: Document) -> Interaction:
    return Interaction(
        id=document["id"],
        query=document["query"],
        response=document.get("response", ""),
        model=document["model"],
        versions=mapping(document["versions"]),
        create_time=document["create_time"],
        history=tuple(ChatMessage(role=turn["role"], content=turn["content"]) for turn in document.get("history", ())),
        contexts=tuple(document.get("contexts", ())),
        **{name: document.get(name, "") for name in _OFTEN_EMPTY},
    )


def _content_document(content: Content) -> Document:
    rating, correction = content.rating, content.correction
    return {
        "type": content.type.value,
        "rating": {"score": rating.score, "min": rating.min, "max": rating.max} if rating else None,
        "correction": {
            "original": correction.original,
            "corrected": correction.corrected,
            "kind": correction.kind.value,
        }
        if correction
        else None,
        "custom": content.custom_json,
        "comment": content.comment,
        "labels": pairs(content.labels),
    }


def _to_content(document: Document) -> Content:
    return Content(
        type=FeedbackType(document["type"]),
        rating=Rating(**document["rating"]) if document["rating"] else None,
        correction=CorrectionValue(**document["correction"]) if document["correction"] else None,
        custom_json=document["custom"],
        comment=document["comment"],
        labels=mapping(document["labels"]),
    )


def _statement_document(statement: Statement) -> Document:
    return {
        "said": _microseconds(statement.time),
        "occur_time": statement.occur_time,
        **_content_document(statement.content),
        "interaction": _interaction_document(statement.interaction),
        "source": statement.source,
        "amended": None if statement.amended is None else list(statement.amended),
        "speakers": pairs({field: sentiment.value for field, sentiment in statement.speakers.items()}),
    }


def _to_statement(document: Document) -> Statement:
    amended = document["amended"]
    return Statement(
        time=_time(document["said"]),
        occur_time=document["occur_time"],
        content=_to_content(document),
        interaction=_to_interaction(document["interaction"]),
        source=document["source"],
        amended=None if amended is None else tuple(amended),
        speakers={field: Sentiment(value) for field, value in mapping(document["speakers"]).items()},
    )


def _microseconds(time: datetime) -> int:
    """A time finer than the database's own, which has milliseconds."""
    return (time - _EPOCH) // MICROSECOND


def _time(microseconds: int) -> datetime:
    return _EPOCH + microseconds * MICROSECOND


def versions_of(document: Document) -> frozenset[tuple[str, str]]:
    return frozenset((pair["k"], pair["v"]) for pair in document["interaction"]["versions"])
