"""The settings: environment variables with the prefix UPTAKE_, overridden by flags of the same names."""

import difflib
import logging
import os
import re
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path

from pydantic import Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from uptake_service.domain.errors import StartupError

_log = logging.getLogger(__name__)

_PREFIX = "UPTAKE_"

OTHER_VARIABLES: Mapping[str, str] = {
    "UPTAKE_ADDRESS": "where the service is, for the commands that call it",
    "UPTAKE_API_KEY": "their key",
    "UPTAKE_TLS_CA_FILE": "the authority that they trust",
    "UPTAKE_TEST_MONGODB_URI": "the database that tests use",
    "UPTAKE_TEST_LIVE_EVENTS": "how many events a test of live updates sends",
    "UPTAKE_TEST_HISTORY_ROWS": "how long the histories of a test are",
    "UPTAKE_TEST_ISSUE_RUNS": "how often a test of clustering runs it",
    "UPTAKE_TEST_RANDOM_SEEDS": "the seeds of a test of random work, such as 4,5,6",
    "UPTAKE_DATA_SETS": "the folder of the benchmarks' data",
}
"""Variables with the prefix that are no settings, and what each is for. One that is in neither list is an error."""

_SERVICE_LINK = re.compile(r"_SERVICE_HOST$|_SERVICE_PORT(_|$)|_PORT_\d+_(TCP|UDP|SCTP)(_|$)")


class Settings(BaseSettings):
    """Everything that can be set. A default lives here and nowhere else."""

    model_config = SettingsConfigDict(env_prefix=_PREFIX, frozen=True, extra="forbid")

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(50051, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    metrics_host: str = Field("127.0.0.1", description="Address of the port for metrics and probes.")
    metrics_port: int | None = Field(
        None, ge=0, le=65535, description="Port for metrics and probes over HTTP; 0 takes a free one; unset: none."
    )
    mongodb_uri: str = Field("", description="MongoDB replica set or sharded cluster; empty runs the embedded one.")
    database: str = Field("uptake", min_length=1, max_length=63, description="Name of the database in MongoDB.")
    data_dir: Path = Field(Path(".uptake"), description="Folder of the embedded database.")
    embedded_patches: bool = Field(True, description="Run the embedded database with what makes it faster.")
    allow_insecure: bool = Field(False, description="Listen beyond loopback without TLS and keys.")
    require_keys: bool = Field(False, description="Ask every call for an API key; beyond loopback always so.")
    tls_certificate_file: str = Field("", description="PEM file of the server's certificates; read again when renewed.")
    tls_key_file: str = Field("", description="PEM file of their private key.")
    tls_client_ca_file: str = Field("", description="CA bundle for client certificates (mTLS).")
    log_level: str = Field("INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="Minimum log level.")

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
    reads_at_once: int = Field(16, ge=1, le=1000, description="Reads that are answered at once; more wait.")
    reads_at_once_per_caller: int = Field(8, ge=1, le=1000, description="Of one key, or without one of one project.")
    costly_reads_at_once: int = Field(
        4, ge=1, le=1000, description="Of reads that take long, one of each caller, with one of those over budget."
    )
    reads_waiting: int = Field(1024, ge=1, le=100_000, description="Reads that may wait; a quarter for each caller.")
    read_patience_seconds: float = Field(5.0, gt=0, le=60, description="How long a read waits before it is refused.")
    read_budget_seconds: float = Field(
        3.0,
        gt=0,
        le=3600,
        description="How long a caller's costly reads may take at once; each second brings one more.",
    )
    streams: int = Field(1024, ge=1, le=100_000, description="Subscriptions and streams of feedback open at once.")
    streams_per_caller: int = Field(512, ge=1, le=100_000, description="Of one key, or without one of one project.")
    new_patterns_at_once: int = Field(
        100_000, ge=1, le=100_000_000, description="New patterns that a key may bring at once; an admin's any number."
    )
    new_patterns_per_minute: float = Field(600.0, gt=0, le=1e9, description="How many more each minute brings.")
    new_projects_at_once: int = Field(1000, ge=1, le=1_000_000, description="New projects, likewise.")
    new_projects_per_minute: float = Field(60.0, gt=0, le=1e9, description="How many more each minute brings.")
    new_values_at_once: int = Field(
        1000, ge=1, le=1_000_000, description="New models, sources and scores to count apart, likewise."
    )
    new_values_per_minute: float = Field(60.0, gt=0, le=1e9, description="How many more each minute brings.")
    max_message_mib: int = Field(16, ge=1, le=256, description="Largest message taken in, in MiB.")
    bytes_in_flight_mib: int | None = Field(
        None,
        ge=4,
        le=65_536,
        description="MiB that calls in progress may hold; unset: six times the largest message.",
    )
    arrival_seconds: float = Field(
        30.0, gt=0, le=3600, description="How long the message of a call may take to arrive."
    )
    memory_limit_mib: int = Field(
        320, ge=64, le=1_048_576, description="MiB of memory above which messages that have not arrived are given up."
    )
    streams_per_connection: int = Field(256, ge=1, le=100_000, description="Calls at once on one connection.")
    fast_accept: bool = Field(True, description="Take calls through gRPC's internals, which is faster under load.")
    connections: int = Field(1024, ge=1, le=1_000_000, description="Connections at once.")
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
        10.0,
        gt=0,
        le=600,
        description="How long a subscriber may be behind these, or not take a message, before its stream ends.",
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

    @property
    def bytes_in_flight(self) -> int:
        """In bytes. What a connection without a key may hold of it, a quarter, has room for the largest message."""
        return (self.bytes_in_flight_mib or 6 * self.max_message_mib) * 1024 * 1024

    @model_validator(mode="after")
    def _largest_message_fits(self) -> "Settings":
        if self.bytes_in_flight < 5 * self.max_message_mib * 1024 * 1024:
            raise ValueError("UPTAKE_BYTES_IN_FLIGHT_MIB must be at least five times UPTAKE_MAX_MESSAGE_MIB")
        return self

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
        StartupError: A setting is wrong, or there is none of its name; the message names the variable and what is
            allowed.
    """
    refuse_unknown_variables()
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings(**given)  # type: ignore[arg-type]
    except ValidationError as error:
        problems = []
        for problem in error.errors():
            name = _PREFIX + "_".join(str(part) for part in problem["loc"]).upper() + ": " if problem["loc"] else ""
            problems.append(name + problem["msg"].removeprefix("Value error, "))
        raise StartupError("bad setting: " + "; ".join(problems)) from None


def refuse_unknown_variables() -> None:
    """Checks that every variable with the prefix means something: a misspelt one would change nothing, in silence.

    One that is like no setting may be another program's: a warning says that it is ignored. What Kubernetes sets for a
    Service whose name begins with "uptake" is left alone.

    Raises:
        StartupError: One is like a setting and is none; the message tells which was probably meant.
    """
    known = [
        *(name.upper() for name in Settings.model_fields),
        *(name.removeprefix(_PREFIX) for name in OTHER_VARIABLES),
    ]
    problems = []
    for name, value in sorted(os.environ.items()):
        given = name.upper().removeprefix(_PREFIX)
        if not name.upper().startswith(_PREFIX) or given in known or _is_service_link(name, value):
            continue
        close = difflib.get_close_matches(given, known, n=1)
        if close:
            problems.append(f"{name}: there is no such setting; did you mean {_PREFIX}{close[0]}?")
        else:
            _log.warning("uptake: %s is ignored: there is no such setting; docs/settings.md lists all", name)
    if problems:
        raise StartupError("bad setting: " + "; ".join(problems))


def _is_service_link(name: str, value: str) -> bool:
    return bool(_SERVICE_LINK.search(name)) or (name.endswith("_PORT") and value.startswith(("tcp://", "udp://")))


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
