"""What every call passes: one interceptor that names the call, lets it in, reads its message, turns errors into
statuses, and logs.

It wraps the handlers of all four call kinds, so that no servicer has to think of any of this.

gRPC knows a call by its headers before it reads anything of its message. A method's one message it then reads by
itself before it calls the handler; a stream's handler it calls at once. So to gRPC every method is a stream, and its
message is asked for here, when the key is known to be good and there is room: of who may not call, no more is taken in
than what was sent unasked, of which HTTP/2's flow control lets through 64 KiB a call.
"""

import asyncio
import logging
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Any

import grpc
from google.protobuf.message import DecodeError

from uptake_service.auth.authenticator import Authenticator
from uptake_service.domain.caller import Caller, caller, set_caller
from uptake_service.domain.errors import DomainError, Reason
from uptake_service.rpc.acceptor import reset_call
from uptake_service.rpc.arrival import Arrivals
from uptake_service.rpc.call import Call, ensure_project
from uptake_service.rpc.errors import CODES, abort, reason_name, undecodable
from uptake_service.rpc.inflight import BytesInFlight, Holder, Reservation
from uptake_service.rpc.rules import check
from uptake_service.telemetry.metrics import Metrics
from uptake_service.telemetry.tracing import Tracing

_log = logging.getLogger("uptake.calls")

_Code = grpc.StatusCode
_STATUS_SECONDS = 5.0
_KEY_SECONDS = 1.0
"""How often the key of a stream is looked at; what is known of it may be five seconds old."""
_LEAVING_SECONDS = 0.1

_OURS = "/uptake."
_OF_MUCH = frozenset({"BatchCollectFeedback", "ApplyCorrections"})
_USUAL_BYTES = 2 * 1024 * 1024
"""The largest message of all methods but those two: the largest feedback has some 1.2 MiB."""

if TYPE_CHECKING:
    Context = grpc.aio.ServicerContext[Any, Any]
else:
    Context = grpc.aio.ServicerContext


def _call_of(context: Context) -> Call:
    remaining = context.time_remaining()
    deadline = None if remaining is None else asyncio.get_running_loop().time() + remaining
    return Call(caller(), deadline, context.write)


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


Request = Callable[[Context, Reservation], Awaitable[Any]]
"""Reads what a handler is given: a message, or `Messages`."""


class Admission:
    """What lies between a caller and a handler: who may come in, and with how much."""

    def __init__(self, gate: Authenticator, in_flight: BytesInFlight, arrivals: Arrivals, largest: int) -> None:
        """`largest`: bytes of the largest message that gRPC takes in."""
        self._in_flight = in_flight
        self._arrivals = arrivals
        self._authenticator = gate
        self._largest = largest

    async def enter(self, method: str, context: Context) -> Reservation:
        """Names the call, lets it in, and holds what any call takes.

        Raises:
            DomainError: It may not be made, or there is no room for it.
            grpc.aio.AbortError: So, and the caller is told.
        """
        # The id is for the log: it need not be hard to guess.
        call_id, peer = f"{random.getrandbits(64):016x}", context.peer()
        set_caller(Caller(call_id, method[1:], peer))
        try:
            key = None
            if method.startswith(_OURS):
                key = await self._authenticator.authenticate(method, context.invocation_metadata() or ())
            if key is None:
                return Reservation(self._in_flight, Holder(peer, False))
            set_caller(Caller(call_id, method[1:], peer, key))
            return Reservation(self._in_flight, Holder(key.id, True))
        except DomainError as error:
            await self._arrivals.discard(context, error)
            raise

    async def stay(self) -> None:
        """Lets a call go on.

        Raises:
            DomainError: Its key holds no longer.
        """
        await self._authenticator.ensure_holds(caller().key)

    def one_message(self, method: str, deserialise: Callable[[bytes], Any]) -> Request:
        """Reads the one message of a call.

        Raises:
            DomainError: There is none, it cannot be decoded, is too large or breaks a rule, or there is no room for it.
            grpc.aio.AbortError: It did not arrive, and the caller is told.
        """
        most = self._most(method)

        async def request(context: Context, holding: Reservation) -> Any:
            content = await self._arrivals.receive(context, holding.holder)
            if content is grpc.aio.EOF:
                # Who left is known to have left in a moment, and this task is cancelled.
                await asyncio.sleep(_LEAVING_SECONDS)
                raise DomainError(Reason.ERROR_REASON_INVALID_FIELD, "the call has no message")
            _ensure_size(content, most)
            holding.take(len(content))
            try:
                message = deserialise(content)
            except DecodeError:
                raise undecodable() from None
            if method.startswith(_OURS):
                ensure_project(caller(), message)
                check(message)
            return message

        return request

    def all_messages(self, method: str, deserialise: Callable[[bytes], Any]) -> Request:
        """Makes what reads the messages of a stream."""
        most = self._most(method)

        async def request(context: Context, holding: Reservation) -> Messages:
            async def receive() -> Any:
                content = await self._arrivals.receive(context, holding.holder, of_stream=True)
                if content is not grpc.aio.EOF:
                    _ensure_size(content, most)
                    # Not read on while there is no room: gRPC holds the caller back.
                    await holding.wait_and_take(len(content))
                return content

            return Messages(receive, deserialise, holding, of_projects=method.startswith(_OURS))

        return request

    def _most(self, method: str) -> int:
        """Bytes of the largest message of a method."""
        return self._largest if method.rpartition("/")[2] in _OF_MUCH else min(self._largest, _USUAL_BYTES)


def _ensure_size(content: bytes, most: int) -> None:
    if len(content) > most:
        raise DomainError(
            Reason.ERROR_REASON_INVALID_FIELD,
            f"the message has {len(content):,} bytes; this method takes {most:,} at most",
        )


class Messages:
    """The messages of a stream. One that cannot be decoded raises DecodeError, and the next can be asked for. The
    servicer checks each message's rules: one of many fails alone.

    Attributes:
        size: Bytes of the last; they are held until they are given back, or the stream ends.
    """

    def __init__(
        self,
        receive: Callable[[], Awaitable[Any]],
        deserialise: Callable[[bytes], Any],
        holding: Reservation,
        *,
        of_projects: bool,
    ) -> None:
        """`of_projects`: whether each names a project, or that of those before."""
        self.size = 0
        self._of_projects = of_projects
        self._project = ""
        self.give_back = holding.give_back
        self._receive = receive
        self._deserialise = deserialise

    def __aiter__(self) -> "Messages":
        return self

    async def __anext__(self) -> Any:
        content = await self._receive()
        if content is grpc.aio.EOF:
            raise StopAsyncIteration
        self.size = len(content)
        message = self._deserialise(content)
        if self._of_projects:
            self._project = ensure_project(caller(), message, self._project)
        return message


class CallInterceptor(grpc.aio.ServerInterceptor):
    """Wraps every handler."""

    def __init__(self, running: RunningCalls, door: Admission, metrics: Metrics, tracing: Tracing) -> None:
        self._running = running
        self._door = door
        self._metrics = metrics
        self._tracing = tracing
        self._wrapped: dict[str, Any] = {}

    async def intercept_service(
        self,
        continuation: "Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[Any, Any] | None]]",
        details: grpc.HandlerCallDetails,
    ) -> Any:
        method: str = details.method
        wrapped = self._wrapped.get(method)
        if wrapped is None:
            handler: Any = await continuation(details)
            if handler is None:
                self._metrics.calls(method).refuse(_Code.UNIMPLEMENTED.name)
                return None
            wrapped = self._wrapped[method] = self._wrap(method, handler)
        return wrapped

    def _wrap(self, method: str, handler: Any) -> Any:
        begin = self._begin if method.startswith(_OURS) else _Uncounted
        # gRPC's own services want what gRPC gives them.
        as_call: AsCall = _call_of if method.startswith(_OURS) else lambda context: context
        behaviour = handler.unary_unary or handler.unary_stream or handler.stream_unary or handler.stream_stream
        reads = self._door.all_messages if handler.request_streaming else self._door.one_message
        request = reads(method, handler.request_deserializer)
        make = (
            grpc.stream_stream_rpc_method_handler
            if handler.response_streaming
            else grpc.stream_unary_rpc_method_handler
        )
        answer = _streaming if handler.response_streaming else _unary
        # What gRPC reads of a request is its bytes: one that it could not decode would be a fault of ours.
        return make(answer(method, behaviour, begin, self._door, request, as_call), None, handler.response_serializer)

    def _begin(self, method: str, context: Context) -> "_Call":
        self._running.note(method)
        return _Call(method, self._metrics, self._tracing, context)


class _Uncounted:
    """A call of gRPC's own services, which anybody may ask how we are: not counted among ours."""

    def __init__(self, method: str, context: Context) -> None:
        self.method = method

    def end(self, code: grpc.StatusCode, reason: str = "") -> None:
        """Is noted nowhere."""


Begin = Callable[[str, Context], _Call | _Uncounted]
AsCall = Callable[[Context], Any]


def _unary(
    method: str,
    behaviour: Callable[[Any, Any], Awaitable[Any]],
    begin: Begin,
    door: Admission,
    request: Request,
    as_call: AsCall,
) -> Callable[[Any, Context], Awaitable[Any]]:
    async def answer(_: Any, context: Context) -> Any:
        call = begin(method, context)
        try:
            holding = await door.enter(method, context)
            try:
                response = await behaviour(await request(context, holding), as_call(context))
            finally:
                holding.release()
        except Exception as error:  # noqa: BLE001  Nothing internal may reach the caller.
            await _fail(call, context, error)
        call.end(_Code.OK)
        return response

    return answer


def _streaming(
    method: str,
    behaviour: Callable[[Any, Any], AsyncIterator[Any] | Awaitable[Any]],
    begin: Begin,
    door: Admission,
    request: Request,
    as_call: AsCall,
) -> Callable[[Any, Context], AsyncIterator[Any]]:
    async def answer(_: Any, context: Context) -> AsyncIterator[Any]:
        call = begin(method, context)
        try:
            holding = await door.enter(method, context)
            # Cancelled while gRPC writes an answer, this would not be gone on with, and no block in it be left.
            context.add_done_callback(lambda _: holding.release())  # type: ignore[arg-type]
            responses = behaviour(await request(context, holding), as_call(context))
            if isinstance(responses, Awaitable):
                await _while_it_may(responses, door.stay)
            else:
                checked = time.monotonic()
                async for response in responses:
                    if time.monotonic() > checked + _KEY_SECONDS:
                        await door.stay()
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


async def _fail(call: _Call | _Uncounted, context: Context, error: Exception, *, seconds: float | None = None) -> None:
    """Ends the call with what an error means to the caller, and nothing internal; waits for so long at most."""
    if isinstance(error, grpc.aio.AbortError):
        call.end(context.code())
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
            metadata={"error_id": call_id},
        )
    call.end(CODES[error.reason], reason_name(error.reason))
    # They keep the message, which may be large, and telling the caller may take long.
    error.__traceback__ = error.__context__ = error.__cause__ = None
    try:
        async with asyncio.timeout(seconds):
            await abort(context, error)
    except (grpc.aio.InternalError, grpc.aio.UsageError):
        # The caller has left, or was told before.
        raise asyncio.CancelledError from None
    except TimeoutError:
        # The caller reads nothing. What went wrong holds, by its frames, the call that is to go.
        error.__traceback__ = error.__context__ = error.__cause__ = None
        reset_call()
        raise asyncio.CancelledError from None
