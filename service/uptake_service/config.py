"""The settings: environment variables with the prefix UPTAKE_, overridden by flags of the same names."""

from ipaddress import ip_address
from pathlib import Path

from pydantic import Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from uptake_service.errors import StartupError


class Settings(BaseSettings):
    """Everything that can be set. A default lives here and nowhere else."""

    model_config = SettingsConfigDict(env_prefix="UPTAKE_", frozen=True, extra="forbid")

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(50051, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    metrics_host: str = Field("127.0.0.1", description="Address of the port for metrics and probes.")
    metrics_port: int | None = Field(
        None, ge=0, le=65535, description="Port for metrics and probes over HTTP; 0 takes a free one; unset: none."
    )
    mongodb_uri: str = Field("", description="MongoDB replica set or sharded cluster; empty runs the embedded one.")
    database: str = Field("uptake", min_length=1, max_length=63, description="Name of the database in MongoDB.")
    data_dir: Path = Field(Path(".uptake"), description="Folder of the embedded database.")
    allow_insecure: bool = Field(False, description="Listen beyond loopback without TLS and keys.")
    require_keys: bool = Field(False, description="Ask every call for an API key; beyond loopback always so.")
    tls_certificate_file: str = Field("", description="PEM file of the server's certificates; read again when renewed.")
    tls_key_file: str = Field("", description="PEM file of their private key.")
    tls_client_ca_file: str = Field("", description="PEM file of the authority that callers' certificates must be of.")
    log_level: str = Field("INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="Least severe lines logged.")

    database_timeout_seconds: float = Field(
        5.0, gt=0, le=300, description="How long a call waits for the database before it answers UNAVAILABLE."
    )
    queue_size: int = Field(
        4096,
        ge=1,
        le=1_000_000,
        description="Pieces of feedback waiting for a commit before calls are refused.",
    )
    batch_size: int = Field(512, ge=1, le=10_000, description="Most pieces of feedback in one transaction.")
    stream_window: int = Field(
        2048, ge=1, le=100_000, description="Pieces of feedback of one stream that may wait for their answers."
    )
    max_message_mib: int = Field(16, ge=1, le=256, description="Largest message taken in, in MiB.")
    drain_seconds: float = Field(10.0, ge=0, le=600, description="How long running calls may go on after SIGTERM.")

    writer_lease_seconds: float = Field(
        30.0, ge=1, le=3600, description="How long a silent process keeps its writer slot."
    )
    trigger_interval_seconds: float = Field(
        5.0,
        gt=0,
        le=3600,
        description="How often marks that a crash left are looked for, and claims expired.",
    )
    pattern_refresh_seconds: float = Field(
        1.0, gt=0, le=60, description="How often patterns of other replicas are read."
    )
    pattern_threshold: float | None = Field(
        None, gt=0, lt=1, description="Similarity that joins a query to a pattern; unset: the embedder's own."
    )
    subscription_interval_seconds: float = Field(
        1.0, gt=0, le=60, description="How often subscriptions look for events and numbers."
    )
    subscriber_backlog: int = Field(
        1000, ge=1, le=100_000, description="The newest events of a project, kept in memory for its subscribers."
    )
    subscriber_patience_seconds: float = Field(
        10.0, gt=0, le=600, description="How long a subscriber may be behind these before its stream ends."
    )
    verdict_interval_seconds: float = Field(
        5.0, gt=0, le=3600, description="How often the verdicts of corrections on whose patterns votes came in are due."
    )
    issue_interval_seconds: float = Field(
        300.0, gt=0, le=86_400, description="How often issues are looked for in new negative feedback."
    )
    issue_seed: int = Field(0, ge=0, le=2**32 - 1, description="Seed of the clustering; the same finds the same.")
    request_retention_days: int = Field(
        30, ge=1, le=3650, description="How long request ids are known after their feedback is gone."
    )
    event_retention_days: int = Field(7, ge=1, le=3650, description="How long events can be resumed from.")
    retention_interval_seconds: float = Field(
        3600.0, gt=0, le=86_400, description="How often feedback past its project's retention is deleted."
    )
    future_tolerance_seconds: float = Field(
        300.0, ge=0, le=86_400, description="How far in the future `occur_time` may be."
    )

    @property
    def keys_required(self) -> bool:
        return self.require_keys or not (self.allow_insecure or _is_loopback(self.host))

    @model_validator(mode="after")
    def _insecure_stays_on_loopback(self) -> "Settings":
        if bool(self.tls_certificate_file) != bool(self.tls_key_file):
            raise ValueError("UPTAKE_TLS_CERTIFICATE_FILE and UPTAKE_TLS_KEY_FILE go together")
        if self.tls_client_ca_file and not self.tls_certificate_file:
            raise ValueError("UPTAKE_TLS_CLIENT_CA_FILE needs UPTAKE_TLS_CERTIFICATE_FILE and UPTAKE_TLS_KEY_FILE")
        if not self.allow_insecure and not _is_loopback(self.host) and not self.tls_certificate_file:
            raise ValueError(
                f"{self.host} is not a loopback address; without TLS (UPTAKE_TLS_CERTIFICATE_FILE, "
                "UPTAKE_TLS_KEY_FILE) Uptake listens on loopback only (UPTAKE_ALLOW_INSECURE=true overrides this)"
            )
        return self


def load_settings(**overrides: object) -> Settings:
    """Reads the settings from the environment, with flags over them.

    Args:
        overrides: Settings by field name; None means not given.

    Raises:
        StartupError: A setting is wrong; the message names the variable and what is allowed.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings(**given)  # type: ignore[arg-type]
    except ValidationError as error:
        problems = []
        for problem in error.errors():
            name = "UPTAKE_" + "_".join(str(part) for part in problem["loc"]).upper() + ": " if problem["loc"] else ""
            problems.append(name + problem["msg"].removeprefix("Value error, "))
        raise StartupError("bad setting: " + "; ".join(problems)) from None


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
