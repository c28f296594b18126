"""What every call passes: one interceptor that names the call, turns errors into statuses, and logs.

It wraps the handlers of all four call kinds, so that no servicer has to think of any of this.
"""

import asyncio
import logging
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import grpc
from google.protobuf.message import DecodeError

from uptake_service.auth.caller import Caller, caller, set_caller
from uptake_service.auth.gate import Gate
from uptake_service.errors import DomainError, Reason
from uptake_service.rpc.errors import CODES, abort, reason_name, undecodable
from uptake_service.telemetry.metrics import Metrics
from uptake_service.telemetry.tracing import Tracing

_log = logging.getLogger("uptake.calls")

_Code = grpc.StatusCode
_STATUS_SECONDS = 5.0
_KEY_SECONDS = 1.0
"""How often the key of a stream is looked at; what is known of it may be five seconds old."""

if TYPE_CHECKING:
    Context = grpc.aio.ServicerContext[Any, Any]
else:
    Context = grpc.aio.ServicerContext


def deadline_of(context: Context) -> float | None:
    """The loop time at which the caller stops waiting; None if it never does."""
    remaining = context.time_remaining()
    return None if remaining is None else asyncio.get_running_loop().time() + remaining


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


class _Call:
    """One call as it is seen from outside. One that is cancelled ends with the task that answers it."""

    def __init__(self, method: str, metrics: Metrics, tracing: Tracing, context: Context) -> None:
        self.method = method
        self._metrics = metrics.calls(method)
        self._tracing = tracing
        self._span = tracing.begin_call(method, context.invocation_metadata() or ())
        self._context = context
        self._started = time.perf_counter()
        self._ended = False
        self._metrics.begin()
        task = asyncio.current_task()
        assert task is not None  # noqa: S101
        task.add_done_callback(self._left)

    def end(self, code: grpc.StatusCode, reason: str = "") -> None:
        """Notes the outcome; `reason` is the published one of an error."""
        if self._ended:
            return
        self._ended = True
        seconds = time.perf_counter() - self._started
        self._metrics.end(code.name, seconds)
        if self._span is not None:
            self._tracing.end_call(self._span, code, reason)
        if _log.isEnabledFor(logging.DEBUG):
            extra = {"call_id": caller().call_id, "milliseconds": round(seconds * 1000, 2)}
            _log.debug("%s %s", self.method, reason or code.name, extra=extra)

    def _left(self, task: asyncio.Task[Any]) -> None:
        if not self._ended:
            left = self._context.time_remaining()
            self.end(_Code.CANCELLED if left is None or left > 0 else _Code.DEADLINE_EXCEEDED)


class CallInterceptor(grpc.aio.ServerInterceptor):
    """Wraps every handler of the service's own methods."""

    def __init__(self, running: RunningCalls, gate: Gate, metrics: Metrics, tracing: Tracing) -> None:
        self._running = running
        self._gate = gate
        self._metrics = metrics
        self._tracing = tracing
        self._wrapped: dict[str, Any] = {}

    async def intercept_service(
        self,
        continuation: "Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[Any, Any] | None]]",
        details: grpc.HandlerCallDetails,
    ) -> Any:
        handler: Any = await continuation(details)
        method: str = details.method
        if handler is None:
            self._metrics.calls(method).refuse(_Code.UNIMPLEMENTED.name)
        if handler is None or not method.startswith("/uptake."):
            return handler
        wrapped = self._wrapped.get(method)
        if wrapped is None:
            wrapped = self._wrapped[method] = self._wrap(method, handler)
        return wrapped

    def _wrap(self, method: str, handler: Any) -> Any:
        # Left to gRPC, a request that cannot be decoded would be a fault of ours. A stream reads by itself.
        read = handler.request_deserializer if handler.request_streaming else None
        # The four kinds differ in which of the handler's functions is set and in what makes a handler of it.
        if handler.response_streaming:
            behaviour = handler.stream_stream or _reading(handler.unary_stream, handler.request_deserializer)
            answer: Any = _streaming(method, behaviour, self._begin, self._enter, self._stay)
            made = ("unary", "stream")[handler.request_streaming] + "_stream"
        else:
            behaviour = handler.stream_unary or _reading(handler.unary_unary, handler.request_deserializer)
            answer = _unary(method, behaviour, self._begin, self._enter)
            made = ("unary", "stream")[handler.request_streaming] + "_unary"
        make = getattr(grpc, f"{made}_rpc_method_handler")
        return make(answer, read, handler.response_serializer)

    def _begin(self, method: str, context: Context) -> _Call:
        return _Call(method, self._metrics, self._tracing, context)

    async def _enter(self, method: str, context: Context) -> None:
        """Names the call, and lets it in.

        Raises:
            DomainError: It may not be made.
        """
        self._running.note(method)
        # The id is for the log: it need not be hard to guess.
        unknown = Caller(f"{random.getrandbits(64):016x}", method[1:], context.peer())
        set_caller(unknown)
        key = await self._gate.admit(method, context.invocation_metadata() or ())
        if key is not None:
            set_caller(replace(unknown, key=key))

    async def _stay(self) -> None:
        """Lets a call go on.

        Raises:
            DomainError: Its key holds no longer.
        """
        await self._gate.ensure_holds(caller().key)


Begin = Callable[[str, Context], _Call]
Enter = Callable[[str, Context], Awaitable[None]]


def _reading(behaviour: Callable[[Any, Context], Any], deserialise: Callable[[bytes], Any]) -> Callable[..., Any]:
    """The behaviour, of a request that is not decoded yet."""

    def read(content: bytes, context: Context) -> Any:
        try:
            request = deserialise(content)
        except DecodeError:
            raise undecodable() from None
        return behaviour(request, context)

    return read


def _unary(
    method: str, behaviour: Callable[[Any, Context], Awaitable[Any]], begin: Begin, enter: Enter
) -> Callable[[Any, Context], Awaitable[Any]]:
    async def answer(request: Any, context: Context) -> Any:
        call = begin(method, context)
        try:
            await enter(method, context)
            response = await behaviour(request, context)
        except Exception as error:  # noqa: BLE001  Nothing internal may reach the caller.
            await _fail(call, context, error)
        call.end(_Code.OK)
        return response

    return answer


def _streaming(
    method: str,
    behaviour: Callable[[Any, Context], AsyncIterator[Any] | Awaitable[Any]],
    begin: Begin,
    enter: Enter,
    stay: Callable[[], Awaitable[None]],
) -> Callable[[Any, Context], AsyncIterator[Any]]:
    async def answer(request: Any, context: Context) -> AsyncIterator[Any]:
        call = begin(method, context)
        try:
            await enter(method, context)
            responses = behaviour(request, context)
            if isinstance(responses, Awaitable):
                await _while_it_may(responses, stay)
            else:
                checked = time.monotonic()
                async for response in responses:
                    if time.monotonic() > checked + _KEY_SECONDS:
                        await stay()
                        checked = time.monotonic()
                    yield response
        except Exception as error:  # noqa: BLE001  Nothing internal may reach the caller.
            # Behind a message that the caller does not read its status would wait for ever.
            await _fail(call, context, error, seconds=_STATUS_SECONDS)
        call.end(_Code.OK)

    return answer


async def _while_it_may(work: Awaitable[None], stay: Callable[[], Awaitable[None]]) -> None:
    """Waits for what answers a stream, and cancels it once the caller may not go on."""
    task = asyncio.ensure_future(work)
    try:
        while not (await asyncio.wait({task}, timeout=_KEY_SECONDS))[0]:
            await stay()
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait({task})
        # Looked at in any case: it may have failed at the moment in which we were cancelled.
        if not task.cancelled():
            task.exception()
    task.result()


async def _fail(call: _Call, context: Context, error: Exception, *, seconds: float | None = None) -> None:
    """Ends the call with what an error means to the caller, and nothing internal; waits for so long at most."""
    if isinstance(error, grpc.aio.AbortError):
        raise error
    if isinstance(error, grpc.aio.InternalError):
        # gRPC could not write: the caller has left, and our own cancellation is on its way.
        raise asyncio.CancelledError from None
    if not isinstance(error, DomainError):
        call_id = caller().call_id
        _log.error("%s failed unexpectedly", call.method, exc_info=error, extra={"call_id": call_id})
        error = DomainError(
            Reason.ERROR_REASON_INTERNAL,
            f"a fault in the service; its log has the details under id {call_id}",
        )
    call.end(CODES[error.reason], reason_name(error.reason))
    try:
        async with asyncio.timeout(seconds):
            await abort(context, error)
    except (TimeoutError, grpc.aio.InternalError):
        # The caller reads nothing, or has left. gRPC keeps the status until the connection closes; we need not wait.
        raise asyncio.CancelledError from None
