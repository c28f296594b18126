"""The port for those who watch: /metrics for Prometheus, /healthz and /readyz for probes. HTTP, GET, no keys."""

import asyncio
import contextlib
from asyncio import StreamReader, StreamWriter
from collections.abc import Callable
from http import HTTPStatus

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from uptake_service.ports import cannot_listen

_PATIENCE_SECONDS = 5.0
_LONGEST_REQUEST = 16 * 1024
_PLAIN = "text/plain; charset=utf-8"

Answer = tuple[HTTPStatus, str, bytes]


class Endpoint:
    """Answers one request a connection.

    Attributes:
        port: The port that it listens on.
    """

    def __init__(self, registry: CollectorRegistry, ready: Callable[[], bool], trouble: Callable[[], str]) -> None:
        """`ready` tells whether calls can be answered; `trouble` why what the process runs itself is down, or nothing.

        A database elsewhere is no trouble of the process: starting it again would not help.
        """
        self.port = 0
        self._registry = registry
        self._ready = ready
        self._trouble = trouble
        self._server: asyncio.Server | None = None
        self._answering: set[asyncio.Task[None]] = set()

    async def start(self, host: str, port: int) -> None:
        """Listens; `port` 0 takes a free one.

        Raises:
            StartupError: The port cannot be had.
        """
        try:
            self._server = await asyncio.start_server(self._serve, host, port, limit=_LONGEST_REQUEST)
        except OSError:
            raise cannot_listen(host, port, "UPTAKE_METRICS") from None
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is None:
            return
        self._server.close()
        for task in self._answering:
            task.cancel()
        await asyncio.gather(*self._answering, return_exceptions=True)
        await self._server.wait_closed()

    async def _serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)
        # One that asks slowly, for too much, or not at all, is hung up on.
        with contextlib.suppress(TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            async with asyncio.timeout(_PATIENCE_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
                status, content_type, body = await self._answer(head.decode("latin-1"))
                writer.write(
                    f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: {content_type}\r\n"
                    f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode("latin-1")
                    + body
                )
                await writer.drain()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    async def _answer(self, head: str) -> Answer:
        request, *headers = head.split("\r\n")
        method, _, target = request.partition(" ")
        path = target.partition(" ")[0].partition("?")[0]
        if method != "GET":
            return HTTPStatus.METHOD_NOT_ALLOWED, _PLAIN, b"GET only\n"
        match path:
            case "/metrics":
                accepted = ",".join(line[7:] for line in headers if line[:7].lower() == "accept:")
                encode, content_type = choose_encoder(accepted)
                return HTTPStatus.OK, content_type, await asyncio.to_thread(encode, self._registry)
            case "/healthz":
                trouble = self._trouble()
                if trouble:
                    return HTTPStatus.SERVICE_UNAVAILABLE, _PLAIN, f"{trouble}\n".encode()
                return HTTPStatus.OK, _PLAIN, b"ok\n"
            case "/readyz":
                if self._ready():
                    return HTTPStatus.OK, _PLAIN, b"ok\n"
                return (
                    HTTPStatus.SERVICE_UNAVAILABLE,
                    _PLAIN,
                    b"the database does not answer, or the process starts or stops\n",
                )
        return HTTPStatus.NOT_FOUND, _PLAIN, b"there are /metrics, /healthz and /readyz\n"
