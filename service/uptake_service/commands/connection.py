"""Where the service is and who asks, for the commands that call it."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import grpc

if TYPE_CHECKING:
    from uptake import Client


@dataclass(frozen=True)
class Connection:
    """`tls_ca`: the authority of the service's certificate; None speaks without TLS."""

    address: str
    project: str = "default"
    api_key: str = ""
    tls_ca: Path | None = None

    def client(self, timeout_seconds: float = 10.0) -> "Client":
        from uptake import Client  # Heavy: only commands that call need it.

        return Client(
            self.address,
            project=self.project,
            api_key=self.api_key or None,
            tls=self._credentials(),
            timeout_seconds=timeout_seconds,
        )

    def channel(self) -> grpc.Channel:
        credentials = self._credentials()
        if credentials is None:
            return grpc.insecure_channel(self.address)
        return grpc.secure_channel(self.address, credentials)

    def _credentials(self) -> grpc.ChannelCredentials | None:
        return grpc.ssl_channel_credentials(self.tls_ca.read_bytes()) if self.tls_ca else None
