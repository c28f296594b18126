"""Where the service is and who asks, for the commands that call it."""

import socket
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import grpc

from uptake_service.auth.tls import BadFile, certificates_in
from uptake_service.domain.errors import StartupError

if TYPE_CHECKING:
    from uptake import Client

_PROBE_SECONDS = 2.0


@dataclass(frozen=True)
class Connection:
    """`tls_ca`: the authority of the service's certificate; None speaks without TLS."""

    address: str
    project: str = "default"
    api_key: str = ""
    tls_ca: Path | None = None

    def client(self, timeout_seconds: float = 10.0, connect_timeout_seconds: float = 4.0) -> "Client":
        """A client; who waits before a terminal is told soon that nothing runs there.

        Raises:
            StartupError: The file of `tls_ca` cannot be used.
        """
        from uptake import Client  # Heavy: only commands that call need it.

        return Client(
            self.address,
            project=self.project,
            api_key=self.api_key or None,
            tls=self._credentials(),
            timeout_seconds=timeout_seconds,
            connect_timeout_seconds=connect_timeout_seconds,
        )

    def channel(self) -> grpc.Channel:
        """Raises StartupError if the file of `tls_ca` cannot be used."""
        credentials = self._credentials()
        if credentials is None:
            return grpc.insecure_channel(self.address)
        return grpc.secure_channel(self.address, credentials)

    def need_service(self) -> None:
        """For commands that would wait for a service, or tell of it among other things.

        Raises:
            StartupError: No call gets through, or the file of `tls_ca` cannot be used.
        """
        self._credentials()
        why = self.why_unreachable()
        if why:
            raise StartupError(why)

    def why_unreachable(self) -> str:
        """Why no call gets through, in a line, by trying what gRPC does not tell; empty where it is not known."""
        host, port = _host_and_port(self.address)
        if not port:
            return ""
        try:
            with socket.create_connection((host, port), _PROBE_SECONDS) as plain:
                return self._why_not_greeted(plain, host)
        except ConnectionRefusedError:
            return f"nothing listens at {self.address}; is the service running? Start it with: uptake serve"
        except OSError as error:
            return f"{self.address} cannot be reached: {error.strerror or error}; is --address (UPTAKE_ADDRESS) right?"

    def _why_not_greeted(self, plain: socket.socket, host: str) -> str:
        context = ssl.create_default_context(cafile=str(self.tls_ca) if self.tls_ca else None)
        context.set_alpn_protocols(["h2"])
        if self.tls_ca is None:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        try:
            secure = context.wrap_socket(plain, server_hostname=host)
        except ssl.SSLCertVerificationError as error:
            return f"the certificate of {self.address} is not good by {self.tls_ca}: {error.verify_message}"
        except OSError:  # It hung up, said nothing, or something else than TLS.
            if self.tls_ca is None:
                return ""
            return f"{self.address} does not speak TLS: leave --tls-ca (and UPTAKE_TLS_CA_FILE) out"
        with secure:
            if self.tls_ca is None:
                return (
                    f"{self.address} speaks TLS: give --tls-ca FILE (or UPTAKE_TLS_CA_FILE), the authority of its "
                    "certificate"
                )
            # With TLS 1.3 a server refuses a caller's certificate, or the want of one, after the handshake: it hangs up
            # where it would else speak first.
            try:
                refused = not secure.recv(1)
            except TimeoutError:
                return ""
            except OSError:
                refused = True
        if refused:
            return f"{self.address} asks callers for certificates of their own, and commands have none to show"
        return ""

    def _credentials(self) -> grpc.ChannelCredentials | None:
        if self.tls_ca is None:
            return None
        try:
            pem = self.tls_ca.read_bytes()
            certificates_in(pem, f"--tls-ca {self.tls_ca}")
        except OSError as error:
            raise StartupError(f"--tls-ca {self.tls_ca}: {error.strerror}") from None
        except BadFile as error:
            raise StartupError(str(error)) from None
        return grpc.ssl_channel_credentials(pem)


def _host_and_port(address: str) -> tuple[str, int]:
    """Of a gRPC target; port 0 for one that is no host and port, such as a socket of this machine."""
    host, _, port = address.rpartition("/")[2].rpartition(":")
    return host.strip("[]"), int(port) if port.isdecimal() and not address.startswith("unix:") else 0
