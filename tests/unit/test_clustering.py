"""Clustering finds the same in the same comments, however often and on however many threads."""

import os
import subprocess
import sys

from uptake_service.insights import clustering
from uptake_service.insights.cleaning import clean
from uptake_service.patterns.embed import WordLlamaEmbedder

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
