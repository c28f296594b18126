"""`make soak`: random work on two replicas for half an hour, under every harm at random, held against a model.

Voters store, change, take back and erase feedback, each keeping at a call until it is answered, and remember what must
be there; a team reviews, corrects, clusters and sets policies; history comes in and grows too old; subscribers follow.
Meanwhile replicas and the database are killed and frozen past their leases, connections are cut, a replica comes whose
clock is an hour off, and the database's clock is set back by two. At the end the recount finds nothing, what was
acknowledged is there exactly once and as it was left, no erased word is anywhere, and memory and file descriptors are
where they were.
"""

import argparse
import asyncio
import contextlib
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import psutil
from google.protobuf import duration_pb2
from uptake import Client, UptakeError, comment, correction, rating, thumbs_down, thumbs_up
from uptake.v1 import correction_pb2, feedback_pb2, issue_pb2, project_pb2
from uptake_service.mongo.client import Mongo

from tests.corrections import instructions, knowledge
from tests.faults import catalogue
from tests.faults.callers import DOCUMENTED, Callers
from tests.faults.stage import Replica, Stage, stage
from tests.faults.trial import is_bad, lasting_differences
from tests.processes import PATIENCE_SECONDS, any_moment, eventually, let_pass, runs

T = TypeVar("T")

MINUTES = 30.0
_CALM = 0.3
"""The share of the time, at its end, in which nothing is killed, so that memory can be compared, once all is warm."""
_VOTERS = 4
"""To each replica."""
_CALL_SECONDS = 10.0
_FROZEN_SECONDS = 25.0
"""Longer than the leases of writer slots (10 s here) and of jobs (15 s) hold."""
_TOPICS = ("the invoice", "the parcel", "the password", "the plan", "the language")
_KEPT = timedelta(days=1)
_MOST_GROWTH, _MOST_GROWTH_MIB, _MOST_FILES = 1.25, 48.0, 12


async def keep_at(call: Callable[[], Awaitable[T]]) -> T:
    """Makes a call, with one request id, until it is answered; what the contract calls bad luck is none."""
    while True:
        try:
            return await call()
        except UptakeError as error:
            if error.code not in DOCUMENTED or error.reason == "CLAIM_LOST":
                raise
        await let_pass(0.2, "a caller comes back a little later")


@dataclass
class Piece:
    """What must be stored of one piece of feedback."""

    interaction: str
    retracted: bool
    comment: str


@dataclass
class Work:
    """What all do together.

    Attributes:
        rng: Decides what is done.
        pieces: What must be there, by id.
        erased: Words of what was erased, which must be nowhere.
        done: How often each thing was done.
        refused: How often each reason was told, of those that may be.
        wrong: What must not have been.
        stopping: Whether they are to come to an end.
    """

    rng: random.Random
    pieces: dict[str, Piece] = field(default_factory=dict)
    erased: set[str] = field(default_factory=set)
    done: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    stopping: bool = False


class Voter:
    """Says things as one user, and changes them, one call after the other."""

    def __init__(self, work: Work, clients: list[Client], name: str) -> None:
        self._work = work
        self._clients = clients
        self._name = name
        self._lives = 0
        self._number = 0
        self._votes: dict[str, str] = {}
        """The id of the user's one vote, by interaction."""
        self._own: list[str] = []

    @property
    def _user(self) -> str:
        return f"{self._name}x{self._lives}"

    async def run(self) -> None:
        doings: list[tuple[Callable[[], Awaitable[None]], int]] = [
            (self._say, 30),
            (self._say_much, 6),
            (self._stream, 2),
            (self._vote_again, 10),
            (self._amend, 8),
            (self._retract, 5),
            (self._delete, 4),
            (self._erase, 1),
        ]
        choices, weights = zip(*doings, strict=True)
        while not self._work.stopping:
            (doing,) = self._work.rng.choices(choices, weights)
            await doing()
            self._work.done[doing.__name__.removeprefix("_")] += 1
            await any_moment(0.3, self._work.rng)

    @property
    def _client(self) -> Client:
        return self._work.rng.choice(self._clients)

    def _words(self) -> str:
        """A comment with a word that only this user says, in this life."""
        self._number += 1
        return f"zq{self._user}q says {self._work.rng.choice(_TOPICS)} does not open, {self._number}"

    def _new(self) -> feedback_pb2.CollectFeedbackRequest:
        rng, words = self._work.rng, self._words()
        name = f"{self._user}-{self._number}"
        age = rng.choice([None, None, timedelta(days=3 * rng.random()), timedelta(days=3_000 * rng.random())])
        about: dict[str, Any] = {
            "query": f"Where do I find {rng.choice(_TOPICS)}, please?",
            "user_id": self._user,
            "model": rng.choice(["", "a", "b"]),
            "occur_time": datetime.now(UTC) - age if age else None,
        }
        makers: list[Callable[..., feedback_pb2.Feedback]] = [thumbs_up, thumbs_down, thumbs_down]
        makers += [rating, comment, correction]
        make = rng.choice(makers)
        if make is rating:
            said = rating(name, rng.randint(1, 5), comment=words, **about)
        elif make is comment:
            said = comment(name, words, **about)
        elif make is correction:
            said = correction(name, f"{words}, says the handbook", **about)
        else:
            said = make(name, comment=words, **about)
        return feedback_pb2.CollectFeedbackRequest(feedback=said, request_id=f"r-{name}")

    async def _say(self) -> None:
        request = self._new()
        self._note(request, await self._collect(request))

    async def _collect(self, request: feedback_pb2.CollectFeedbackRequest) -> feedback_pb2.Feedback:
        client = self._client
        return await keep_at(
            lambda: client.collect(request.feedback, request_id=request.request_id, timeout_seconds=_CALL_SECONDS)
        )

    async def _say_much(self) -> None:
        waiting = [self._new() for _ in range(self._work.rng.randint(2, 40))]
        while waiting:
            client, left = self._client, list[feedback_pb2.CollectFeedbackRequest]()
            results = client.collect_many(waiting, timeout_seconds=_CALL_SECONDS)
            numbered = iter(waiting)
            try:
                async for result in results:
                    request = next(numbered)
                    if result.HasField("feedback"):
                        self._note(request, result.feedback)
                    elif UptakeError.from_item(result.error).code in DOCUMENTED:
                        left.append(request)
                    else:
                        self._work.wrong.append(f"an item of a batch: {result.error}")
            except UptakeError as error:
                if error.code not in DOCUMENTED:
                    raise
                await let_pass(0.2, "a caller comes back a little later")
            waiting = [*left, *numbered]

    async def _stream(self) -> None:
        waiting = {request.request_id: request for request in (self._new() for _ in range(20))}
        while waiting:
            try:
                async for result in self._client.feedback.stream(list(waiting.values())):
                    if result.error is None:
                        id = result.feedback_id
                        request = waiting.pop(result.request_id)
                        self._work.pieces[id] = Piece(request.feedback.interaction.id, False, request.feedback.comment)
                        self._own.append(id)
                    elif result.error.code not in DOCUMENTED:
                        raise result.error
            except UptakeError as error:
                if error.code not in DOCUMENTED:
                    raise
                await let_pass(0.2, "a caller comes back a little later")

    def _note(self, request: feedback_pb2.CollectFeedbackRequest, stored: feedback_pb2.Feedback) -> None:
        if stored.id not in self._work.pieces:
            self._own.append(stored.id)
        self._work.pieces[stored.id] = Piece(request.feedback.interaction.id, False, request.feedback.comment)
        if request.feedback.type in (
            feedback_pb2.FEEDBACK_TYPE_THUMBS_UP,
            feedback_pb2.FEEDBACK_TYPE_THUMBS_DOWN,
            feedback_pb2.FEEDBACK_TYPE_RATING,
        ):
            self._votes[request.feedback.interaction.id] = stored.id

    async def _vote_again(self) -> None:
        if not self._votes:
            return
        interaction = self._work.rng.choice(list(self._votes))
        said = self._work.rng.choice([thumbs_up, thumbs_down])(
            interaction, query=f"Where do I find {_TOPICS[0]}, please?", user_id=self._user, comment=self._words()
        )
        request = feedback_pb2.CollectFeedbackRequest(feedback=said, request_id=f"again-{self._user}-{self._number}")
        stored = await self._collect(request)
        known = self._work.pieces.get(self._votes[interaction])
        if known is not None and not known.retracted and stored.id != self._votes[interaction]:
            self._work.wrong.append(f"a second vote on {interaction} is another piece: {stored.id}")
        self._note(request, stored)

    async def _amend(self) -> None:
        id, piece = self._one()
        if piece is None or piece.retracted:
            return
        words, client = self._words(), self._client
        await keep_at(
            lambda: client.feedback.amend(
                id,
                feedback_pb2.Feedback(comment=words),
                ["comment"],
                request_id=f"amend-{words}"[:128],
                timeout_seconds=_CALL_SECONDS,
            )
        )
        piece.comment = words

    async def _retract(self) -> None:
        id, piece = self._one()
        if piece is None:
            return
        client = self._client
        await keep_at(lambda: client.feedback.retract(id, timeout_seconds=_CALL_SECONDS))
        piece.retracted = True

    async def _delete(self) -> None:
        id, piece = self._one()
        if piece is None:
            return
        client, request_id = self._client, f"delete-{id}"
        await keep_at(lambda: client.feedback.delete(id, request_id=request_id, timeout_seconds=60.0))
        del self._work.pieces[id]
        self._own.remove(id)
        if self._votes.get(piece.interaction) == id:
            del self._votes[piece.interaction]

    async def _erase(self) -> None:
        user, client = self._user, self._client
        await keep_at(lambda: client.feedback.erase_user(user, request_id=f"erase-{user}", timeout_seconds=60.0))
        for id in self._own:
            self._work.pieces.pop(id, None)
        self._work.erased.add(f"zq{user}q")
        self._own.clear()
        self._votes.clear()
        self._lives += 1

    def _one(self) -> tuple[str, Piece | None]:
        if not self._own:
            return "", None
        id = self._work.rng.choice(self._own)
        return id, self._work.pieces[id]


class Team:
    """Reviews, corrects, clusters and sets policies; whoever was quicker wins."""

    def __init__(self, work: Work, clients: list[Client]) -> None:
        self._work = work
        self._clients = clients

    async def run(self) -> None:
        doings = [self._review, self._review, self._apply, self._revert, self._cluster, self._issue, self._policy]
        while not self._work.stopping:
            doing, client = self._work.rng.choice(doings), self._work.rng.choice(self._clients)
            try:
                await doing(client)
                self._work.done[doing.__name__.removeprefix("_")] += 1
            except UptakeError as error:
                if error.code not in DOCUMENTED and error.code.name not in ("FAILED_PRECONDITION", "NOT_FOUND"):
                    self._work.wrong.append(f"{doing.__name__}: {error}")
                self._work.refused[error.reason or error.code.name] += 1
            await any_moment(2.0, self._work.rng)

    async def _review(self, client: Client) -> None:
        found = [review async for review in client.reviews.list()]
        if not found:
            return
        rng = self._work.rng
        review = rng.choice(found)
        if rng.random() < 0.2:
            await client.reviews.reopen(review.id, "ann", "again")
        claim = await client.reviews.claim(review.id, "ann", lease_seconds=rng.choice([1, 30]))
        await any_moment(2.0, rng)
        match rng.choice(["release", "dismiss", "resolve", "correct"]):
            case "release":
                await claim.release("later")
            case "dismiss":
                await claim.dismiss("no")
            case "resolve":
                await claim.resolve("done")
            case "correct":
                await claim.resolve("done", corrections=[self._draft()])

    def _draft(self) -> correction_pb2.CorrectionDraft:
        kinds: list[tuple[Callable[..., correction_pb2.CorrectionDraft], str]]
        kinds = [(knowledge, "a/b"), (knowledge, "a/c"), (instructions, "prompt")]
        make, key = self._work.rng.choice(kinds)
        return make(key, f"The page {self._work.rng.random()}.")

    async def _apply(self, client: Client) -> None:
        await client.corrections.apply([self._draft()], "ann")

    async def _revert(self, client: Client) -> None:
        applied = [each async for each in client.corrections.list()]
        if applied:
            await client.corrections.revert(self._work.rng.choice(applied).id, "ann")

    async def _cluster(self, client: Client) -> None:
        await client.insights.get(refresh_issues=True, timeout_seconds=PATIENCE_SECONDS)

    async def _issue(self, client: Client) -> None:
        issues = [issue async for issue in client.issues.list()]
        if not issues:
            return
        rng = self._work.rng
        issue = rng.choice(issues)
        match rng.choice(["state", "merge", "split"]):
            case "state":
                state = rng.choice([issue_pb2.ISSUE_STATE_RESOLVED, issue_pb2.ISSUE_STATE_IGNORED])
                await client.issues.update(issue.id, state=state, reviewer="ann")
            case "merge" if len(issues) > 1:
                other = rng.choice([each.id for each in issues if each.id != issue.id])
                await client.issues.merge(issue.id, [other], reviewer="ann")
            case "split":
                samples = (await client.issues.get(issue.id)).issue.sample_comments
                if samples:
                    try:
                        await client.issues.split(issue.id, [samples[0].feedback_id], reviewer="ann")
                    except UptakeError as error:
                        # A voter took it back meanwhile, or a run moved it.
                        if [field for field, _ in error.field_violations] != ["feedback_ids[0]"]:
                            raise

    async def _policy(self, client: Client) -> None:
        rng = self._work.rng
        policy = project_pb2.ReviewPolicy(
            window_size=rng.choice([3, 10, 100]),
            minimum_sample=rng.choice([2, 3]),
            trigger_rule=rng.choice([project_pb2.TRIGGER_RULE_RATE, project_pb2.TRIGGER_RULE_EVIDENCE]),
        )
        paths = [f"review_policy.{each.name}" for each, _ in policy.ListFields()]
        await client.projects.update(project_pb2.ProjectSettings(review_policy=policy), paths)


async def grow_too_old(work: Work, address: str, kept: Counter[str]) -> None:
    """Stores old and new feedback in one project after another, and then says for how long it is kept."""
    number = 0
    while not work.stopping:
        number += 1
        project = f"aged{number}"
        async with Client(address, project=project) as client:
            old = datetime.now(UTC) - 3 * _KEPT
            for place in range(20):
                time = old + timedelta(minutes=place) if place < 15 else None
                said = thumbs_down(f"{project}-{place}", query=_TOPICS[place % 3], occur_time=time, comment="no")
                await keep_at(
                    partial(client.collect, said, request_id=f"{project}-{place}", timeout_seconds=_CALL_SECONDS)
                )
            age = duration_pb2.Duration()
            age.FromTimedelta(_KEPT)
            settings = project_pb2.ProjectSettings(retention=project_pb2.Retention(feedback_age=age))
            await keep_at(partial(client.projects.update, settings, ["retention"]))
            kept[project] = 5
            work.done["grow_too_old"] += 1
        await any_moment(20.0, work.rng)


async def follow(work: Work, address: str, seen: list[int]) -> None:
    """Follows the events of a project, and notes their numbers."""
    async with Client(address) as client, client.insights.subscribe() as updates:
        async for update in updates:
            if update.HasField("event"):
                seen.append(update.event.seq)  # noqa: PERF401  It is read meanwhile.


@dataclass(frozen=True)
class Use:
    """What the processes use: memory in MiB, and file descriptors, of both replicas and of the database."""

    memory: list[float]
    files: list[int]

    @classmethod
    def of(cls, scene: Stage) -> "Use":
        processes = [psutil.Process(replica.process.pid) for replica in scene.replicas]
        processes.append(psutil.Process(scene.database.pid))
        return cls([each.memory_info().rss / 2**20 for each in processes], [each.num_fds() for each in processes])

    def growth(self, later: "Use") -> Iterator[str]:
        """What has grown more than it may."""
        for name, before, after in zip(("replica 0", "replica 1", "database"), self.memory, later.memory, strict=True):
            if after > before * _MOST_GROWTH + _MOST_GROWTH_MIB:
                yield f"{name} grew from {before:.0f} to {after:.0f} MiB in the calm"
        for name, before, after in zip(("replica 0", "replica 1", "database"), self.files, later.files, strict=True):
            if after > before + _MOST_FILES:
                yield f"{name} had {before} files open and then {after}"


async def freeze_replica(scene: Stage, callers: Callers) -> str:
    """Stops a replica for longer than its leases hold, so that others take what it thinks it has."""
    process = psutil.Process(scene.replicas[0].process.pid)
    process.suspend()
    try:
        await let_pass(_FROZEN_SECONDS, "a replica that stands still past its leases")
    finally:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.resume()
    return f"pid {process.pid} stopped for {_FROZEN_SECONDS:.0f} s"


async def freeze_database(scene: Stage, callers: Callers) -> str:
    process = psutil.Process(scene.database.pid)
    process.suspend()
    try:
        await let_pass(_FROZEN_SECONDS, "a database that stands still past all leases")
    finally:
        process.resume()
    return f"pid {process.pid} stopped for {_FROZEN_SECONDS:.0f} s"


_KILLS = (
    *(catalogue.kill_both, catalogue.kill_one, catalogue.kill_database, freeze_replica, freeze_database),
    *(catalogue.jump_clock, catalogue.set_clock_back),
)
_MILD = (catalogue.cut_database, catalogue.cut_callers, catalogue.lose_answers)


async def soak(folder: Path, minutes: float, seed: int) -> bool:
    """Runs it; tells whether all was as it must be."""
    work = Work(random.Random(seed))
    kept: Counter[str] = Counter()
    seen: list[list[int]] = [[], []]
    begun = time.monotonic()
    end = begun + minutes * 60
    calm = end - minutes * 60 * _CALM
    warm = calm + (end - calm) / 3
    async with stage(folder, trigger_interval_seconds="1", retention_interval_seconds="2") as scene:
        clients = [Client(address, timeout_seconds=_CALL_SECONDS) for address in scene.addresses]
        tasks = [
            asyncio.create_task(Voter(work, [*clients[place % 2 :], *clients], f"v{place}").run())
            for place in range(_VOTERS * len(clients))
        ]
        tasks.append(asyncio.create_task(Team(work, clients).run()))
        tasks.append(asyncio.create_task(grow_too_old(work, scene.addresses[0], kept)))
        following = [
            asyncio.create_task(follow(work, address, numbers))
            for address, numbers in zip(scene.addresses, seen, strict=True)
        ]
        harms: Counter[str] = Counter()
        before = Use.of(scene)
        others = Callers([])
        while time.monotonic() < end:
            is_calm = time.monotonic() > calm
            harm = work.rng.choice(_MILD if is_calm else (*_KILLS, *_MILD))
            await any_moment(4.0, work.rng)
            harms[harm.__name__] += 1
            with contextlib.suppress(AssertionError):
                # There may be no connection to cut at the moment.
                await harm(scene, others)
            for task in tasks:
                if task.done():
                    await task
            if time.monotonic() < warm:
                before = Use.of(scene) if all(runs(replica.process.pid) for replica in scene.replicas) else before
        # Those of a replica whose clock was off.
        work.pieces |= {id: Piece(request, False, "") for request, id in others.acknowledged.items()}
        work.stopping = True
        await asyncio.gather(*tasks)
        for client in clients:
            await client.close()
        async with scene.mongo() as mongo:
            await _judge(work, kept, mongo)
            newest = await mongo.collection("counters").get({"_id": "default"})
            await _judge_followers(work, seen, newest["seq"] if newest else 0)
        for task in following:
            task.cancel()
        work.wrong += before.growth(Use.of(scene))
        work.wrong += _bad_lines(scene.replicas)
    print(f"seed {seed}, {(time.monotonic() - begun) / 60:.0f} minutes")
    print(f"done: {dict(work.done)}")
    print(f"harm: {dict(harms)}")
    print(f"refused: {dict(work.refused)}")
    print(f"{len(work.pieces):,} pieces are there as they were left, {len(work.erased)} users are nowhere")
    for line in work.wrong:
        print(f"WRONG: {line}")
    return not work.wrong


async def _judge(work: Work, kept: Counter[str], mongo: Mongo) -> None:
    """Holds what is stored against the model."""
    feedback = mongo.collection("feedback")

    async def is_aged() -> bool:
        counted = {project: await feedback.count({"project": project}) for project in kept}
        return counted == dict(kept)

    try:
        await eventually(is_aged, "the end of what is too old", 3 * PATIENCE_SECONDS)
    except AssertionError:
        for project in kept:
            if (number := await feedback.count({"project": project})) != kept[project]:
                work.wrong.append(f"project {project} has {number} pieces of {kept[project]}")
    work.wrong += await lasting_differences(mongo)
    found: set[str] = set()
    async for stored in feedback.stream({"project": "default"}):
        id = stored["_id"]
        found.add(id)
        piece = work.pieces.get(id)
        if piece is None:
            work.wrong.append(f"nobody was told of {id}, or it was deleted: {stored['state']}")
            continue
        words = stored["comment"]
        if stored["interaction"]["id"] != piece.interaction or (stored["state"] == "RETRACTED") != piece.retracted:
            work.wrong.append(f"{id} is {stored['state']} on {stored['interaction']['id']}, it should be {piece}")
        if words != piece.comment:
            work.wrong.append(f"{id} says {words!r}, it should say {piece.comment!r}")
    work.wrong += [f"{id} is lost: {work.pieces[id]}" for id in work.pieces.keys() - found]
    for name in await mongo.database.list_collection_names():
        async for document in mongo.collection(name).stream({}):
            text = repr(document)
            work.wrong += [f"{name} {document['_id']} says {word}" for word in work.erased if word in text]


async def _judge_followers(work: Work, seen: list[list[int]], newest: int) -> None:
    """Each saw every event once, in order, from the first that it saw to the newest."""
    with contextlib.suppress(AssertionError):
        await eventually(lambda: all(numbers and numbers[-1] == newest for numbers in seen), "the newest event")
    for place, numbers in enumerate(seen):
        if numbers != list(range(numbers[0], newest + 1) if numbers else ()):
            work.wrong.append(f"subscriber {place} saw {len(numbers)} events to {numbers[-1:]} of {newest}")


def _bad_lines(replicas: list[Replica]) -> list[str]:
    lines = [line for replica in replicas for line in replica.log().splitlines() if is_bad(line)]
    return [f"in the log of a replica: {line[:300]} ... {line[-1000:]}" for line in lines]


async def _main(minutes: float, seed: int, kept: Path | None) -> bool:
    if kept is not None:
        await asyncio.to_thread(kept.mkdir, parents=True)
        return await soak(kept, minutes, seed)
    with tempfile.TemporaryDirectory(prefix="uptake-soak-") as folder:
        return await soak(Path(folder), minutes, seed)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.faults.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=MINUTES)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10_000))
    parser.add_argument(
        "--folder", type=Path, help="where database and logs are, and stay; a temporary one if not given"
    )
    given = parser.parse_args()
    sys.exit(0 if asyncio.run(_main(given.minutes, given.seed, given.folder)) else 1)
