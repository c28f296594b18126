"""Clustering finds the same in the same comments, however often, in whatever order and on however many threads."""

import os
import subprocess
import sys

import numpy as np
from threadpoolctl import threadpool_limits
from uptake_service.insights import clustering
from uptake_service.patterns.embed import WordLlamaEmbedder

_THINGS = ("invoice", "booking", "tracking", "label", "customs", "return", "address", "claim")
_PHRASES = (
    "the link to the {} page is broken",
    "refund time limit wrong for my {} refund",
    "answered in english, I asked in german about {}",
    "it invented a phone number for {} questions",
)
_ENDS = ("", " again", ", please look", ", not good", ", why", ", as so often")
COMMENTS = [clustering.clean(phrase.format(thing) + end) for end in _ENDS for thing in _THINGS for phrase in _PHRASES]


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


def test_the_order_of_comments_does_not_matter() -> None:
    vectors = WordLlamaEmbedder().embed(COMMENTS)
    labels = clustering.cluster(COMMENTS, vectors)
    told = clustering.describe(COMMENTS, vectors, labels)
    assert len(told.titles) >= 4
    order = np.random.default_rng(1).permutation(len(COMMENTS))
    shuffled = [COMMENTS[row] for row in order]
    again = clustering.cluster(shuffled, vectors[order])
    assert again.tolist() == labels[order].tolist()
    told_again = clustering.describe(shuffled, vectors[order], again)
    assert (told_again.titles, told_again.keywords) == (told.titles, told.keywords)
    assert [shuffled[row] for row in told_again.medoids] == [COMMENTS[row] for row in told.medoids]
    assert told_again.radii.tolist() == told.radii.tolist()


_KINDS = (
    "refund money paid back account owed waiting sum bank weeks transfer charge denied euros",
    "page link error missing broken browser open click loads website blank button form screen",
    "english german answered language translate wrote french understand word reply foreign spoke text native",
)
_SHARED = "parcel order shipment letter delivery box post please again today why always never still my the"


def test_an_issue_with_a_third_of_all_comments_stays_in_one_piece() -> None:
    choice = np.random.default_rng(2).choice
    comments, kinds = [], []
    for kind, words in enumerate(_KINDS):
        for _ in range(200):
            comments.append(
                " ".join([*choice(words.split(), 4, replace=False), *choice(_SHARED.split(), 3, replace=False)])
            )
            kinds.append(kind)
    labels = clustering.cluster(comments, WordLlamaEmbedder().embed(comments))
    held = labels >= 0
    assert labels.max() + 1 == len(_KINDS)
    assert len({*zip(labels[held].tolist(), np.array(kinds)[held].tolist(), strict=True)}) == len(_KINDS)
    assert held.mean() > 0.9


def test_threads_do_not_matter_where_sums_are_long_enough_to_be_shared_among_them() -> None:
    choice = np.random.default_rng(3).choice
    words = " ".join([*_KINDS, _SHARED]).split()
    topics = [choice(words, 6, replace=False) for _ in range(20)]
    comments = [
        " ".join([*choice(topics[row % len(topics)], 3, replace=False), *choice(words, 3)]) for row in range(10_100)
    ]
    vectors = WordLlamaEmbedder().embed(comments)
    with threadpool_limits(1):
        one = clustering.cluster(comments, vectors)
    with threadpool_limits(2):
        two = clustering.cluster(comments, vectors)
    assert one.max() > 10
    assert two.tolist() == one.tolist()
