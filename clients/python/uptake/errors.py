"""The one error that the client raises for a call that failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import grpc
import grpc.aio
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

from uptake.v1 import error_pb2

_DETAILS_KEY = "grpc-status-details-bin"
_CODES: dict[int, grpc.StatusCode] = {code.value[0]: code for code in grpc.StatusCode}


class UptakeError(Exception):
    """A call failed.

    Attributes:
        code: the gRPC status code.
        reason: a name of the enum `uptake.v1.ErrorReason` without its prefix, such as "REVIEW_CLAIMED". Empty
            when the failure is not from the service itself: no connection, a proxy, a deadline that passed on
            the way.
        message: what is wrong and what to do, for people.
        field_violations: every wrong field of an INVALID_ARGUMENT: (its path, what is wrong with it).
        retry_after_seconds: how long the service asks callers to wait, in seconds; None if it does not say.
        metadata: what a program needs beside the reason, for example {"reviewer": "ann", "claim_expire_time":
            "2026-11-28T05:00:00+00:00"} for REVIEW_CLAIMED. The keys of each reason are listed in
            `protos/uptake/v1/error.proto`.
    """

    def __init__(
        self,
        code: grpc.StatusCode,
        message: str,
        *,
        reason: str = "",
        field_violations: Sequence[tuple[str, str]] = (),
        retry_after_seconds: float | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(code, message)
        self.code = code
        self.reason = reason
        self.message = message
        self.field_violations = list(field_violations)
        self.retry_after_seconds = retry_after_seconds
        self.metadata = dict(metadata or {})

    def __str__(self) -> str:
        head = f"{self.code.name} ({self.reason})" if self.reason else self.code.name
        told = [f"{field}: {description}" for field, description in self.field_violations]
        fields = "".join(f"\n  {each}" for each in told if each not in self.message)
        return f"{head}: {self.message}{fields}"

    @property
    def retryable(self) -> bool:
        """Whether the same call, with the same request id, may be tried again: UNAVAILABLE or overload."""
        return self.code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED)

    @classmethod
    def from_rpc(cls, error: grpc.aio.AioRpcError) -> UptakeError:
        """Read a failed call's status and its details (`google.rpc.Status` in the trailing metadata)."""
        made = cls(error.code(), error.details() or "")
        for detail in _details(error):
            if detail.Is(error_details_pb2.ErrorInfo.DESCRIPTOR):
                info = error_details_pb2.ErrorInfo()
                detail.Unpack(info)
                made.reason = info.reason
                made.metadata = dict(info.metadata)
            elif detail.Is(error_details_pb2.BadRequest.DESCRIPTOR):
                bad = error_details_pb2.BadRequest()
                detail.Unpack(bad)
                made.field_violations += [(each.field, each.description) for each in bad.field_violations]
            elif detail.Is(error_details_pb2.RetryInfo.DESCRIPTOR):
                retry = error_details_pb2.RetryInfo()
                detail.Unpack(retry)
                made.retry_after_seconds = retry.retry_delay.ToNanoseconds() / 1e9
        return made

    @classmethod
    def from_item(cls, error: error_pb2.ItemError) -> UptakeError:
        """The error of one item of a batch or stream, to be raised like that of a call."""
        try:
            reason = error_pb2.ErrorReason.Name(error.reason).removeprefix("ERROR_REASON_")
        except ValueError:  # A newer service has reasons that this client does not know.
            reason = str(int(error.reason))
        return cls(
            _CODES.get(error.code, grpc.StatusCode.UNKNOWN),
            error.message,
            reason=reason,
            field_violations=[(each.field, each.description) for each in error.field_violations],
            retry_after_seconds=error.retry_delay.ToNanoseconds() / 1e9 if error.HasField("retry_delay") else None,
            metadata=error.metadata,
        )


def _details(error: grpc.aio.AioRpcError) -> Sequence[Any]:
    for key, value in error.trailing_metadata():
        if key == _DETAILS_KEY and isinstance(value, bytes):
            try:
                details: Sequence[Any] = status_pb2.Status.FromString(value).details
            except DecodeError:  # Written by something in between; the code and message still stand.
                return ()
            return details
    return ()
