"""`make fuzz`: garbage over the wire, and a look at what it did. By default ten minutes.

Random and mutated messages for every method, made from the contract; nasty strings in every field and map; values that
are nested deeply; calls that are no gRPC; slow and oversized headers; streams that are opened by the hundred and left.
Afterwards the service serves as before, nothing unexpected is in its log, and it has not grown.
"""

import argparse
import asyncio
import contextlib
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc
import h2.config
import h2.connection
import h2.exceptions
import psutil
from google.protobuf import message_factory, struct_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor
from google.protobuf.message import Message
from uptake import Client, thumbs_up
from uptake.v1 import feedback_pb2
from uptake_service.app.check import check
from uptake_service.domain.clock import Clock
from uptake_service.mongo.client import Mongo

from tests.contract import METHODS
from tests.processes import PATIENCE_SECONDS, ServiceProcess, any_moment, serving

_Code = grpc.StatusCode
DOCUMENTED = {
    _Code.OK,
    _Code.CANCELLED,
    _Code.INVALID_ARGUMENT,
    _Code.DEADLINE_EXCEEDED,
    _Code.NOT_FOUND,
    _Code.ALREADY_EXISTS,
    _Code.RESOURCE_EXHAUSTED,
    _Code.FAILED_PRECONDITION,
    _Code.ABORTED,
    _Code.OUT_OF_RANGE,
    _Code.UNIMPLEMENTED,
    _Code.UNAVAILABLE,
}

_NASTY = (
    "$where",
    "$set",
    "a.b.c",
    ".",
    "a\0b",
    "\0",
    "__proto__",
    "{'$gt': ''}",
    "é" * 40,
    "\ufeff\u202e\U0001f600",
    "x" * 300,
    "x" * 20_000,
    "default",
    "../..",
    "",
    "%s%n{}",
)
_GROWTH_MIB = 96
"""What the allocator keeps of the largest messages, several at once; a leak would go on growing."""
_DEADLINE_SECONDS = 5.0


class Fuzzer:
    """Garbage for one service. `codes` counts what was answered, by kind of garbage."""

    def __init__(self, address: str, port: int, seed: int) -> None:
        self._rng = random.Random(seed)
        self._address = address
        self._port = port
        self._channel = grpc.aio.insecure_channel(address, options=(("grpc.enable_retries", 0),))
        self.codes: Counter[tuple[str, grpc.StatusCode]] = Counter()
        self.kinds: tuple[Callable[[], Awaitable[None]], ...] = (
            self.random_bytes,
            self.mutated,
            self.mutated,
            self.random_message,
            self.random_message,
            self.random_message,
            self.deep_value,
            self.large_metadata,
            self.no_grpc,
            self.no_http,
            self.left_streams,
        )

    async def close(self) -> None:
        await self._channel.close()

    async def run(self, is_over: Callable[[], bool], *, at_once: int = 8) -> None:
        """Sends garbage of all kinds, some of it at once, until it is over."""

        async def send() -> None:
            while not is_over():
                await self._rng.choice(self.kinds)()

        await asyncio.gather(*(send() for _ in range(at_once)))

    async def random_bytes(self) -> None:
        await self._call("random bytes", self._method(), self._rng.randbytes(self._rng.choice((0, 1, 7, 100, 5_000))))

    async def mutated(self) -> None:
        method = self._method()
        content = bytearray(self.message(method.input_type).SerializeToString())
        for _ in range(self._rng.randint(1, 8)):
            place = self._rng.randrange(len(content) + 1)
            match self._rng.randrange(3):
                case 0:
                    content[place:place] = self._rng.randbytes(self._rng.randint(1, 9))
                case 1:
                    del content[place : place + self._rng.randint(1, 9)]
                case _:
                    content[place : place + 1] = self._rng.randbytes(1)
        await self._call("mutated message", method, bytes(content))

    async def random_message(self) -> None:
        method = self._method()
        await self._call("random message", method, self.message(method.input_type).SerializeToString())

    async def deep_value(self) -> None:
        """A custom value nested deeper than anybody needs."""
        depth = self._rng.choice((10, 60, 90, 400, 3_000))
        # By hand: the library does not make what it would refuse to read.
        content = struct_pb2.Value(number_value=1).SerializeToString()
        for _ in range(depth):
            content = _field(6, _field(1, content))
        feedback = thumbs_up(f"deep-{self._rng.random()}").SerializeToString() + _field(
            feedback_pb2.Feedback.DESCRIPTOR.fields_by_name["custom"].number, content
        )
        request = _field(feedback_pb2.CollectFeedbackRequest.DESCRIPTOR.fields_by_name["feedback"].number, feedback)
        await self._call("deeply nested value", _named("CollectFeedback"), request)

    async def large_metadata(self) -> None:
        size = self._rng.choice((100, 7_000, 20_000, 200_000))
        metadata = [(f"x-{number}", "v" * (size // 10)) for number in range(10)]
        await self._call("large metadata", _named("GetProject"), b"", metadata)

    async def no_grpc(self) -> None:
        """HTTP/2 that is no gRPC: wrong content types, methods and paths, and frames in a wrong order."""
        headers = [
            (":method", self._rng.choice(("POST", "GET", "PUT"))),
            (":path", self._rng.choice(("/", "/uptake.v1.FeedbackService/CollectFeedback", "/x" * 2_000, "*"))),
            (":scheme", "http"),
            (":authority", "localhost"),
            ("content-type", self._rng.choice(("application/json", "text/html", "application/grpc", "\x7f"))),
        ]
        connection = h2.connection.H2Connection(config=h2.config.H2Configuration(validate_outbound_headers=False))
        with contextlib.suppress(OSError, h2.exceptions.ProtocolError):
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
            connection.initiate_connection()
            for stream in range(1, 2 * self._rng.choice((1, 3, 50)), 2):
                connection.send_headers(stream, headers)
                connection.send_data(stream, self._rng.randbytes(self._rng.randint(0, 200)), end_stream=True)
                if self._rng.random() < 0.3:
                    connection.reset_stream(stream)
            await self._send_slowly(reader, writer, connection.data_to_send())
        self.codes["no gRPC", _Code.OK] += 1

    async def no_http(self) -> None:
        """Bytes that are no HTTP/2, and a beginning that goes no further."""
        preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
        content = self._rng.choice(
            (
                self._rng.randbytes(500),
                b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
                preface[: self._rng.randrange(len(preface))],
                preface + self._rng.randbytes(300),
                # Headers that are announced as 16 MB, and come byte by byte.
                preface + b"\x00\x00\x00\x04\x00\x00\x00\x00\x00" + b"\xff\xff\xff\x01\x04\x00\x00\x00\x01",
            )
        )
        with contextlib.suppress(OSError):
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
            await self._send_slowly(reader, writer, content)
        self.codes["no HTTP/2", _Code.OK] += 1

    async def left_streams(self) -> None:
        """Streams of all kinds, opened by the hundred and left."""
        calls = []
        for _ in range(self._rng.choice((1, 20, 200))):
            method = self._rng.choice([method for method in METHODS if method.server_streaming])
            path = f"/{method.containing_service.full_name}/{method.name}"
            # What gRPC takes without a serializer has no type.
            request: Any = self.message(method.input_type).SerializeToString() if self._rng.random() < 0.5 else b""
            if method.client_streaming:
                call: Any = self._channel.stream_stream(path)(iter([request]), timeout=_DEADLINE_SECONDS)
            else:
                call = self._channel.unary_stream(path)(request, timeout=_DEADLINE_SECONDS)
            calls.append(call)
        await any_moment(0.2, self._rng)
        for call in calls:
            call.cancel()
        for call in calls:
            self.codes["streams that are left", _told(await call.code(), await call.details())] += 1

    def message(self, descriptor: Descriptor, depth: int = 0) -> Message:
        """A message whose fields are set at random."""
        message = message_factory.GetMessageClass(descriptor)()
        for field in descriptor.fields:
            if depth > 4 or self._rng.random() < 0.4:
                continue
            values = [self._value(field, depth) for _ in range(self._rng.randint(1, 3))]
            if field.message_type and field.message_type.GetOptions().map_entry:
                if field.message_type.fields_by_name["value"].type == FieldDescriptor.TYPE_STRING:
                    for _ in values:
                        getattr(message, field.name)[self._rng.choice(_NASTY)] = self._rng.choice(_NASTY)
            elif field.is_repeated:
                getattr(message, field.name).extend(values)
            elif field.message_type:
                getattr(message, field.name).CopyFrom(values[0])
            else:
                setattr(message, field.name, values[0])
        return message

    def _value(self, field: FieldDescriptor, depth: int) -> Any:
        match field.cpp_type:
            case FieldDescriptor.CPPTYPE_MESSAGE:
                assert field.message_type is not None
                return self.message(field.message_type, depth + 1)
            case FieldDescriptor.CPPTYPE_ENUM:
                assert field.enum_type is not None
                return self._rng.choice([*(value.number for value in field.enum_type.values), 77])
            case FieldDescriptor.CPPTYPE_BOOL:
                return self._rng.random() < 0.5
            case FieldDescriptor.CPPTYPE_FLOAT | FieldDescriptor.CPPTYPE_DOUBLE:
                return self._rng.choice((0.0, -1.0, 1e308, float("nan"), float("inf"), 0.3, 5.0))
            case FieldDescriptor.CPPTYPE_STRING:
                text = self._rng.choice(_NASTY)
                return text.encode() if field.type == FieldDescriptor.TYPE_BYTES else text
            case FieldDescriptor.CPPTYPE_INT32:
                return self._rng.choice((0, 1, -1, 2**31 - 1, -(2**31)))
            case FieldDescriptor.CPPTYPE_INT64:
                return self._rng.choice((0, 1, -1, 1_700_000_000, 2**63 - 1, -(2**63)))
        return self._rng.choice((0, 1, 2**31))

    def _method(self) -> MethodDescriptor:
        return self._rng.choice(METHODS)

    async def _call(
        self, kind: str, method: MethodDescriptor, content: Any, metadata: list[tuple[str, str]] | None = None
    ) -> None:
        path = f"/{method.containing_service.full_name}/{method.name}"
        how: dict[str, Any] = {"timeout": _DEADLINE_SECONDS, "metadata": metadata}
        try:
            if method.client_streaming:
                call: Any = self._channel.stream_stream(path)(iter([content]), **how)
                async for _ in call:
                    pass
            elif method.server_streaming:
                call = self._channel.unary_stream(path)(content, timeout=0.2)
                async for _ in call:
                    pass
            else:
                await self._channel.unary_unary(path)(content, **how)
            self.codes[kind, _Code.OK] += 1
        except grpc.aio.AioRpcError as error:
            self.codes[kind, _told(error.code(), error.details())] += 1

    async def _send_slowly(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, content: bytes) -> None:
        try:
            for start in range(0, len(content), 400):
                writer.write(content[start : start + 400])
                await writer.drain()
                if self._rng.random() < 0.1:
                    await any_moment(0.1, self._rng)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.3):
                    await reader.read(1000)
        finally:
            writer.transport.abort()


def _told(code: grpc.StatusCode, details: str | None) -> grpc.StatusCode:
    """What the service told. Of a stream that it refused while it was written to, gRPC's client says so itself."""
    return _Code.UNAVAILABLE if details == "Internal error from Core" else code


async def wrong(service: ServiceProcess, fuzzer: Fuzzer, grown_mib: float) -> list[str]:
    """What is not as it should be, after the garbage."""
    found = [
        f"{kind} is answered {code.name} {count} times"
        for (kind, code), count in fuzzer.codes.items()
        if code not in DOCUMENTED
    ]
    if service.process.returncode is not None:
        return [*found, f"the service ended with {service.process.returncode}"]
    found += [f"in the log: {line[:160]} ... {line[-1200:]}" for line in service.log if _is_bad(line)]
    if grown_mib > _GROWTH_MIB:
        found.append(f"the service has grown by {grown_mib:.0f} MiB")
    async with Client(service.address, timeout_seconds=PATIENCE_SECONDS) as client:
        feedback = await client.collect(thumbs_up("after the garbage", query="Is it still there?"))
        assert (await client.feedback.get(feedback.id)).interaction.id == "after the garbage"
    mongo = Mongo.connect(service.database_uri, "uptake", 60.0)
    try:
        found += await check(mongo, Clock())
    finally:
        mongo.close()
    return found


def _is_bad(line: str) -> bool:
    return not line.startswith("{") or json.loads(line)["level"] in ("ERROR", "CRITICAL")


def memory_mib(service: ServiceProcess) -> float:
    return float(psutil.Process(service.process.pid).memory_info().rss) / 2**20


async def _main(seconds: float, seed: int) -> int:
    with tempfile.TemporaryDirectory(prefix="uptake-fuzz-") as folder:
        async with serving(Path(folder) / "data") as service:
            fuzzer = Fuzzer(service.address, service.port, seed)
            # Caches and the allocator fill first.
            began = time.monotonic()
            await fuzzer.run(lambda: time.monotonic() >= began + seconds / 5)
            before = memory_mib(service)
            await fuzzer.run(lambda: time.monotonic() >= began + seconds)
            await fuzzer.close()
            grown = memory_mib(service) - before
            found = await wrong(service, fuzzer, grown)
    print(f"{seconds:g} seconds of garbage, seed {seed}; the service grew by {grown:.0f} MiB")
    codes = [code for code in grpc.StatusCode if any(code is each for _, each in fuzzer.codes)]
    print(f"{'kind':<24}" + "".join(f"{code.name.lower():>20}" for code in codes))
    for kind in sorted({kind for kind, _ in fuzzer.codes}):
        print(f"{kind:<24}" + "".join(f"{fuzzer.codes[kind, code]:20,}" for code in codes))
    for line in found[:20]:
        print(f"  {line}")
    return 1 if found else 0


def _named(name: str) -> MethodDescriptor:
    return next(method for method in METHODS if method.name == name)


def _field(number: int, content: bytes) -> bytes:
    """A length-delimited field on the wire."""
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    encoded = b""
    while value > 127:
        encoded += bytes((value & 127 | 128,))
        value >>= 7
    return encoded + bytes((value,))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.faults.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    chosen = parser.parse_args()
    sys.exit(asyncio.run(_main(chosen.seconds, chosen.seed)))
