"""Leases: which process does a background job, and which numbered slot it writes under.

Expiry is judged by the database's clock, so that processes whose clocks differ agree: a lease is read together with
the database's time, and taken by an update that is conditional on what was read. Each holds how long it was taken for:
one that ends later than that from now was taken while the clock was ahead, and is free once the clock is right again.
Who holds it and still lives is fenced, or does what may be done twice.
"""

import secrets
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import NamedTuple

from uptake_service.domain.clock import cut, lasts
from uptake_service.domain.errors import DuplicateKey
from uptake_service.mongo.client import Mongo
from uptake_service.mongo.collection import Collection
from uptake_service.mongo.documents import Document
from uptake_service.mongo.session import Session
from uptake_service.mongo.texts import Holds, Store, texts

_LONGEST_SLOT_SECONDS = 3600.0
"""What was stored before does not say how long a slot is held; this is the most that the settings allow."""

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class Leases(Store):
    """The collection `leases`: {_id: job, holder, fence, seconds, expire_time}."""

    TEXTS = (texts("leases", Holds.NONE, "_id", "holder"),)

    def __init__(self, mongo: Mongo) -> None:
        self._leases = mongo.collection("leases")
        self._holder = secrets.token_hex(8)
        self._held_until: dict[str, float] = {}

    def held(self, kind: str) -> int:
        """How many leases this process holds, by its own clock; a job named `kind/...` is of the same kind."""
        now = monotonic()
        held = tuple(self._held_until.items())
        return sum(until > now and job.partition("/")[0] == kind for job, until in held)

    async def acquire(self, job: str, seconds: float) -> int | None:
        """Takes or renews the lease of a job for `seconds`.

        Returns:
            The fence number, the same as long as this process holds the lease and higher for each new holder; None
            while another holds it.
        """
        asked = monotonic()
        for lease in await self._leases.find_with_now({"_id": job}):
            mine = lease["holder"] == self._holder
            length = timedelta(seconds=lease.get("seconds", seconds))
            if not mine and lasts(lease["expire_time"], length, lease["now"]):
                return None
            fence = int(lease["fence"] + (not mine))
            taken = await self._leases.update(
                {"_id": job, "holder": lease["holder"], "fence": lease["fence"]},
                {
                    "$set": {
                        "holder": self._holder,
                        "fence": fence,
                        "seconds": seconds,
                        "expire_time": lease["now"] + timedelta(seconds=seconds),
                    }
                },
            )
            if not taken:
                return None
            self._held_until[job] = asked + seconds
            return fence
        await _insert_if_new(self._leases, {"_id": job, "holder": "", "fence": 0, "expire_time": _LONG_AGO})
        return await self.acquire(job, seconds)

    async def is_free(self, job: str) -> bool:
        """Whether no other process holds the lease of a job."""
        return not any(
            lease["holder"] != self._holder
            and lasts(lease["expire_time"], timedelta(seconds=lease.get("seconds", 0.0)), lease["now"])
            for lease in await self._leases.find_with_now({"_id": job})
        )

    async def release(self, job: str) -> None:
        """Gives the lease of a job up, if this process still holds it."""
        self._held_until.pop(job, None)
        await self._leases.update({"_id": job, "holder": self._holder}, {"$set": {"expire_time": _LONG_AGO}})


class SlotLost(Exception):
    """Another process took this writer slot: this one was silent for longer than its lease."""


class Advance(NamedTuple):
    """A commit under a slot: the revision that it makes, and its time by the database's clock."""

    revision: int
    time: datetime


class WriterSlot:
    """A numbered slot that this process alone writes under, in the collection `writers`:
    {_id: number, holder, revision, seconds, expire_time}.

    Documents keyed by writer are then free of contention. Every transaction that writes such documents calls
    `advance`, which fences it: a process that lost the slot without noticing cannot commit.
    """

    def __init__(self, mongo: Mongo, lease_seconds: float) -> None:
        self._writers = mongo.collection("writers")
        self._lease = timedelta(seconds=lease_seconds)
        self._holder = ""
        self.number = -1
        self.revision = 0
        """How many commits were made under the slot, as far as this process knows."""

    async def acquire(self) -> None:
        """Takes the slot that this process holds anew, else a free one, else makes one more."""
        # A new name each time: what an earlier hold left in flight must not pass for this one.
        before, self._holder = self._holder, secrets.token_hex(8)
        while True:
            slots = await self._writers.find_with_now({})
            slots.sort(key=lambda slot: (slot["holder"] != before, slot["_id"]))
            for slot in slots:
                if slot["holder"] != before and _holds(slot):
                    continue
                # Waits for a transaction of the former holder that is about to commit.
                taken = await self._writers.update(
                    {"_id": slot["_id"], "holder": slot["holder"]},
                    {
                        "$set": {
                            "holder": self._holder,
                            "seconds": self._lease.total_seconds(),
                            "expire_time": slot["now"] + self._lease,
                        }
                    },
                )
                if taken:
                    self.number = slot["_id"]
                    current = await self._writers.get({"_id": self.number})
                    assert current is not None  # noqa: S101
                    self.revision = current["revision"]
                    return
            number = max((slot["_id"] for slot in slots), default=-1) + 1
            await _insert_if_new(self._writers, {"_id": number, "holder": "", "revision": 0, "expire_time": _LONG_AGO})

    async def advance(self, session: Session) -> Advance:
        """Fences a transaction, renews the lease and counts the commit.

        Returns:
            What this transaction makes. Its revision is `revision` + 1, unless a commit of this process went through
            whose answer was lost.

        Raises:
            SlotLost: The slot is another's now.
        """
        slot = await self._keep({"revision": {"$add": ["$revision", 1]}}, session)
        return Advance(int(slot["revision"]), cut(slot["expire_time"] - self._lease))

    async def renew(self) -> None:
        """Keeps the slot while there is nothing to write.

        Raises:
            SlotLost: The slot is another's now.
        """
        await self._keep({}, None)

    async def release(self) -> None:
        """Frees the slot for the next process."""
        await self._writers.update({"_id": self.number, "holder": self._holder}, {"$set": {"expire_time": _LONG_AGO}})

    async def _keep(self, changes: Document, session: Session | None) -> Document:
        expire_time = {"$add": ["$$NOW", self._lease // timedelta(milliseconds=1)]}
        slot = await self._writers.update_and_get(
            {"_id": self.number, "holder": self._holder},
            [{"$set": changes | {"expire_time": expire_time}}],
            session=session,
        )
        if slot is None:
            raise SlotLost
        return slot


def _holds(slot: Document) -> bool:
    """Whether a process holds a slot, that was read with the database's time."""
    length = timedelta(seconds=slot.get("seconds", _LONGEST_SLOT_SECONDS))
    return lasts(slot["expire_time"], length, slot["now"])


async def _insert_if_new(collection: Collection, document: Document) -> None:
    try:
        await collection.insert(document)
    except DuplicateKey:
        return


class Writers(Store):
    """What the writer slots of all processes have written."""

    TEXTS = (texts("writers", Holds.NONE, "holder"),)

    def __init__(self, mongo: Mongo) -> None:
        self._writers = mongo.collection("writers")

    async def revisions(self, session: Session | None = None) -> dict[int, int]:
        """For each slot how many commits were made under it; equal ones mean that nothing was written between."""
        return {slot["_id"]: slot["revision"] for slot in await self._writers.find({}, session=session)}

    async def expired(self) -> list[int]:
        """The slots that no process holds."""
        return [slot["_id"] for slot in await self._writers.find_with_now({}) if not _holds(slot)]
