"""Taking calls from gRPC: those of the method that is called most, many at once, and refusing those too many.

gRPC's asyncio server asks its core for one call of a method at a time. It asks for the next when the event loop has
gone round some five times more, each time after all else that is due; meanwhile calls queue in the core, where nobody
can refuse them, and each call alone bears the cost of those rounds. Asking for many at once takes a third off what
gRPC costs a call under load.

A call for which there is no room is refused before its message, or anything else of it, is looked at: that takes little
more than half of what an answer costs, and what is refused under overload is most of what comes.

gRPC has no public way to do either, so this speaks to its internals as they are in the versions that it knows. With any
other, or where the setting UPTAKE_FAST_ACCEPT is off, they are left alone, and calls come one at a time.
"""

import asyncio
import contextlib
import contextvars
import logging
from collections.abc import Callable
from typing import Any

import grpc
from grpc._cython import cygrpc  # type: ignore[attr-defined, import-untyped, unused-ignore]

from uptake_service.domain.errors import DomainError
from uptake_service.rpc.errors import CODES, trailing
from uptake_service.telemetry.metrics import MethodCalls

_log = logging.getLogger(__name__)

KNOWN_VERSIONS = ("1.85.",)
_AT_ONCE = 64
_OTHERS_AT_ONCE = 4
_DISCARDED_AT_ONCE = 8
_DISCARD_SECONDS = 1.0
_CONCURRENCY_EXCEEDED = False
_NO_FLAGS = 0


class CallAcceptor:
    """Where generated code puts a server's handlers; in place of the server, which would wait for a call of each method
    for itself, and look through all of them with every call."""

    def __init__(
        self, server: grpc.aio.Server, interceptors: tuple[grpc.aio.ServerInterceptor, ...], *, fast: bool = True
    ) -> None:
        """`interceptors` are those of the server; `fast`: whether to speak to gRPC's internals."""
        self._server = server
        self._fast = fast
        self._interceptors = interceptors
        self._handlers: dict[str, Any] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._discarded = 0

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
        # Each has a line of its own in the core, so that none waits behind calls of another, or of what does not exist.
        for path, handler in self._handlers.items():
            service, _, name = path[1:].partition("/")
            self._server.add_registered_method_handlers(service, {name: handler})
        await self._server.start()
        if not self._fast:
            return
        if not grpc.__version__.startswith(KNOWN_VERSIONS):
            _log.warning(
                "calls are taken one at a time, which is slower under load: UPTAKE_FAST_ACCEPT needs grpcio %s, and %s "
                "is installed",
                " or ".join(f"{version}x" for version in KNOWN_VERSIONS),
                grpc.__version__,
            )
            return
        for path, handler in self._handlers.items():
            # Of the calls that gRPC takes by itself, one among these, no stream can be reset.
            for _ in range(_AT_ONCE if path == method or handler.response_streaming else _OTHERS_AT_ONCE):
                self._keep(self._accept(path, refusal if path == method else _never, metrics))

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
                self._keep(self._refuse(call, error, loop))
                continue
            answer = cygrpc._handle_rpc(method, self, self._interceptors, call, loop, _CONCURRENCY_EXCEEDED)
            serving = _Serving()
            context = contextvars.copy_context()
            context.run(_serving.set, serving)
            serving.task = self._keep(cygrpc._schedule_rpc_coro(answer, call, loop, method), context)
            # The next may be long in coming, and would keep this one's call until then.
            del call, answer

    async def _refuse(self, call: Any, error: DomainError, loop: asyncio.AbstractEventLoop) -> None:
        """Ends a call, of whose message nothing is looked at.

        A client that is still sending when it is refused may take that for a broken connection, so the message is taken
        in where that is little: while few are, and for a moment. Those that fit into what is sent unasked need it not.
        """
        if self._discarded < _DISCARDED_AT_ONCE:
            self._discarded += 1
            late = loop.call_later(_DISCARD_SECONDS, lambda: self._keep(_end(call, error, loop)))
            try:
                with contextlib.suppress(cygrpc.ExecuteBatchError):
                    await cygrpc.execute_batch(call, (cygrpc.ReceiveMessageOperation(_NO_FLAGS),), loop)
            finally:
                late.cancel()
                self._discarded -= 1
        await _end(call, error, loop)

    def _keep(self, work: Any, context: contextvars.Context | None = None) -> "asyncio.Task[Any]":
        """Runs it to its end; the loop alone would forget it."""
        task = asyncio.get_running_loop().create_task(work, context=context)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


class _Serving:
    """What serves a call, and waits for its end on the wire. The handler runs in a task that this one made."""

    task: "asyncio.Task[Any]"


_serving: contextvars.ContextVar[_Serving | None] = contextvars.ContextVar("serving", default=None)


def reset_call() -> None:
    """Resets the stream of the call that is being answered: what was written and the caller did not read is dropped.

    To be called at the end of its handler. gRPC itself keeps that, and the call, until the connection closes; it drops
    both once nothing refers to the call any more.
    """
    serving = _serving.get()
    if serving is not None:
        asyncio.get_running_loop().call_soon(serving.task.cancel)


def _never() -> None:
    """Other methods are refused by their handlers, if at all."""


async def _end(call: Any, error: DomainError, loop: asyncio.AbstractEventLoop) -> None:
    operations = (
        cygrpc.SendInitialMetadataOperation((), _NO_FLAGS),
        cygrpc.SendStatusFromServerOperation(trailing(error), CODES[error.reason].value[0], error.message, _NO_FLAGS),
        cygrpc.ReceiveCloseOnServerOperation(_NO_FLAGS),
    )
    # It fails if the caller has left, or was told before.
    with contextlib.suppress(cygrpc.ExecuteBatchError):
        await cygrpc.execute_batch(call, operations, loop)
