"""How the client connects: the channel options that every Uptake client uses."""

from __future__ import annotations

import json
from collections.abc import Sequence

import grpc
import grpc.aio

ChannelOption = tuple[str, str | int]

OPTIONS: dict[str, str | int] = {
    # A name that resolves to several addresses (a headless service) is several replicas: use all of them.
    "grpc.service_config": json.dumps({"loadBalancingConfig": [{"round_robin": {}}]}),
    # The server answers lists of up to 64 MB; gRPC's default of 4 MB would refuse them.
    "grpc.max_receive_message_length": 64 * 1024 * 1024,
    # A dead peer is noticed within a minute. The server allows a ping every 30 s, and none without a call.
    "grpc.keepalive_time_ms": 45_000,
    "grpc.keepalive_timeout_ms": 10_000,
    "grpc.keepalive_permit_without_calls": 0,
    # Without this gRPC stops pinging a subscription on which nothing happens after two pings.
    "grpc.http2.max_pings_without_data": 0,
    # A restarted server is found within a second; gRPC's default waits up to two minutes between attempts.
    "grpc.initial_reconnect_backoff_ms": 200,
    "grpc.max_reconnect_backoff_ms": 1_000,
    # An attempt to which nobody answers lasts so long, 20 seconds by default.
    "grpc.min_reconnect_backoff_ms": 5_000,
}


def open_channel(
    target: str,
    *,
    api_key: str | None,
    tls: grpc.ChannelCredentials | None,
    options: Sequence[ChannelOption],
) -> tuple[grpc.aio.Channel, tuple[tuple[str, str], ...]]:
    """Open a channel.

    Args:
        target: a gRPC target, "host:port" or "dns:///host:port".
        api_key: the key, or None for a server without keys.
        tls: what the server is trusted by; None for plain text.
        options: channel options that replace those of `OPTIONS` with the same name.

    Returns:
        The channel, and the metadata that every call over it must carry.
    """
    merged = list({**OPTIONS, **dict(options)}.items())
    if tls is None:
        # gRPC refuses call credentials on a plain-text channel, so that there the key goes as metadata.
        metadata = () if api_key is None else (("authorization", f"Bearer {api_key}"),)
        return grpc.aio.insecure_channel(target, options=merged), metadata
    if api_key is not None:
        tls = grpc.composite_channel_credentials(tls, grpc.access_token_call_credentials(api_key))
    return grpc.aio.secure_channel(target, tls, options=merged), ()
