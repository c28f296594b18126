"""Transport security: certificates that are looked at before they are shown, and read again when their files change.

gRPC takes a bad file without a word and then refuses every caller, so everything that it would trip over is looked for
here. What is wrong with files at the start is an error; in a renewal it is a line in the log, and the old ones stay.
"""

import logging
import warnings
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import grpc
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, SECP384R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.utils import CryptographyDeprecationWarning

from uptake_service.config import Settings
from uptake_service.domain.errors import StartupError

_log = logging.getLogger(__name__)

_CURVES = (SECP256R1, SECP384R1)
"""Those that gRPC's own clients (BoringSSL) take; they refuse P-521 and Ed25519."""


class BadFile(Exception):
    """A PEM file that cannot be used. The message is one line and names it."""


@dataclass(frozen=True)
class Files:
    """What the files hold. `client_ca` is None where callers need no certificate."""

    certificates: bytes
    key: bytes
    client_ca: bytes | None


def server_credentials(settings: Settings) -> grpc.ServerCredentials | None:
    """What the server shows and asks for; None without certificates in the settings.

    Raises:
        StartupError: The files cannot be used.
    """
    if not settings.tls_certificate_file:
        return None
    try:
        shown = Certificates(settings)
    except BadFile as error:
        raise StartupError(f"bad setting: {error}") from None
    return grpc.dynamic_ssl_server_credentials(
        shown.newest(), shown.newest, require_client_authentication=bool(settings.tls_client_ca_file)
    )


class Certificates:
    """The newest good certificates of the files that the settings name."""

    def __init__(self, settings: Settings) -> None:
        """Raises BadFile if they cannot be used now."""
        self._settings = settings
        self._files = self._read()
        self._expire_time = _checked(settings, self._files)
        self._configuration = _configuration(self._files)
        self._told = ""

    def newest(self) -> "grpc.ServerCertificateConfiguration":
        """Asked for at each handshake. A renewal that is half done or bad leaves the ones before."""
        trouble = ""
        try:
            files = self._read()
            if files != self._files:
                self._expire_time = _checked(self._settings, files)
                self._files, self._configuration = files, _configuration(files)
                _log.info("new certificate of %s, valid until %s", self._name, _day(self._expire_time))
        except BadFile as error:
            trouble = f"the renewed certificate cannot be used, the one before stays: {error}"
        if not trouble and self._expire_time <= datetime.now(UTC):
            trouble = f"{self._name}: the certificate expired on {_day(self._expire_time)}, callers refuse it: renew it"
        if trouble and trouble != self._told:
            _log.error("%s", trouble)
        self._told = trouble
        return self._configuration

    @property
    def _name(self) -> str:
        return self._settings.tls_certificate_file

    def _read(self) -> Files:
        settings = self._settings
        return Files(
            _content("UPTAKE_TLS_CERTIFICATE_FILE", settings.tls_certificate_file),
            _content("UPTAKE_TLS_KEY_FILE", settings.tls_key_file),
            _content("UPTAKE_TLS_CLIENT_CA_FILE", settings.tls_client_ca_file) if settings.tls_client_ca_file else None,
        )


def certificates_in(pem: bytes, what: str) -> list[x509.Certificate]:
    """The certificates of a PEM file, at least one.

    Args:
        pem: What the file holds.
        what: How to call the file in an error.

    Raises:
        BadFile: There is none, or one cannot be read.
    """
    if not pem.strip():
        raise BadFile(f"{what}: the file is empty")
    try:
        with warnings.catch_warnings():
            # Bundles of a system hold old authorities with serial numbers that a later standard forbids.
            warnings.simplefilter("ignore", CryptographyDeprecationWarning)
            return x509.load_pem_x509_certificates(pem)
    except ValueError:
        raise BadFile(f"{what}: there is no certificate in PEM format in it") from None


def _checked(settings: Settings, files: Files) -> datetime:
    """When the certificate expires. Raises BadFile for files that no caller could be served with."""
    what = f"UPTAKE_TLS_CERTIFICATE_FILE: {settings.tls_certificate_file}"
    certificate = certificates_in(files.certificates, what)[0]
    now = datetime.now(UTC)
    if certificate.not_valid_after_utc <= now:
        raise BadFile(f"{what}: the certificate expired on {_day(certificate.not_valid_after_utc)}: renew it")
    if certificate.not_valid_before_utc > now:
        begin = _day(certificate.not_valid_before_utc)
        raise BadFile(f"{what}: the certificate is not valid before {begin}: is this machine's clock right?")
    public_key = certificate.public_key()
    if not (isinstance(public_key, RSAPublicKey) or _on_known_curve(public_key)):
        raise BadFile(f"{what}: gRPC does not take this kind of key: use RSA, or ECDSA on P-256 or P-384")
    key = _private_key(files.key, f"UPTAKE_TLS_KEY_FILE: {settings.tls_key_file}")
    if key.public_key() != public_key:
        raise BadFile(
            f"UPTAKE_TLS_KEY_FILE: {settings.tls_key_file} is not the key of the first certificate in "
            f"{settings.tls_certificate_file}"
        )
    if files.client_ca is not None:
        ca = f"UPTAKE_TLS_CLIENT_CA_FILE: {settings.tls_client_ca_file}"
        if all(each.not_valid_after_utc <= now for each in certificates_in(files.client_ca, ca)):
            raise BadFile(f"{ca}: every certificate in it has expired: renew it")
    return certificate.not_valid_after_utc


def _on_known_curve(key: object) -> bool:
    return isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, _CURVES)


def _private_key(pem: bytes, what: str) -> PrivateKeyTypes:
    if not pem.strip():
        raise BadFile(f"{what}: the file is empty")
    try:
        return load_pem_private_key(pem, password=None)
    except TypeError:
        raise BadFile(f"{what}: the key is encrypted: decrypt it, there is no setting for its password") from None
    except (ValueError, UnsupportedAlgorithm):
        raise BadFile(f"{what}: there is no private key in PEM format in it") from None


def _content(setting: str, path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise BadFile(f"{setting}: {path}: {error.strerror}") from None


def _configuration(files: Files) -> "grpc.ServerCertificateConfiguration":
    return grpc.ssl_server_certificate_configuration(
        [(files.key, files.certificates)], root_certificates=files.client_ca
    )


def _day(time: datetime) -> str:
    return f"{time:%d %b %Y %H:%M} UTC"
