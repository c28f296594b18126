"""Where traces go, by OpenTelemetry's own environment variables; nowhere unless they name an exporter or address."""

from __future__ import annotations

import importlib.util
import os
from importlib.metadata import version
from typing import TYPE_CHECKING

from uptake_service.domain.errors import StartupError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

_ADDRESSES = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")


def provider_from_environment() -> TracerProvider | None:
    """A provider that sends spans by OTLP over gRPC; None if traces are off. Whoever asks shuts it down.

    Raises:
        StartupError: They are on, and the extra `tracing` is not installed or another exporter or protocol is named.
    """
    exporter = os.environ.get("OTEL_TRACES_EXPORTER", "")
    asked = exporter or any(os.environ.get(name) for name in _ADDRESSES)
    if not asked or exporter == "none" or os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return None
    if exporter not in ("", "otlp"):
        raise StartupError(f"bad setting: OTEL_TRACES_EXPORTER: {exporter!r} is not otlp or none")
    for name in _PROTOCOLS:
        if os.environ.get(name, "grpc") != "grpc":
            raise StartupError(f"bad setting: {name}: only grpc is spoken")
    if not _installed():
        raise StartupError(
            "traces are asked for by OTEL_ variables, but not installed: pip install 'uptake-service[tracing]', "
            "or set OTEL_TRACES_EXPORTER=none"
        )
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    given = OTELResourceDetector().detect().attributes
    resource = Resource.create({"service.name": "uptake", "service.version": version("uptake-service"), **given})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider


def _installed() -> bool:
    return all(
        importlib.util.find_spec(name) is not None for name in ("opentelemetry.sdk", "opentelemetry.exporter.otlp")
    )
