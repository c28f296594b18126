"""Taking calls from gRPC: those of the method that is called most, many at once, and refusing those too many.

gRPC's asyncio server asks its core for one call of a method at a time. It asks for the next when the event loop has
gone round some five times more, each time after all else that is due; meanwhile calls queue in the core, where nobody
can refuse them, and each call alone bears the cost of those rounds. Asking for many at once takes a third off what
gRPC costs a call under load.

A call for which there is no room is refused before its message, or anything else of it, is looked at: that takes little
more than half of what an answer costs, and what is refused under overload is most of what comes.

gRPC has no public way to do either, so this speaks to its internals as they are in the versions that it knows; with any
other they are left alone, and calls come one at a time.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Any

import grpc
from grpc._cython import cygrpc  # type: ignore[attr-defined, import-untyped, unused-ignore]

from uptake_service.errors import DomainError
from uptake_service.rpc.errors import CODES, trailing
from uptake_service.telemetry.metrics import MethodCalls

_log = logging.getLogger(__name__)

KNOWN_VERSIONS = ("1.85.",)
_AT_ONCE = 64
_CONCURRENCY_EXCEEDED = False
_NO_FLAGS = 0


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

    async def start(self, method: str, refusal: Callable[[], DomainError | None], metrics: MethodCalls) -> None:
        """Starts the server.

        Args:
            method: The full name of the method that is called most.
            refusal: Why a call of it cannot be taken now; None if it can. A call may still be refused later.
            metrics: Those of the method.
        """
        service, _, name = method[1:].partition("/")
        self._server.add_registered_method_handlers(service, {name: self._handlers[method]})
        await self._server.start()
        if not grpc.__version__.startswith(KNOWN_VERSIONS):
            _log.info("grpcio %s is not known here: %s is taken one call at a time", grpc.__version__, method)
            return
        for _ in range(_AT_ONCE):
            self._keep(self._accept(method, refusal, metrics))

    def resolve_handler(self, details: grpc.HandlerCallDetails) -> Any:
        """The handler of a call; gRPC asks."""
        return self._handlers.get(details.method)

    async def _accept(self, method: str, refusal: Callable[[], DomainError | None], metrics: MethodCalls) -> None:
        server: Any = self._server._server  # type: ignore[attr-defined]
        loop, encoded = asyncio.get_running_loop(), method.encode()
        while server.is_running():
            try:
                call = await server._request_registered_call(encoded)
            except cygrpc._RequestCallError:
                # The server is stopping, or the call ended before it began.
                continue
            error = refusal()
            if error is not None:
                metrics.refuse(CODES[error.reason].name)
                # Who does not read its connection must not keep others waiting.
                self._keep(_refuse(call, error, loop))
                continue
            answer = cygrpc._handle_rpc(method, self, self._interceptors, call, loop, _CONCURRENCY_EXCEEDED)
            self._keep(cygrpc._schedule_rpc_coro(answer, call, loop, method))

    def _keep(self, work: Any) -> None:
        """Runs it to its end; the loop alone would forget it."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _refuse(call: Any, error: DomainError, loop: asyncio.AbstractEventLoop) -> None:
    """Ends a call, of whose message nothing is looked at."""
    operations = (
        cygrpc.SendInitialMetadataOperation((), _NO_FLAGS),
        cygrpc.SendStatusFromServerOperation(trailing(error), CODES[error.reason].value[0], error.message, _NO_FLAGS),
        cygrpc.ReceiveCloseOnServerOperation(_NO_FLAGS),
    )
    # It fails if the caller has left.
    with contextlib.suppress(cygrpc.ExecuteBatchError):
        # A client that is still sending when it is refused may take that for a broken connection.
        await cygrpc.execute_batch(call, (cygrpc.ReceiveMessageOperation(_NO_FLAGS),), loop)
        await cygrpc.execute_batch(call, operations, loop)
