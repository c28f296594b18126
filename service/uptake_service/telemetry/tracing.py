"""Traces: a span for each call, which continues its caller's trace, and spans for what the call leads to.

No attribute is a user's word, and exceptions are told by their type alone, for messages may quote.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import grpc
from opentelemetry import context, propagate, trace
from opentelemetry.trace import Link, Span, SpanKind, Status, StatusCode, TracerProvider

_Code = grpc.StatusCode
# What semantic conventions for RPC take as the server's fault.
_FAULTS = {
    *(_Code.UNKNOWN, _Code.DEADLINE_EXCEEDED, _Code.UNIMPLEMENTED),
    *(_Code.INTERNAL, _Code.UNAVAILABLE, _Code.DATA_LOSS),
}


class Tracing:
    """Makes spans; without a provider none, at no cost."""

    def __init__(self, provider: TracerProvider | None = None) -> None:
        self._tracer = provider.get_tracer("uptake") if provider else None

    def begin_call(self, method: str, metadata: Iterable[tuple[str, str | bytes]]) -> Span | None:
        """A call's span, which is current for the rest of the task that answers it; end it with `end_call`."""
        if self._tracer is None:
            return None
        callers = propagate.extract({name: value for name, value in metadata if isinstance(value, str)})
        service, _, name = method.strip("/").partition("/")
        span = self._tracer.start_span(
            method.strip("/"),
            callers,
            SpanKind.SERVER,
            {"rpc.system": "grpc", "rpc.service": service, "rpc.method": name},
        )
        context.attach(trace.set_span_in_context(span, callers))
        return span

    def end_call(self, span: Span, code: grpc.StatusCode, reason: str) -> None:
        """`reason` is the published one of an error, else empty."""
        span.set_attribute("rpc.grpc.status_code", code.value[0])
        if reason:
            span.set_attribute("uptake.reason", reason)
        if code in _FAULTS:
            span.set_status(Status(StatusCode.ERROR))
        span.end()

    def current(self) -> Span | None:
        """The span of what runs, if it is recorded."""
        if self._tracer is None:
            return None
        span = trace.get_current_span()
        return span if span.is_recording() else None

    @contextmanager
    def commit(self, size: int, calls: Iterable[Span]) -> Iterator[Span | None]:
        """The span of a batch's commit: a child of the first recorded call in it, and linked with each of them."""
        linked = list(dict.fromkeys(calls)) if self._tracer else []
        if not linked:
            yield None
            return
        with self._span("commit", linked[0], linked, {"uptake.batch_size": size}) as span:
            for call in linked:
                if call.is_recording():
                    call.add_link(span.get_span_context())
            yield span

    @contextmanager
    def after(self, parent: Span | None, name: str) -> Iterator[None]:
        """The span of what a recorded one led to."""
        if parent is None:
            yield
            return
        with self._span(name, parent):
            yield

    @contextmanager
    def run(self, name: str) -> Iterator[None]:
        """The span of something that a call or nobody asked for."""
        if self._tracer is None:
            yield
            return
        with self._span(name, trace.get_current_span()):
            yield

    @contextmanager
    def _span(
        self, name: str, parent: Span, linked: Sequence[Span] = (), attributes: dict[str, int] | None = None
    ) -> Iterator[Span]:
        assert self._tracer is not None  # noqa: S101
        span = self._tracer.start_span(
            name,
            trace.set_span_in_context(parent),
            attributes=attributes,
            links=[Link(other.get_span_context()) for other in linked],
        )
        with trace.use_span(span, end_on_exit=True, record_exception=False, set_status_on_exception=False):
            try:
                yield span
            except BaseException as error:
                span.set_status(Status(StatusCode.ERROR, type(error).__name__))
                raise
