"""Votes as rollups count them: all, the negative ones, and those of each bucket of voters."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from uptake_service.domain.feedback import VOTES, Sentiment, StoredFeedback
from uptake_service.domain.voters import Tally, bucket_counts, tally
from uptake_service.projections.rollup_deltas import NAMES, Counts, add_all


@dataclass(slots=True)
class VotesByBucket:
    """Votes, how many of them are negative, and what each bucket of voters has of both (see `feedback.voters`)."""

    votes: int = 0
    negatives: int = 0
    voters: Counts = field(default_factory=dict)

    @classmethod
    def of(cls, counts: Mapping[str, int]) -> "VotesByBucket":
        """The votes among what a rollup counted."""
        votes = sum(counts.get(type.value.lower(), 0) for type in VOTES)
        # Only votes are negative.
        return cls(votes, counts.get("negative", 0), {name: counts[name] for name in counts.keys() - set(NAMES)})

    @classmethod
    def of_one(cls, feedback: StoredFeedback) -> "VotesByBucket":
        """One piece of feedback, as a rollup counts it."""
        if feedback.content.type not in VOTES:
            return cls()
        return cls.of_bucket(feedback.voter_bucket, 1, negative=feedback.sentiment is Sentiment.NEGATIVE)

    @classmethod
    def of_bucket(cls, bucket: int | None, votes: int, *, negative: bool) -> "VotesByBucket":
        """Votes of one bucket, or of before there were any, that are all negative or all not."""
        one = bucket_counts(bucket, negative=negative) if bucket is not None else {}
        return cls(votes, votes if negative else 0, {name: number * votes for name, number in one.items()})

    def add(self, other: "VotesByBucket", sign: int = 1) -> None:
        self.votes += sign * other.votes
        self.negatives += sign * other.negatives
        add_all(self.voters, other.voters, sign)

    def counted(self, share: float) -> Tally:
        """The votes that count if each voter's may be no more than a share of them."""
        return tally(self.votes, self.negatives, self.voters, share)
