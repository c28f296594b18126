"""What several votes of one user on one answer come to. Pure.

All that a user said stands as a list of statements, and what it comes to is worked out from the list in the order in
which it was said. So it does not depend on the order in which it arrived.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from uptake_service.domain.feedback import Content, FeedbackType, Interaction, Sentiment, Statement
from uptake_service.domain.visible import is_visible

MOST_STATEMENTS = 8
"""So many statements of one vote are kept; of more the two oldest are put together."""

_WORDS = ("comment", "labels", "custom")
"""What of a vote stays until a newer one brings its own or says the opposite."""

_FIELD_OF = {"comment": "comment", "labels": "labels", "custom": "custom_json"}
_OPPOSITES = ({Sentiment.POSITIVE, Sentiment.NEGATIVE},)
_SEVERITY = {Sentiment.NEGATIVE: 2, Sentiment.NEUTRAL: 1, Sentiment.POSITIVE: 0}
_WITH_CUSTOM = (FeedbackType.THUMBS_UP, FeedbackType.THUMBS_DOWN)


@dataclass(frozen=True)
class Merged:
    """What statements come to.

    Attributes:
        said_time: When the newest of what decides the verdict was said.
        occur_time: When the newest vote occurred.
    """

    content: Content
    interaction: Interaction
    source: str
    occur_time: datetime
    said_time: datetime


def merge(statements: Sequence[Statement]) -> Merged:
    """What statements of one vote come to, whatever order they are in.

    At the same microsecond the more negative one counts as the newer, so that this too is no matter of arrival.
    """
    first, *rest = sorted(statements, key=_order)
    state = _State(first)
    for statement in rest:
        state.take(statement)
    return state.merged()


def with_statement(statements: Sequence[Statement], added: Statement) -> tuple[Statement, ...]:
    """The statements with one more, at most MOST_STATEMENTS, oldest first.

    Words that an amendment replaced or cleared are gone from what was said before it, whenever that arrives. What was
    said already is said once.
    """
    amended: set[str] = set()
    ordered: list[Statement] = []
    for statement in sorted((*statements, added), key=_order, reverse=True):
        ordered.insert(0, _without(statement, amended))
        amended.update(statement.amended or ())
    if any(each in ordered[:place] for place, each in enumerate(ordered)):
        return tuple(statements)
    while len(ordered) > MOST_STATEMENTS:
        state = _State(ordered[0])
        state.take(ordered[1])
        ordered[:2] = [state.statement()]
    return tuple(ordered)


class _State:
    """What was said so far."""

    def __init__(self, first: Statement) -> None:
        self._time = self._verdict_time = first.time
        self._occur_time = first.occur_time
        self._type, self._rating = first.content.type, first.content.rating
        self._words = {field: getattr(first.content, _FIELD_OF[field]) for field in _WORDS}
        self._speakers = {field: first.speakers.get(field, first.content.sentiment) for field in _WORDS}
        self._interaction = first.interaction
        self._source = first.source

    def take(self, statement: Statement) -> None:
        self._time = statement.time
        if statement.amended is None:
            self._take_vote(statement)
        else:
            self._take_amendment(statement, statement.amended)

    def _take_vote(self, vote: Statement) -> None:
        sentiment = vote.content.sentiment
        self._type, self._rating = vote.content.type, vote.content.rating
        self._verdict_time, self._occur_time = vote.time, vote.occur_time
        for field in _WORDS:
            own = getattr(vote.content, _FIELD_OF[field])
            if own:
                self._words[field], self._speakers[field] = own, vote.speakers.get(field, sentiment)
            elif {self._speakers[field], sentiment} in _OPPOSITES:
                self._words[field] = None if field == "custom" else "" if field == "comment" else {}
        self._interaction = _interaction(self._interaction, vote.interaction)
        self._source = vote.source or self._source

    def _take_amendment(self, amendment: Statement, fields: Sequence[str]) -> None:
        if "type" in fields or "rating" in fields:
            self._type, self._rating = amendment.content.type, amendment.content.rating
            self._verdict_time = amendment.time
        for field in _WORDS:
            if field in fields:
                self._words[field] = getattr(amendment.content, _FIELD_OF[field])
        # Who amends sees all of it, and lets stand what they leave.
        self._speakers = dict.fromkeys(_WORDS, self._content().sentiment)

    def _content(self) -> Content:
        return Content(
            type=self._type,
            rating=self._rating,
            comment=self._words["comment"],
            labels=self._words["labels"],
            # What only a thumb can carry waits for the next thumb.
            custom_json=self._words["custom"] if self._type in _WITH_CUSTOM else None,
        )

    def merged(self) -> Merged:
        return Merged(self._content(), self._interaction, self._source, self._occur_time, self._verdict_time)

    def statement(self) -> Statement:
        """All of it as one vote."""
        content = self._content()
        return Statement(
            time=self._time,
            occur_time=self._occur_time,
            content=content.model_copy(update={"custom_json": self._words["custom"]}),
            interaction=self._interaction,
            source=self._source,
            speakers={field: who for field, who in self._speakers.items() if who is not content.sentiment},
        )


def _order(statement: Statement) -> tuple[datetime, bool, int, str]:
    content = statement.content
    said = json.dumps(statement.model_dump(mode="json"), sort_keys=True)
    return statement.time, statement.amended is not None, _SEVERITY[content.sentiment], said


def _without(statement: Statement, fields: Collection[str]) -> Statement:
    empty: Mapping[str, object] = {"comment": "", "labels": {}, "custom": None}
    gone = {_FIELD_OF[field]: empty[field] for field in _WORDS if field in fields}
    return statement.model_copy(update={"content": statement.content.model_copy(update=gone)}) if gone else statement


def _interaction(old: Interaction, new: Interaction) -> Interaction:
    """The question and answer that both are about: what the newer one leaves empty is the older one's."""
    answer = ("response", "model", "variant", "create_time", "history", "contexts", "trace_id", "span_id")
    filled: dict[str, object] = {
        "query": new.query if is_visible(new.query) else old.query,
        "conversation_id": new.conversation_id or old.conversation_id,
    }
    if not _other_answer(old, new):
        filled |= {name: getattr(new, name) or getattr(old, name) for name in answer}
        filled["versions"] = {**old.versions, **new.versions}
    return new.model_copy(update=filled)


def _other_answer(old: Interaction, new: Interaction) -> bool:
    """Whether two votes name different models, variants, versions or responses, and so are on different answers."""
    pairs = [(old.model, new.model), (old.variant, new.variant), (old.response.strip(), new.response.strip())]
    pairs += [(old.versions[name], value) for name, value in new.versions.items() if name in old.versions]
    return any(one and other and one != other for one, other in pairs)
