"""The recount of the event log: that each project's events are numbered without a hole."""

from collections import defaultdict

from uptake_service.coordination.recount import Recount
from uptake_service.mongo.client import Mongo
from uptake_service.mongo.session import Session


class EventRecount(Recount):
    def __init__(self, mongo: Mongo) -> None:
        self._mongo = mongo

    async def differences(self, session: Session) -> list[str]:
        counters = await self._mongo.collection("counters").find_with_now({}, session=session)
        newest = {counter["_id"]: counter["seq"] for counter in counters}
        seqs: defaultdict[str, list[int]] = defaultdict(list)
        fields = {"project": 1, "seq": 1, "expire_time": 1}
        async for event in self._mongo.collection("events").stream({}, projection=fields, session=session):
            # Those past the retention are deleted in no order.
            if not counters or event["expire_time"] > counters[0]["now"]:
                seqs[event["project"]].append(event["seq"])
        differences = []
        for project, found in seqs.items():
            ordered = sorted(found)
            if len(ordered) != ordered[-1] - ordered[0] + 1:
                differences.append(f"events of {project}: seq has a hole between {ordered[0]} and {ordered[-1]}")
            counter = newest.get(project, 0)
            if ordered[-1] != counter:
                differences.append(f"events of {project}: newest seq is {ordered[-1]}, the counter {counter}")
        return differences
