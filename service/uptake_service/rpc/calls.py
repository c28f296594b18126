"""What every call passes: one interceptor that names the call, turns errors into statuses, and logs.

It wraps the handlers of all four call kinds, so that no servicer has to think of any of this.
"""

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import grpc

from uptake_service.auth.gate import Gate
from uptake_service.auth.model import Key
from uptake_service.errors import DomainError, Reason
from uptake_service.rpc.errors import abort, reason_name

_log = logging.getLogger("uptake.calls")

_STATUS_SECONDS = 5.0

if TYPE_CHECKING:
    Context = grpc.aio.ServicerContext[Any, Any]
else:
    Context = grpc.aio.ServicerContext


@dataclass(frozen=True)
class Caller:
    """Who calls. `key` is None where none is needed."""

    call_id: str
    key: Key | None = None

    @property
    def key_id(self) -> str:
        return self.key.id if self.key else ""


_NOBODY = Caller("")
_caller: ContextVar[Caller] = ContextVar("caller", default=_NOBODY)


def caller() -> Caller:
    """Who makes the call that is being answered."""
    return _caller.get()


def deadline_of(context: Context) -> float | None:
    """The loop time at which the caller stops waiting; None if it never does."""
    remaining = context.time_remaining()
    return None if remaining is None else asyncio.get_running_loop().time() + remaining


def not_implemented(name: str) -> Callable[..., Awaitable[Any]]:
    """A method of the contract that this version of the service does not have."""

    async def method(self: object, request: object, context: Context) -> Any:
        raise DomainError(
            Reason.ERROR_REASON_NOT_IMPLEMENTED,
            f"{name} is in the contract, but not in this version of the service",
        )

    return method


class RunningCalls:
    """The calls that are being answered. A server that has stopped may still have some: those that it cancelled."""

    def __init__(self) -> None:
        self._tasks: dict[asyncio.Task[Any], str] = {}

    def note(self, method: str) -> None:
        """Takes the task that runs as the one that answers a call, until the task ends."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101
        self._tasks[task] = method
        task.add_done_callback(self._tasks.pop)

    async def ended(self, seconds: float) -> None:
        """Returns when none runs any more; after so many seconds those left are given up, and told of."""
        if self._tasks:
            await asyncio.wait(list(self._tasks), timeout=seconds)
        if self._tasks:
            _log.warning("still running at the end: %s", ", ".join(sorted(self._tasks.values())))


class CallInterceptor(grpc.aio.ServerInterceptor):
    """Wraps every handler of the service's own methods."""

    def __init__(self, running: RunningCalls, gate: Gate) -> None:
        self._running = running
        self._gate = gate

    async def intercept_service(
        self,
        continuation: "Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[Any, Any] | None]]",
        details: grpc.HandlerCallDetails,
    ) -> Any:
        handler: Any = await continuation(details)
        method: str = details.method
        if handler is None or not method.startswith("/uptake."):
            return handler
        # The four kinds differ in which of the handler's functions is set and in what makes a handler of it.
        if handler.response_streaming:
            answer: Any = _streaming(method, handler.unary_stream or handler.stream_stream, self._enter)
            made = ("unary", "stream")[handler.request_streaming] + "_stream"
        else:
            answer = _unary(method, handler.unary_unary or handler.stream_unary, self._enter)
            made = ("unary", "stream")[handler.request_streaming] + "_unary"
        make = getattr(grpc, f"{made}_rpc_method_handler")
        return make(answer, handler.request_deserializer, handler.response_serializer)

    async def _enter(self, method: str, context: Context) -> None:
        """Names the call, and lets it in.

        Raises:
            DomainError: It may not be made.
        """
        self._running.note(method)
        unknown = Caller(secrets.token_hex(8))
        _caller.set(unknown)
        key = await self._gate.admit(method, context.invocation_metadata() or ())
        if key is not None:
            _caller.set(Caller(unknown.call_id, key))


Enter = Callable[[str, Context], Awaitable[None]]


def _unary(
    method: str, behaviour: Callable[[Any, Context], Awaitable[Any]], enter: Enter
) -> Callable[[Any, Context], Awaitable[Any]]:
    async def call(request: Any, context: Context) -> Any:
        started = time.perf_counter()
        try:
            await enter(method, context)
            response = await behaviour(request, context)
        except Exception as error:  # noqa: BLE001  Nothing internal may reach the caller.
            await _fail(method, context, error, started)
        _note(method, "OK", started)
        return response

    return call


def _streaming(
    method: str, behaviour: Callable[[Any, Context], AsyncIterator[Any] | Awaitable[Any]], enter: Enter
) -> Callable[[Any, Context], AsyncIterator[Any]]:
    async def call(request: Any, context: Context) -> AsyncIterator[Any]:
        started = time.perf_counter()
        try:
            await enter(method, context)
            responses = behaviour(request, context)
            if isinstance(responses, Awaitable):
                await responses
            else:
                async for response in responses:
                    yield response
        except Exception as error:  # noqa: BLE001  Nothing internal may reach the caller.
            await _fail(method, context, error, started)
        _note(method, "OK", started)

    return call


async def _fail(method: str, context: Context, error: Exception, started: float) -> None:
    """Ends the call with what an error means to the caller, and nothing internal."""
    if isinstance(error, grpc.aio.AbortError):
        raise error
    if not isinstance(error, DomainError):
        call_id = caller().call_id
        _log.error("%s failed unexpectedly", method, exc_info=error, extra={"call_id": call_id})
        error = DomainError(
            Reason.ERROR_REASON_INTERNAL,
            f"a fault in the service; its log has the details under id {call_id}",
        )
    _note(method, reason_name(error.reason), started)
    try:
        async with asyncio.timeout(_STATUS_SECONDS):
            await abort(context, error)
    except TimeoutError:
        # The caller reads nothing. gRPC keeps the status for it until the connection closes; we need not wait.
        raise asyncio.CancelledError from None


def _note(method: str, outcome: str, started: float) -> None:
    if _log.isEnabledFor(logging.DEBUG):
        milliseconds = round((time.perf_counter() - started) * 1000, 2)
        _log.debug("%s %s", method, outcome, extra={"call_id": caller().call_id, "milliseconds": milliseconds})
