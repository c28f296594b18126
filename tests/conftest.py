"""One embedded database for the whole run, a database of its own for each service, everything on real sockets."""

import os
import tempfile
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import hypothesis
import psutil
import pytest
from uptake import Client
from uptake_service.app.server import App
from uptake_service.config import Settings, load_settings
from uptake_service.domain.clock import Clock
from uptake_service.mongo.client import Mongo
from uptake_service.mongo.embedded import EmbeddedDatabase
from uptake_service.telemetry.tracing import Tracing

from tests.processes import PATIENCE_SECONDS

# By default an example that takes longer than a fifth of a second fails: on a busy machine any may.
hypothesis.settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("any machine")


@pytest.fixture(scope="session", autouse=True)
def nothing_left_behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Fails the run if, after all tests, a child process, a listening port or a temporary folder of ours is left."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("temporary")
        patch.setenv("TMPDIR", str(folder))
        patch.setattr(tempfile, "tempdir", str(folder))
        yield
    me = psutil.Process()
    # A child that was just told to end may take a moment.
    _, left = psutil.wait_procs(me.children(recursive=True), timeout=PATIENCE_SECONDS)
    assert [process.cmdline() for process in left] == []
    assert [c.laddr for c in me.net_connections() if c.status == psutil.CONN_LISTEN] == []
    assert list(folder.glob("uptake-*")) == []


@pytest.fixture(scope="session")
async def mongodb_uri(nothing_left_behind: None, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """The database of UPTAKE_TEST_MONGODB_URI, else the embedded one."""
    given = os.environ.get("UPTAKE_TEST_MONGODB_URI")
    if given:
        yield given
        return
    folder = Path(tmp_path_factory.mktemp("database"))
    database = await EmbeddedDatabase.start(folder, start_timeout_seconds=2 * PATIENCE_SECONDS)
    try:
        yield database.uri
    finally:
        await database.stop()


@pytest.fixture
async def mongo(mongodb_uri: str) -> AsyncIterator[Mongo]:
    """A database of the test's own, without a service."""
    mongo = Mongo.connect(mongodb_uri, f"test_{uuid.uuid4().hex[:12]}", 20.0)
    yield mongo
    mongo.close()
    await _drop(mongodb_uri, mongo.database.name)


async def _drop(mongodb_uri: str, name: str) -> None:
    # What a test leaves may be much, and the disk slow: once it took a minute.
    dropping = Mongo.connect(mongodb_uri, name, 5 * PATIENCE_SECONDS)
    try:
        await dropping.client.drop_database(name)
    finally:
        dropping.close()


@dataclass
class Service:
    """A running service, with a client of its default project and a look at its database."""

    app: App
    client: Client
    settings: Settings

    @property
    def address(self) -> str:
        return f"localhost:{self.app.port}"

    @property
    def mongo(self) -> Mongo:
        return self.app.mongo


StartService = Callable[..., Awaitable[Service]]


@pytest.fixture
async def start_service(mongodb_uri: str) -> AsyncIterator[StartService]:
    """Starts services; those of one test share a database unless told otherwise, as replicas do.

    They wait for it for as long as tests wait, unless told otherwise: on a busy machine that takes time.
    """
    async with AsyncExitStack() as cleanup:
        shared = f"test_{uuid.uuid4().hex[:12]}"

        async def start(clock: Clock | None = None, tracing: Tracing | None = None, **settings: object) -> Service:
            usual = {
                "port": 0,
                "mongodb_uri": mongodb_uri,
                "database": shared,
                "database_timeout_seconds": PATIENCE_SECONDS,
                # They run in the process of the tests, whose memory is no matter of theirs.
                "memory_limit_mib": 65_536,
            }
            chosen = load_settings(**{**usual, **settings})
            app = App(chosen, clock, tracing)
            await app.start()
            cleanup.push_async_callback(app.stop)
            client = Client(f"localhost:{app.port}", timeout_seconds=2 * PATIENCE_SECONDS)
            cleanup.push_async_callback(client.close)
            return Service(app, client, chosen)

        yield start
    await _drop(mongodb_uri, shared)


@pytest.fixture
async def service(start_service: StartService) -> Service:
    return await start_service()


@pytest.fixture
def client(service: Service) -> Client:
    return service.client
