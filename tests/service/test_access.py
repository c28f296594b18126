"""Who may call what: every method with every role and with none, other projects, keys that do not hold, limits, TLS."""

import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from google.protobuf import message_factory
from google.protobuf.descriptor import MethodDescriptor
from uptake import Client, UptakeError, thumbs_down
from uptake.v1 import feedback_pb2, insight_pb2, project_pb2
from uptake.v1.feedback_pb2_grpc import FeedbackServiceStub
from uptake.v1.insight_pb2_grpc import InsightServiceStub
from uptake.v1.project_pb2_grpc import ProjectServiceStub
from uptake_service.api.feedback import FeedbackServicer
from uptake_service.auth import tls
from uptake_service.auth.keys import KeyStore
from uptake_service.auth.tls import Certificates, server_credentials
from uptake_service.config import load_settings
from uptake_service.domain.access import METHODS, Permission, Role
from uptake_service.domain.clock import Clock
from uptake_service.domain.errors import StartupError
from uptake_service.rpc.call import Call

from tests.conftest import Service, StartService
from tests.contract import METHODS as CONTRACT
from tests.processes import ServiceProcess, free_port, in_time, serving
from tests.processes import run as run_command

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
    message: Any = message_factory.GetMessageClass(method.input_type)(**request)
    if method.server_streaming and not method.client_streaming:
        message.checkpoint_interval.seconds = 1
    path = f"/{method.containing_service.full_name}/{method.name}"
    answer = message_factory.GetMessageClass(method.output_type).FromString
    serialize = type(message).SerializeToString
    metadata = () if key is None else (("authorization", f"Bearer {key}"),)
    try:
        async with in_time(f"the answer of {method.name}"):
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
    _, expired = await store.create("expired", Role.ADMIN, lifetime=-timedelta(seconds=1))
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
        answered = await sending.read()
        assert isinstance(answered, feedback_pb2.StreamFeedbackResponse)
        assert answered.feedback_id

        assert await keys_of(service).revoke(key.id)
        clock.ahead = timedelta(seconds=5)

        async with in_time("the end of both streams"):
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


async def test_a_key_expires_by_the_databases_clock(start_service: StartService) -> None:
    clock = _Moved()
    service = await start_service(clock=clock, require_keys=True)
    key, text = await keys_of(service).create("reader", Role.READER, lifetime=timedelta(hours=1))
    async with Client(service.address, api_key=text) as client:
        await client.insights.get()
        clock.ahead = timedelta(hours=2)
        await client.insights.get()
        past = {"expire_time": await service.mongo.now()}
        assert await service.mongo.collection("keys").update({"_id": key.id}, {"$set": past})
        clock.ahead += timedelta(seconds=5)
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
    data: dict[str, Any] = {"data_dir": str(tmp_path / "data")}
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


async def reached(service: Service, ca: trustme.CA | None, own: trustme.LeafCert | None = None) -> bool:
    """Whether a call comes through, with this authority's word for the server (None: without TLS) and these papers."""
    options = (("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0))
    if ca is None:
        channel = grpc.aio.insecure_channel(service.address, options)
    else:
        credentials = grpc.ssl_channel_credentials(
            ca.cert_pem.bytes(),
            own.private_key_pem.bytes() if own else None,
            b"".join(blob.bytes() for blob in own.cert_chain_pems) if own else None,
        )
        channel = grpc.aio.secure_channel(service.address, credentials, options)
    async with channel, in_time("a connection, or its refusal"):
        try:
            await ProjectServiceStub(channel).GetProject(project_pb2.GetProjectRequest())
        except grpc.aio.AioRpcError as error:
            assert error.code() is grpc.StatusCode.UNAVAILABLE
            return False
    return True


async def test_tls_with_a_certificate_that_is_renewed(
    start_service: StartService, authority: trustme.CA, tmp_path: Path
) -> None:
    service = await start_service(**write(authority.issue_cert("localhost"), tmp_path))
    newer = trustme.CA()
    assert await reached(service, authority)
    assert not await reached(service, newer)
    assert not await reached(service, None)

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


def pem(key: Any, encryption: serialization.KeySerializationEncryption | None = None) -> bytes:
    raw: bytes = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption or serialization.NoEncryption()
    )
    return raw


def self_signed(key: Any) -> bytes:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, now - timedelta(days=1), now + timedelta(days=1))
    algorithm = None if isinstance(key, Ed25519PrivateKey) else hashes.SHA256()
    return made.sign(key, algorithm).public_bytes(serialization.Encoding.PEM)


def aged(authority: trustme.CA, begin_days: int, end_days: int) -> trustme.LeafCert:
    now = datetime.now(UTC)
    return authority.issue_cert(
        "localhost", not_before=now + timedelta(days=begin_days), not_after=now + timedelta(days=end_days)
    )


Spoil = Callable[[Path, trustme.CA], object]


def another_key(folder: Path, authority: trustme.CA) -> None:
    authority.issue_cert("localhost").private_key_pem.write_to_path(str(folder / "key.pem"))


def another_kind_of_key(folder: Path, authority: trustme.CA) -> None:
    (folder / "key.pem").write_bytes(pem(rsa.generate_private_key(65537, 2048)))


def encrypted_key(folder: Path, authority: trustme.CA) -> None:
    key = serialization.load_pem_private_key((folder / "key.pem").read_bytes(), None)
    (folder / "key.pem").write_bytes(pem(key, serialization.BestAvailableEncryption(b"secret")))


def swapped(folder: Path, authority: trustme.CA) -> None:
    key = (folder / "key.pem").read_bytes()
    (folder / "key.pem").write_bytes((folder / "certificate.pem").read_bytes())
    (folder / "certificate.pem").write_bytes(key)


def authority_first(folder: Path, authority: trustme.CA) -> None:
    chain = authority.cert_pem.bytes() + (folder / "certificate.pem").read_bytes()
    (folder / "certificate.pem").write_bytes(chain)


def half_a_certificate(folder: Path, authority: trustme.CA) -> None:
    (folder / "certificate.pem").write_bytes((folder / "certificate.pem").read_bytes()[:400])


def expired(folder: Path, authority: trustme.CA) -> None:
    write(aged(authority, -9, -2), folder)


def not_yet(folder: Path, authority: trustme.CA) -> None:
    write(aged(authority, 2, 9), folder)


def with_key(key: Any) -> Spoil:
    def spoil(folder: Path, authority: trustme.CA) -> None:
        (folder / "key.pem").write_bytes(pem(key))
        (folder / "certificate.pem").write_bytes(self_signed(key))

    return spoil


def holding(name: str, content: bytes) -> Spoil:
    return lambda folder, authority: (folder / name).write_bytes(content)


def missing(name: str) -> Spoil:
    return lambda folder, authority: (folder / name).unlink()


def a_folder(name: str) -> Spoil:
    def spoil(folder: Path, authority: trustme.CA) -> None:
        (folder / name).unlink()
        (folder / name).mkdir()

    return spoil


def expired_ca(folder: Path, authority: trustme.CA) -> None:
    (folder / "ca.pem").write_bytes(aged(authority, -9, -2).cert_chain_pems[0].bytes())


BAD_FILES: dict[str, tuple[Spoil, str, str]] = {
    "another key": (another_key, "KEY", "is not the key of the first certificate in"),
    "another kind of key": (another_kind_of_key, "KEY", "is not the key of the first certificate in"),
    "an encrypted key": (encrypted_key, "KEY", "the key is encrypted"),
    "files swapped": (swapped, "CERTIFICATE", "there is no certificate in PEM format"),
    "the authority first": (authority_first, "KEY", "is not the key of the first certificate in"),
    "half a certificate": (half_a_certificate, "CERTIFICATE", "there is no certificate in PEM format"),
    "a certificate expired": (expired, "CERTIFICATE", "the certificate expired on"),
    "a certificate not valid yet": (not_yet, "CERTIFICATE", "is not valid before"),
    "a key that gRPC's clients refuse": (with_key(Ed25519PrivateKey.generate()), "CERTIFICATE", "this kind of key"),
    "a curve that they refuse": (with_key(ec.generate_private_key(ec.SECP521R1())), "CERTIFICATE", "this kind of key"),
    "no certificate": (missing("certificate.pem"), "CERTIFICATE", "No such file or directory"),
    "an empty certificate": (holding("certificate.pem", b"\n"), "CERTIFICATE", "the file is empty"),
    "a certificate of bytes": (holding("certificate.pem", b"\0\xff"), "CERTIFICATE", "no certificate in PEM format"),
    "a folder for a certificate": (a_folder("certificate.pem"), "CERTIFICATE", "Is a directory"),
    "no key": (missing("key.pem"), "KEY", "No such file or directory"),
    "an empty key": (holding("key.pem", b" "), "KEY", "the file is empty"),
    "a key of text": (holding("key.pem", b"secret"), "KEY", "there is no private key in PEM format"),
    "no client CA": (missing("ca.pem"), "CLIENT_CA", "No such file or directory"),
    "an empty client CA": (holding("ca.pem", b" "), "CLIENT_CA", "the file is empty"),
    "a client CA of text": (holding("ca.pem", b"ca"), "CLIENT_CA", "there is no certificate in PEM format"),
    "a client CA expired": (expired_ca, "CLIENT_CA", "every certificate in it has expired"),
}


def with_client_ca(certificate: trustme.LeafCert, authority: trustme.CA, folder: Path) -> dict[str, str]:
    files = write(certificate, folder)
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    return {**files, "tls_client_ca_file": str(folder / "ca.pem")}


@pytest.mark.parametrize("fault", BAD_FILES)
def test_files_that_no_caller_could_be_served_with(fault: str, authority: trustme.CA, tmp_path: Path) -> None:
    spoil, setting, said = BAD_FILES[fault]
    files = with_client_ca(authority.issue_cert("localhost"), authority, tmp_path)
    server_credentials(load_settings(**files))
    spoil(tmp_path, authority)

    with pytest.raises(StartupError) as caught:
        server_credentials(load_settings(**files))

    assert str(caught.value).startswith(f"bad setting: UPTAKE_TLS_{setting}_FILE: {tmp_path}")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("fault", ["another key", "an encrypted key", "no certificate", "a client CA of text"])
async def test_a_start_with_such_files_is_one_clear_line(fault: str, authority: trustme.CA, tmp_path: Path) -> None:
    spoil, setting, said = BAD_FILES[fault]
    files = with_client_ca(authority.issue_cert("localhost"), authority, tmp_path / "tls")
    spoil(tmp_path / "tls", authority)

    code, output, errors = await run_command("serve", port="0", data_dir=str(tmp_path / "data"), folder=None, **files)

    assert (code, output, len(errors.splitlines())) == (1, "", 1), errors
    assert errors.startswith(f"uptake: bad setting: UPTAKE_TLS_{setting}_FILE")
    assert said in errors
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("fault", BAD_FILES)
def test_a_bad_renewal_leaves_the_ones_before_and_is_told_once(
    fault: str, authority: trustme.CA, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    spoil, setting, said = BAD_FILES[fault]
    settings = load_settings(**with_client_ca(authority.issue_cert("localhost"), authority, tmp_path))
    certificates = Certificates(settings)
    first = certificates.newest()
    assert not caplog.records

    spoil(tmp_path, authority)
    for _ in range(3):
        assert certificates.newest() is first

    (record,) = caplog.records
    assert record.levelname == "ERROR"
    assert "the one before stays" in record.message
    assert f"UPTAKE_TLS_{setting}_FILE" in record.message
    assert said in record.message
    # And one that is good is taken, after it too.
    for name in ("certificate.pem", "key.pem"):
        if (tmp_path / name).is_dir():
            (tmp_path / name).rmdir()
    with_client_ca(authority.issue_cert("localhost"), authority, tmp_path)
    assert certificates.newest() is not first
    assert len(caplog.records) == 1


def test_a_certificate_that_expires_while_it_is_shown_is_told_once(
    authority: trustme.CA, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificates = Certificates(load_settings(**write(aged(authority, -1, 1), tmp_path)))
    first = certificates.newest()

    class Later(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> "Later":
            return cls.fromtimestamp(datetime.now(tz).timestamp() + 2 * 86_400, tz)

    monkeypatch.setattr(tls, "datetime", Later)
    for _ in range(3):
        assert certificates.newest() is first

    (record,) = caplog.records
    assert "the certificate expired on" in record.message


# Made by: openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -set_serial 0 -subj /CN=old
OLD_AUTHORITY = b"""
-----BEGIN CERTIFICATE-----
MIIBYTCCAQagAwIBAgIBADAKBggqhkjOPQQDAjAOMQwwCgYDVQQDDANvbGQwIBcN
MjYxMTI3MTkxNTQ5WhgPMjEyNjExMDMxOTE1NDlaMA4xDDAKBgNVBAMMA29sZDBZ
MBMGByqGSM49AgEGCCqGSM49AwEHA0IABDr0P++lPE3FNhoVBsvUAG4fCovrSQwq
FaAbb9lye+DYgPasq2zQXryOoupClXsxIG5g0+rFwI9bGmIQAczxuESjUzBRMB0G
A1UdDgQWBBRuWkjiQoaJSuXQPAz0/EVyhnGpSTAfBgNVHSMEGDAWgBRuWkjiQoaJ
SuXQPAz0/EVyhnGpSTAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0kAMEYC
IQDG4QSzBoZKFHnaCi+RUk4rOXbELOMpTimGy8Z2QTbfqQIhAN+xeUycHhQCWxdI
YQyQR10vcufgipXXnNlfe/Runwh0
-----END CERTIFICATE-----
"""


def test_an_authority_with_a_serial_number_of_older_standards_is_taken_without_a_word() -> None:
    (found,) = tls.certificates_in(OLD_AUTHORITY, "ca.pem")

    assert found.subject.rfc4514_string() == "CN=old"


COMMANDS = {
    "health": ("health",),
    "reviews": ("reviews",),
    "reviews --watch": ("reviews", "--watch"),
    "insights": ("insights",),
    "insights --watch": ("insights", "--watch"),
    "report": ("report", "--html", "report.html"),
    "import": ("import", "rows.jsonl"),
    "apply": ("apply", "drafts.jsonl", "--reviewer", "me"),
}


async def one_line(command: str, folder: Path, *arguments: str) -> str:
    """The line that a command ends with that cannot reach the service, before `run_command` gives it up."""
    (folder / "rows.jsonl").write_text('{"type": "THUMBS_UP", "interaction_id": "i", "query": "q"}\n')
    (folder / "drafts.jsonl").write_text('{"knowledge": {"key": "k", "content": "c"}}\n')
    code, _, errors = await run_command(*COMMANDS[command], *arguments, folder=folder)
    assert (code, len(errors.splitlines())) == (1, 1), errors
    assert not (folder / "report.html").exists()
    return errors.rstrip("\n")


@pytest.fixture(scope="module")
async def plain(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ServiceProcess]:
    async with serving(tmp_path_factory.mktemp("plain") / "data") as service:
        yield service


@pytest.fixture(scope="module")
def ca() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
async def with_tls(ca: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ServiceProcess]:
    folder = tmp_path_factory.mktemp("tls")
    async with serving(folder / "data", **write(ca.issue_cert("localhost"), folder)) as service:
        yield service


@pytest.mark.parametrize("command", COMMANDS)
async def test_a_command_without_tls_on_a_port_with_it(command: str, with_tls: ServiceProcess, tmp_path: Path) -> None:
    line = await one_line(command, tmp_path, "--address", with_tls.address)

    assert line.startswith(f"uptake: {with_tls.address} speaks TLS: give --tls-ca FILE")


async def test_the_service_says_nothing_of_it(with_tls: ServiceProcess) -> None:
    assert [line for line in with_tls.log if not line.startswith("{")] == []


@pytest.mark.parametrize("command", ["health", "reviews"])
async def test_a_command_with_tls_on_a_port_without_it(
    command: str, plain: ServiceProcess, ca: trustme.CA, tmp_path: Path
) -> None:
    ca.cert_pem.write_to_path(str(tmp_path / "ca.pem"))

    line = await one_line(command, tmp_path, "--address", plain.address, "--tls-ca", str(tmp_path / "ca.pem"))

    assert line == f"uptake: {plain.address} does not speak TLS: leave --tls-ca (and UPTAKE_TLS_CA_FILE) out"


@pytest.mark.parametrize("command", ["health", "reviews"])
async def test_a_command_that_trusts_another_authority(command: str, with_tls: ServiceProcess, tmp_path: Path) -> None:
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "ca.pem"))

    line = await one_line(command, tmp_path, "--address", with_tls.address, "--tls-ca", str(tmp_path / "ca.pem"))

    assert line.startswith(f"uptake: the certificate of {with_tls.address} is not good by {tmp_path}/ca.pem: ")


async def test_a_command_without_a_certificate_where_callers_need_one(authority: trustme.CA, tmp_path: Path) -> None:
    files = with_client_ca(authority.issue_cert("localhost"), authority, tmp_path)
    async with serving(tmp_path / "data", **files) as service:
        line = await one_line("health", tmp_path, "--address", service.address, "--tls-ca", str(tmp_path / "ca.pem"))

    assert "asks callers for certificates of their own" in line


@pytest.mark.parametrize("command", ["health", "reviews", "reviews --watch", "import"])
async def test_a_command_where_nothing_listens(command: str, tmp_path: Path) -> None:
    address = f"localhost:{free_port()}"

    line = await one_line(command, tmp_path, "--address", address)

    assert line == f"uptake: nothing listens at {address}; is the service running? Start it with: uptake serve"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--project", "Bad/Name"), "INVALID_ARGUMENT (INVALID_FIELD): project: must match [a-z0-9][a-z0-9-]{0,62}"),
        (("--api-key", "upk_none"), "UNAUTHENTICATED (UNAUTHENTICATED): the API key is not valid"),
    ],
)
@pytest.mark.parametrize("command", ["reviews", "insights --watch", "report", "apply"])
async def test_a_command_with_a_wrong_project_or_key(
    command: str, arguments: tuple[str, str], said: str, plain: ServiceProcess, tmp_path: Path
) -> None:
    assert await one_line(command, tmp_path, "--address", plain.address, *arguments) == f"uptake: {said}"


async def test_a_command_to_a_machine_that_is_not_there(tmp_path: Path) -> None:
    line = await one_line("health", tmp_path, "--address", "no-such-host.invalid:50051")

    assert line.startswith("uptake: no-such-host.invalid:50051 cannot be reached: ")


@pytest.mark.parametrize(
    ("command", "content", "said"),
    [
        ("reviews", b"", "the file is empty"),
        ("health", b"no", "there is no certificate in PEM format in it"),
        ("import", b"no", "there is no certificate in PEM format in it"),
    ],
)
async def test_an_authority_that_is_none(command: str, content: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_bytes(content)

    line = await one_line(command, tmp_path, "--tls-ca", str(tmp_path / "ca.pem"))

    assert line == f"uptake: --tls-ca {tmp_path}/ca.pem: {said}"


async def test_a_method_that_forgets_whose_project_it_is_asked_for_is_refused_all_the_same(
    start_service: StartService, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    async def forgetful(_: FeedbackServicer, request: Any, call: Call) -> feedback_pb2.GetFeedbackResponse:
        asked.append(request.project)
        return feedback_pb2.GetFeedbackResponse()

    # What a process answers with it looks up when it starts.
    monkeypatch.setattr(FeedbackServicer, "GetFeedback", forgetful)
    service = await start_service(require_keys=True)
    _, text = await keys_of(service).create("of one", Role.READER, ("one",))
    async with (
        Client(service.address, project="one", api_key=text) as own,
        Client(service.address, project="other", api_key=text) as other,
    ):
        await own.feedback.get("f")
        with pytest.raises(UptakeError) as caught:
            await other.feedback.get("f")
    assert caught.value.reason == "PERMISSION_DENIED"
    assert asked == ["one"]
