"""Taking calls from gRPC: those of the method that is called most, many at once.

gRPC's asyncio server asks its core for one call of a method at a time. It asks for the next when the event loop has
gone round some five times more, each time after all else that is due; meanwhile calls queue in the core, where nobody
can refuse them, and each call alone bears the cost of those rounds. Asking for many at once takes a third off what
gRPC costs a call under load.

gRPC has no public way to ask, so this speaks to its internals as they are in the versions that it knows; with any
other they are left alone, and calls come one at a time.
"""

import asyncio
import logging
from typing import Any

import grpc
from grpc._cython import cygrpc  # type: ignore[attr-defined, import-untyped, unused-ignore]

_log = logging.getLogger(__name__)

KNOWN_VERSIONS = ("1.85.",)
_AT_ONCE = 64
_CONCURRENCY_EXCEEDED = False


class Accepting:
    """Where generated code puts a server's handlers; in place of the server, which would wait for a call of each method
    for itself, and look through all of them with every call."""

    def __init__(self, server: grpc.aio.Server, interceptors: tuple[grpc.aio.ServerInterceptor, ...]) -> None:
        """`interceptors` are those of the server."""
        self._server = server
        self._interceptors = interceptors
        self._handlers: dict[str, Any] = {}
        self._tasks: set[asyncio.Task[Any]] = set()

    def add_generic_rpc_handlers(self, handlers: Any) -> None:
        self._server.add_generic_rpc_handlers(handlers)

    def add_registered_method_handlers(self, service: str, handlers: dict[str, Any]) -> None:
        self._handlers |= {f"/{service}/{name}": handler for name, handler in handlers.items()}

    async def start(self, method: str) -> None:
        """Starts the server; `method` is the full name of the one that is called most."""
        service, _, name = method[1:].partition("/")
        self._server.add_registered_method_handlers(service, {name: self._handlers[method]})
        await self._server.start()
        if not grpc.__version__.startswith(KNOWN_VERSIONS):
            _log.info("grpcio %s is not known here: %s is taken one call at a time", grpc.__version__, method)
            return
        for _ in range(_AT_ONCE):
            self._keep(self._accept(method))

    def resolve_handler(self, details: grpc.HandlerCallDetails) -> Any:
        """The handler of a call; gRPC asks."""
        return self._handlers.get(details.method)

    async def _accept(self, method: str) -> None:
        server: Any = self._server._server  # type: ignore[attr-defined]
        loop, encoded = asyncio.get_running_loop(), method.encode()
        while server.is_running():
            try:
                call = await server._request_registered_call(encoded)
            except cygrpc._RequestCallError:
                # The server is stopping, or the call ended before it began.
                continue
            answer = cygrpc._handle_rpc(method, self, self._interceptors, call, loop, _CONCURRENCY_EXCEEDED)
            self._keep(cygrpc._schedule_rpc_coro(answer, call, loop, method))

    def _keep(self, work: Any) -> None:
        """Runs it to its end; the loop alone would forget it."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
