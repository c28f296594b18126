"""Clustering finds the same in the same comments, however often and on however many threads."""

import os
import random
import subprocess
import sys
from collections import Counter

import pytest
from uptake_service.domain.feedback import complaint
from uptake_service.embedding.wordllama import WordLlamaEmbedder
from uptake_service.issues import clustering
from uptake_service.issues.cleaning import clean

_THINGS = ("invoice", "booking", "tracking", "label", "customs", "return", "address", "claim")
_PHRASES = (
    "the link to the {} page is broken",
    "refund time limit wrong for my {} refund",
    "answered in english, I asked in german about {}",
    "it invented a phone number for {} questions",
)
_ENDS = ("", " again", ", please look", ", not good", ", why", ", as so often")
COMMENTS = [clean(phrase.format(thing) + end) for end in _ENDS for thing in _THINGS for phrase in _PHRASES]


def found() -> str:
    """Labels, titles, keywords and representatives, as text."""
    vectors = WordLlamaEmbedder().embed(COMMENTS)
    labels = clustering.cluster(COMMENTS, vectors)
    told = clustering.describe(COMMENTS, vectors, labels)
    return repr((labels.tolist(), told.titles, told.keywords, [int(row) for row in told.medoids]))


def test_the_same_comments_give_the_same_issues() -> None:
    first = found()
    assert found() == first
    # Threads may add numbers up in another order.
    for threads in ("1", "2"):
        limits = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), threads)
        program = "from tests.unit.test_clustering import found; print(found())"
        other = subprocess.run(
            (sys.executable, "-c", program), env=os.environ | limits, stdout=subprocess.PIPE, text=True, check=True
        )
        assert other.stdout.splitlines()[-1] == first


_WORDINGS = {
    "How do I track my parcel?": (
        *("tracking is dead", "the tracking link is dead", "dead tracking link", "link to tracking gives an error"),
        *("tracking link broken", "that link is broken", "broken link to tracking", "error when I open tracking"),
    ),
    "What does express delivery cost?": (
        *("the price is old", "old price", "that was last year's price", "express costs more by now"),
        *("price is not right", "wrong express price", "you quote an old price", "the price went up in May"),
    ),
    "Why can I not pay by card?": (
        *("card payment crashes", "it crashes when I pay", "crash at the payment step", "paying crashes the app"),
        *("the app crashes on paying", "crashed again at payment", "payment crash", "crash when paying by card"),
    ),
}


@pytest.mark.parametrize(("copies", "wordings"), [(10, 8), (3, 8), (40, 8), (25, 3)])
def test_what_is_said_in_a_few_wordings_again_and_again_is_one_issue_each(copies: int, wordings: int) -> None:
    said = [
        (query, clean(complaint(words, query)))
        for query, each in _WORDINGS.items()
        for words in each[:wordings]
        for _ in range(copies)
    ]
    random.Random(1).shuffle(said)
    texts = [text for _, text in said]
    labels = clustering.cluster(texts, WordLlamaEmbedder().embed(texts))
    assert len(set(labels.tolist()) - {clustering.NOISE}) <= 6
    for query in _WORDINGS:
        own = Counter(label for label, (about, _) in zip(labels.tolist(), said, strict=True) if about == query)
        assert own.most_common(1)[0][1] >= 0.6 * copies * wordings


def test_one_wording_that_many_send_is_an_issue() -> None:
    texts = [clean(complaint("too slow", "Where is my parcel?"))] * 50
    labels = clustering.cluster(texts, WordLlamaEmbedder().embed(texts))
    assert set(labels.tolist()) == {0}
