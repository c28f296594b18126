"""Feedback as product services send it, made up: popular questions are asked often, a few are answered badly."""

import itertools
import random
from collections.abc import Iterator
from typing import Any

from uptake import correction, rating, thumbs_down, thumbs_up
from uptake.v1 import feedback_pb2

COLLECT = "/uptake.v1.FeedbackService/CollectFeedback"

_ASKED = (
    "How do I change {}?",
    "How can I cancel {}?",
    "Where do I find {}?",
    "Why was {} charged twice?",
    "When will {} arrive?",
    "Can I share {} with my family?",
    "Is it possible to export {}?",
    "What does {} cost per month?",
    "I want to delete {}, how does that work?",
    "{} does not work on my phone, what can I do?",
    "Who can see {}?",
    "How long is {} kept?",
    "My colleague needs access to {}, whom do I ask?",
    "Please explain {} to me in simple words",
    "Do I have to pay tax on {}?",
    "What happens to {} when I move abroad?",
)
_THINGS = (
    "my password", "the invoice", "my subscription", "the delivery address", "my parcel", "the gift card", "the refund",
    "my loyalty points", "the express fee", "my phone number", "the contract", "two-factor login", "the newsletter",
    "my data", "the warranty", "a second card", "the free trial", "my profile picture", "the booking", "the seat",
    "my insurance", "the deposit", "the statement", "my direct debit", "the exchange rate", "the voucher", "my avatar",
    "the shared calendar", "the meeting room", "the API key", "the webhook", "my team plan", "the audit log",
    "the backup", "my dashboard", "the report", "the weekly summary", "my medical record", "the prescription",
    "the appointment", "my travel card", "the parking permit", "the fishing licence", "my library account",
    "the school form", "the tax number", "my pension", "the rent contract", "the power meter", "my water bill",
)  # fmt: skip
COMPLAINTS = (
    "That is not what I asked",
    "The steps do not exist in the app any more",
    "wrong, it told me to call a number that nobody answers",
    "It repeats my question instead of answering it",
    "Much too long, I gave up halfway",
    "the link is dead",
    "It says it is free but I was charged",
    "That was true last year, not now",
)
_RESPONSE = (
    "Open the settings, choose the entry in question and follow the steps shown there. You will get a message when it "
    "is done, usually within a few minutes. If it takes longer, write to us and name the number that you see on the "
    "page, so that a colleague can look at it. "
)


def queries() -> list[str]:
    """Every question of the traffic, once, in an order that mixes them."""
    asked = [form.format(thing) for form, thing in itertools.product(_ASKED, _THINGS)]
    random.Random(0).shuffle(asked)
    return asked


def requests(seed: int) -> Iterator[feedback_pb2.CollectFeedbackRequest]:
    """CollectFeedback calls without end: 82% thumbs up, 12% thumbs down, 3% ratings, 3% corrections on average.

    The question of rank r is asked with a weight of 1/r (Zipf's law). One question in ten is answered badly: there 45%
    of the votes are thumbs down, elsewhere 8%.
    """
    rng = random.Random(seed)
    asked = queries()
    weights = list(itertools.accumulate(1 / rank for rank in range(1, len(asked) + 1)))
    while True:
        rank = rng.choices(range(len(asked)), cum_weights=weights)[0]
        yield feedback_pb2.CollectFeedbackRequest(
            feedback=_feedback(rng, asked[rank], bad=rank % 10 == 5), request_id=f"{rng.getrandbits(128):032x}"
        )


def serialised(requests: Iterator[feedback_pb2.CollectFeedbackRequest], number: int) -> Iterator[bytes]:
    """So many of them, made and serialised beforehand: that is not what is measured, and takes a core."""
    return iter([each.SerializeToString() for each in itertools.islice(requests, number)])


def _feedback(rng: random.Random, query: str, *, bad: bool) -> feedback_pb2.Feedback:
    interaction_id = f"chat-{rng.getrandbits(64):016x}"
    about: dict[str, Any] = {
        "query": query,
        "response": _RESPONSE,
        "model": rng.choice(("harbor-2", "harbor-2-mini")),
        "versions": {"prompt": "v7", "index": "2026-10"},
        "user_id": f"user-{rng.randrange(50_000)}",
        "source": rng.choice(("web", "android", "ios")),
        "labels": {"locale": rng.choice(("en-GB", "en-IE", "de-DE")), "plan": rng.choice(("free", "team"))},
    }
    kind = rng.random()
    if kind < 0.03:
        return rating(interaction_id, rng.randint(1, 5), **about)
    if kind < 0.06:
        corrected = f"{_RESPONSE}The entry is called {query.split()[-1]}."
        return correction(interaction_id, original=_RESPONSE, corrected=corrected, **about)
    if rng.random() < (0.45 if bad else 0.08):
        return thumbs_down(interaction_id, comment=rng.choice(COMPLAINTS), **about)
    return thumbs_up(interaction_id, **about)
