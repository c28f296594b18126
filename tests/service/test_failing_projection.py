"""A projection that fails harms nothing but what it fails for, and is told what is erased like any other."""

import asyncio

import pytest
from uptake import Client, UptakeError, thumbs_down
from uptake_service.app import build
from uptake_service.app.check import check
from uptake_service.domain.clock import Clock
from uptake_service.domain.erasing import Erasing
from uptake_service.projections.projection import Batch, Projection, Update

from tests.conftest import StartService

BAD = "cannot be begun"


class Failing(Projection):
    """Fails to begin a batch with one interaction in it, and to finish any."""

    def __init__(self) -> None:
        self.erased: list[str] = []

    def begin(self, batch: Batch) -> Update:
        if any(draft.interaction.id == BAD for draft, _ in batch.collected):
            raise LookupError(BAD)
        return _FailsAtTheEnd()

    async def forget(self, erasing: Erasing) -> None:
        self.erased += erasing.ids


class _FailsAtTheEnd(Update):
    async def finish(self) -> None:
        raise LookupError(BAD)


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Failing:
    failing = Failing()
    line = build.ProjectionKind(Failing, lambda base, parts: failing)
    monkeypatch.setattr(build, "PROJECTIONS", (line, *build.PROJECTIONS))
    return failing


async def test_others_are_committed_judged_and_answered_and_it_is_told_what_is_erased(
    start_service: StartService, failing: Failing, caplog: pytest.LogCaptureFixture
) -> None:
    service = await start_service()
    client: Client = service.client
    # At once, so that batches hold several.
    calls = [client.collect(thumbs_down(f"i{n}", query="How do I pay?", user_id=f"u{n}")) for n in range(20)]
    made = await asyncio.gather(*calls, client.collect(thumbs_down(BAD, query="q")), return_exceptions=True)

    assert [type(each) for each in made if isinstance(each, BaseException)] == [UptakeError]
    assert isinstance(made[-1], UptakeError)
    # The trigger stands behind it in the list; the sweep has not been there yet.
    (review,) = [review async for review in client.reviews.list()]
    assert review.pattern.representative_query == "How do I pay?"
    (logged, *_) = [each.getMessage() for each in caplog.records if "failed after a commit" in each.getMessage()]
    assert logged.startswith(f"{__name__} failed after a commit, and a job does the rest: LookupError\n")
    # Where it failed, without what the error says.
    assert "in finish\n    raise LookupError(BAD)" in logged
    assert BAD not in logged

    assert not isinstance(made[3], BaseException)
    await client.feedback.erase_user("u3")
    assert failing.erased == [made[3].id]
    assert await check(service.mongo, Clock()) == []
