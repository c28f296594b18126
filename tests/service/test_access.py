"""Who may call what: every method with every role and with none, other projects, keys that do not hold, limits, TLS."""

import asyncio
import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
import trustme
from google.protobuf import message_factory
from google.protobuf.descriptor import MethodDescriptor
from uptake import Client, UptakeError, thumbs_down
from uptake.v1 import correction_pb2, feedback_pb2, insight_pb2, project_pb2, review_pb2
from uptake.v1.feedback_pb2_grpc import FeedbackServiceStub
from uptake.v1.insight_pb2_grpc import InsightServiceStub
from uptake_service.auth.keys import KeyStore
from uptake_service.auth.model import METHODS, Permission, Role
from uptake_service.clock import Clock
from uptake_service.config import load_settings
from uptake_service.errors import StartupError

from tests.conftest import Service, StartService
from tests.processes import launch, serving
from tests.processes import run as run_command

CONTRACT: list[MethodDescriptor] = [
    method
    for file in (feedback_pb2, review_pb2, insight_pb2, correction_pb2, project_pb2)
    for service in file.DESCRIPTOR.services_by_name.values()
    for method in service.methods
]
# What section 9 of the design grants, told again here so that a change of the table shows.
GRANTED = {
    Role.COLLECTOR: {Permission.COLLECT},
    Role.READER: {Permission.READ},
    Role.REVIEWER: {Permission.READ, Permission.REVIEW},
    Role.ADMIN: {Permission.COLLECT, Permission.READ, Permission.REVIEW, Permission.ADMINISTER},
}
UNAUTHENTICATED = grpc.StatusCode.UNAUTHENTICATED
DENIED = grpc.StatusCode.PERMISSION_DENIED


@pytest.fixture
async def guarded(start_service: StartService) -> Service:
    return await start_service(require_keys=True)


def keys_of(service: Service, clock: Clock | None = None) -> KeyStore:
    return KeyStore(service.mongo, clock or Clock())


async def outcome(channel: grpc.aio.Channel, method: MethodDescriptor, key: str | None, **request: Any) -> Any:
    """The status code that a call with an otherwise empty request gets; None where it gets an answer."""
    message = message_factory.GetMessageClass(method.input_type)(**request)
    if method.server_streaming and not method.client_streaming:
        message.checkpoint_interval.seconds = 1
    path = f"/{method.containing_service.full_name}/{method.name}"
    answer = message_factory.GetMessageClass(method.output_type).FromString
    serialize = type(message).SerializeToString
    metadata = () if key is None else (("authorization", f"Bearer {key}"),)
    try:
        async with asyncio.timeout(20):
            if method.client_streaming:
                both = channel.stream_stream(path, serialize, answer)(iter([message]), metadata=metadata)
                while await both.read() is not grpc.aio.EOF:
                    pass
            elif method.server_streaming:
                stream = channel.unary_stream(path, serialize, answer)(message, metadata=metadata)
                await stream.read()
                stream.cancel()
            else:
                await channel.unary_unary(path, serialize, answer)(message, metadata=metadata)
    except grpc.aio.AioRpcError as error:
        return error.code()
    return None


def test_every_method_of_the_contract_has_its_permission() -> None:
    named = [method for methods in METHODS.values() for method in methods]
    assert sorted(named) == sorted(method.name for method in CONTRACT)


async def test_every_method_with_every_role_and_with_none(guarded: Service) -> None:
    store = keys_of(guarded)
    texts = {role: (await store.create(role.lower(), role))[1] for role in Role}
    revoked, revoked_text = await store.create("revoked", Role.ADMIN)
    await store.revoke(revoked.id)
    _, expired = await store.create("expired", Role.ADMIN, expire_time=datetime.now(UTC) - timedelta(seconds=1))
    admin_id = texts[Role.ADMIN].partition(".")[0]
    invalid = [None, "", "garbage", "no.such", f"{admin_id}.", f"{admin_id}.wrong", revoked_text, expired]
    needs = {name: permission for permission, names in METHODS.items() for name in names}

    async with grpc.aio.insecure_channel(guarded.address) as channel:
        for method in CONTRACT:
            for role, text in texts.items():
                code = await outcome(channel, method, text)
                if needs[method.name] in GRANTED[role]:
                    assert code not in (UNAUTHENTICATED, DENIED), (method.name, role)
                else:
                    assert code is DENIED, (method.name, role)
        for method in CONTRACT:
            for bad in (None, revoked_text):
                assert await outcome(channel, method, bad) is UNAUTHENTICATED, (method.name, bad)
        for bad in invalid:
            assert await outcome(channel, CONTRACT[0], bad) is UNAUTHENTICATED, bad


async def test_a_key_is_for_its_projects_alone(guarded: Service) -> None:
    _, all_text = await keys_of(guarded).create("all", Role.ADMIN)
    _, mine = await keys_of(guarded).create("mine", Role.ADMIN, ("mine", "also-mine"))
    stored: dict[str, str] = {}
    for project in ("mine", "other"):
        async with Client(guarded.address, project=project, api_key=all_text) as client:
            stored[project] = (await client.collect(thumbs_down("i1", query="q"))).id
    unbound = {"ListProjects", "ListAuditEvents", "EraseUserFeedback"}

    async with grpc.aio.insecure_channel(guarded.address) as channel:
        for method in CONTRACT:
            if method.name not in unbound:
                assert await outcome(channel, method, mine, project="other") is DENIED, method.name
                assert await outcome(channel, method, mine, project="") is DENIED, method.name
                assert await outcome(channel, method, mine, project="mine") is not DENIED, method.name
    # What is there and what is not look alike.
    told = []
    async with Client(guarded.address, project="other", api_key=mine) as client:
        for id in (stored["other"], "no such"):
            with pytest.raises(UptakeError) as caught:
                await client.feedback.get(id)
            told.append((caught.value.code, caught.value.reason, str(caught.value)))
    assert told[0] == told[1]
    async with Client(guarded.address, project="mine", api_key=mine) as client:
        assert [project.id async for project in client.projects.list(page_size=1)] == ["mine"]
    # An item of another project in a batch.
    request = feedback_pb2.BatchCollectFeedbackRequest(
        project="mine",
        requests=[feedback_pb2.CollectFeedbackRequest(project="other", feedback=thumbs_down("i2", query="q"))],
    )
    async with grpc.aio.insecure_channel(guarded.address) as channel:
        batch = FeedbackServiceStub(channel).BatchCollectFeedback
        (result,) = (await batch(request, metadata=(("authorization", f"Bearer {mine}"),))).results
        assert result.error.code == grpc.StatusCode.INVALID_ARGUMENT.value[0]
    async with Client(guarded.address, project="other", api_key=all_text) as client:
        assert [feedback.id async for feedback in client.feedback.list()] == [stored["other"]]


async def test_without_need_of_a_key_one_that_is_sent_must_still_be_good(start_service: StartService) -> None:
    service = await start_service()
    await service.client.insights.get()
    async with Client(service.address, api_key="no.such") as client:
        with pytest.raises(UptakeError) as caught:
            await client.insights.get()
        assert (caught.value.code, caught.value.reason) == (UNAUTHENTICATED, "UNAUTHENTICATED")


async def test_health_needs_no_key(guarded: Service) -> None:
    code, output, _ = await run_command("health", "--address", guarded.address)
    assert (code, output) == (0, "SERVING\n")


class _Moved(Clock):
    """A clock that a test moves."""

    ahead = timedelta(0)

    def now(self) -> datetime:
        return super().now() + self.ahead


async def test_a_revoked_key_is_heeded_by_other_processes_within_five_seconds(start_service: StartService) -> None:
    clock = _Moved()
    service = await start_service(clock=clock, require_keys=True)
    key, text = await keys_of(service).create("reader", Role.READER)
    async with Client(service.address, api_key=text) as client:
        await client.insights.get()
        # As another process does it: this service is not told.
        assert await keys_of(service).revoke(key.id)
        assert not await keys_of(service).revoke(key.id)
        clock.ahead = timedelta(seconds=5)
        with pytest.raises(UptakeError) as caught:
            await client.insights.get()
        assert caught.value.reason == "UNAUTHENTICATED"


async def test_streams_end_when_their_key_is_revoked(start_service: StartService) -> None:
    clock = _Moved()
    service = await start_service(clock=clock, require_keys=True, subscription_interval_seconds=0.05)
    key, text = await keys_of(service).create("admin", Role.ADMIN)
    _, collector = await keys_of(service).create("collector", Role.COLLECTOR)
    metadata = (("authorization", f"Bearer {text}"),)
    async with grpc.aio.insecure_channel(service.address) as channel:
        subscribed = InsightServiceStub(channel).SubscribeInsights(
            insight_pb2.SubscribeInsightsRequest(), metadata=metadata
        )
        sending = FeedbackServiceStub(channel).StreamFeedback(metadata=metadata)
        await subscribed.read()
        await sending.read()
        await sending.write(feedback_pb2.StreamFeedbackRequest(request_id="r", feedback=thumbs_down("i", query="q")))
        assert (await sending.read()).feedback_id

        assert await keys_of(service).revoke(key.id)
        clock.ahead = timedelta(seconds=5)

        async with asyncio.timeout(30):
            assert await sending.code() is grpc.StatusCode.UNAUTHENTICATED
            number = 0
            while not subscribed.done():
                # A quiet stream tells nothing, and so is let be.
                number += 1
                async with Client(service.address, api_key=collector) as other:
                    await other.collect(thumbs_down(f"i{number}", query="q"))
                with contextlib.suppress(grpc.aio.AioRpcError):
                    await subscribed.read()
            assert await subscribed.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_a_key_expires(start_service: StartService) -> None:
    clock = _Moved()
    service = await start_service(clock=clock, require_keys=True)
    expire_time = datetime.now(UTC) + timedelta(hours=1)
    _, text = await keys_of(service).create("reader", Role.READER, expire_time=expire_time)
    async with Client(service.address, api_key=text) as client:
        await client.insights.get()
        clock.ahead = timedelta(hours=1)
        with pytest.raises(UptakeError) as caught:
            await client.insights.get()
        assert caught.value.reason == "UNAUTHENTICATED"


async def test_a_key_may_make_so_many_calls_a_second(guarded: Service) -> None:
    _, slow = await keys_of(guarded).create("slow", Role.READER, calls_per_second=2)
    _, other = await keys_of(guarded).create("other", Role.READER)
    method = next(method for method in CONTRACT if method.name == "GetProject")
    async with grpc.aio.insecure_channel(guarded.address) as channel:
        codes = [await outcome(channel, method, slow) for _ in range(30)]
        assert codes[:2] == [None, None]
        assert set(codes[2:]) >= {grpc.StatusCode.RESOURCE_EXHAUSTED}
        assert await outcome(channel, method, other) is None
    async with Client(guarded.address, api_key=slow) as client:
        # The client waits as long as it is told to.
        await client.projects.get()


async def test_keys_from_the_command_line(tmp_path: Path) -> None:
    data = {"data_dir": str(tmp_path / "data")}
    async with serving(tmp_path / "data", require_keys="true") as service:
        code, text, said = await run_command(
            "keys", "create", "dashboard", "--role", "reader", "--expires", "30", **data
        )
        assert code == 0
        id = text.partition(".")[0]
        assert f"key {id} of the role reader, for all projects" in said
        address = ("--address", service.address)
        code, _, errors = await run_command("insights", *address)
        assert (code, "UNAUTHENTICATED" in errors) == (1, True)
        code, output, errors = await run_command("insights", *address, "--api-key", text.strip())
        assert (code, errors) == (0, "")
        assert "no feedback in the last 30 days" in output
        _, listed, _ = await run_command("keys", "list", **data)
        assert all(word in listed for word in (id, "reader", "dashboard", "holds until"))
        assert text.strip().partition(".")[2] not in listed
        code, _, errors = await run_command("keys", "revoke", id, **data)
        assert (code, errors) == (0, f"key {id} is revoked\n")
        code, _, errors = await run_command("keys", "revoke", "none", **data)
        assert (code, "there is no key none to revoke" in errors) == (1, True)


@pytest.fixture
def authority() -> Iterator[trustme.CA]:
    yield trustme.CA()


def write(certificate: trustme.LeafCert, folder: Path) -> dict[str, str]:
    folder.mkdir(exist_ok=True)
    certificate.private_key_pem.write_to_path(str(folder / "key.pem"))
    (folder / "certificate.pem").write_bytes(b"".join(blob.bytes() for blob in certificate.cert_chain_pems))
    return {"tls_certificate_file": str(folder / "certificate.pem"), "tls_key_file": str(folder / "key.pem")}


async def reached(service: Service, ca: trustme.CA, own: trustme.LeafCert | None = None) -> bool:
    credentials = grpc.ssl_channel_credentials(
        ca.cert_pem.bytes(),
        own.private_key_pem.bytes() if own else None,
        b"".join(blob.bytes() for blob in own.cert_chain_pems) if own else None,
    )
    options = (("grpc.use_local_subchannel_pool", 1),)
    async with Client(service.address, tls=credentials, timeout_seconds=3, options=options) as client:
        try:
            await client.projects.get()
        except UptakeError as error:
            assert error.code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)
            return False
        return True


async def test_tls_with_a_certificate_that_is_renewed(
    start_service: StartService, authority: trustme.CA, tmp_path: Path
) -> None:
    service = await start_service(**write(authority.issue_cert("localhost"), tmp_path))
    newer = trustme.CA()
    assert await reached(service, authority)
    assert not await reached(service, newer)
    async with Client(service.address, timeout_seconds=3) as plain:
        with pytest.raises(UptakeError):
            await plain.projects.get()

    write(newer.issue_cert("localhost"), tmp_path)

    assert await reached(service, newer)
    assert not await reached(service, authority)
    # A renewal that is half done leaves the one before.
    (tmp_path / "key.pem").unlink()
    assert await reached(service, newer)


async def test_callers_show_certificates_of_an_authority_where_one_is_set(
    start_service: StartService, authority: trustme.CA, tmp_path: Path
) -> None:
    callers = trustme.CA()
    callers.cert_pem.write_to_path(str(tmp_path / "callers.pem"))
    files = write(authority.issue_cert("localhost"), tmp_path)
    service = await start_service(**files, tls_client_ca_file=str(tmp_path / "callers.pem"))
    assert not await reached(service, authority)
    assert not await reached(service, authority, trustme.CA().issue_cert("caller"))
    assert await reached(service, authority, callers.issue_cert("caller"))


async def test_the_commands_speak_tls(authority: trustme.CA, tmp_path: Path) -> None:
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    async with serving(tmp_path / "data", **write(authority.issue_cert("localhost"), tmp_path)) as service:
        for command in ("health", "reviews"):
            code, _, _ = await run_command(command, "--address", service.address, "--tls-ca", str(tmp_path / "ca.pem"))
            assert code == 0


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"host": "0.0.0.0"}, "0.0.0.0 is not a loopback address; without TLS"),  # noqa: S104
        ({"tls_certificate_file": "c.pem"}, "UPTAKE_TLS_KEY_FILE go together"),
        ({"tls_client_ca_file": "c.pem"}, "UPTAKE_TLS_CLIENT_CA_FILE needs"),
    ],
)
def test_settings_that_leave_a_door_open(settings: dict[str, str], said: str) -> None:
    with pytest.raises(StartupError, match=said):
        load_settings(**settings)


def test_beyond_loopback_keys_are_required() -> None:
    files = {"tls_certificate_file": "c.pem", "tls_key_file": "k.pem"}
    assert load_settings(host="0.0.0.0", **files).keys_required  # noqa: S104
    assert not load_settings(host="0.0.0.0", allow_insecure=True).keys_required  # noqa: S104
    assert not load_settings().keys_required
    assert load_settings(require_keys=True).keys_required


async def test_a_certificate_that_is_not_there_is_one_clear_line(tmp_path: Path) -> None:
    process = await launch(
        "serve",
        port="0",
        data_dir=str(tmp_path / "data"),
        tls_certificate_file=str(tmp_path / "none.pem"),
        tls_key_file=str(tmp_path / "none.pem"),
    )
    async with asyncio.timeout(40):
        _, errors = await process.communicate()
    assert process.returncode == 1
    assert errors.decode().splitlines()[-1].endswith("none.pem: No such file or directory")
