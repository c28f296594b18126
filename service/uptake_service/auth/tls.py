"""Transport security: certificates that are read again when their files change."""

import logging
from pathlib import Path

import grpc

from uptake_service.config import Settings
from uptake_service.errors import StartupError

_log = logging.getLogger(__name__)


def server_credentials(settings: Settings) -> grpc.ServerCredentials | None:
    """What the server shows and asks for; None without certificates in the settings.

    Raises:
        StartupError: A file cannot be read.
    """
    if not settings.tls_certificate_file:
        return None
    try:
        configuration = _read(settings)
    except OSError as error:
        raise StartupError(f"bad setting: UPTAKE_TLS_*: {error.filename}: {error.strerror}") from None

    def newest() -> "grpc.ServerCertificateConfiguration":
        # Asked for at each handshake. A renewal that is half done leaves the one before.
        nonlocal configuration
        try:
            configuration = _read(settings)
        except OSError as error:
            _log.warning("the certificate cannot be read; the one before stays: %s", error)
        return configuration

    return grpc.dynamic_ssl_server_credentials(configuration, newest, bool(settings.tls_client_ca_file))


def _read(settings: Settings) -> "grpc.ServerCertificateConfiguration":
    ca = Path(settings.tls_client_ca_file).read_bytes() if settings.tls_client_ca_file else None
    pair = (Path(settings.tls_key_file).read_bytes(), Path(settings.tls_certificate_file).read_bytes())
    return grpc.ssl_server_certificate_configuration([pair], root_certificates=ca)
