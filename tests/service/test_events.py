"""Transactions that append events, of several processes at once."""

import asyncio

from uptake_service.coordination.event_log import EventLog
from uptake_service.corrections.model import CorrectionEvent, CorrectionState
from uptake_service.mongo.session import Session

from tests.conftest import Service

_EACH = 10
_EVENT = CorrectionEvent(correction_id="none", state=CorrectionState.APPLIED, revision=1)


async def test_who_loses_to_another_process_makes_its_work_once_more_at_most(service: Service) -> None:
    logs = [EventLog(service.mongo, 1) for _ in range(3)]
    runs: list[tuple[int, int]] = []
    all_have_begun = asyncio.Barrier(len(logs))

    async def one(process: int, number: int) -> None:
        async def body(session: Session) -> None:
            runs.append((process, number))
            await service.mongo.collection("reviews").get({"_id": "none"}, session=session)
            if runs.count((process, number)) == 1:
                # All have read before one commits: so the others lose to it.
                await all_have_begun.wait()
            await logs[process].append("busy", [_EVENT, _EVENT], session)

        await logs[process].transaction(["busy"], body)

    async def process(number: int) -> None:
        for each in range(_EACH):
            await one(number, each)

    await asyncio.gather(*(process(number) for number in range(len(logs))))

    appended = len(logs) * _EACH * 2
    assert await logs[0].newest_seq("busy") == appended
    assert [event.seq for event in await logs[0].between("busy", 0, appended)] == list(range(1, appended + 1))
    most = max(runs.count(each) for each in runs)
    assert most == 2, "nobody lost, or somebody lost twice"
