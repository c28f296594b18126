"""The command line of the service, `uptake`."""

import asyncio
import contextlib
import gc
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

# What goes wrong is told in a line, by us; gRPC's core would write lines of its own beside it. Read at its import.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

import grpc

from uptake_service.cli.connection import Connection
from uptake_service.cli.options import NOT_REACHED, connected, setting_options
from uptake_service.config import load_settings
from uptake_service.domain.errors import StartupError
from uptake_service.rpc.logs import configure_logging

_log = logging.getLogger("uptake")

_YOUNG_OBJECTS = 50_000
"""How many new objects make Python look for cycles among them; its default is 700."""


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="uptake-service", prog_name="uptake")
def cli() -> None:
    """Uptake, the feedback service behind an AI product.

    Every setting can be given as an environment variable UPTAKE_NAME; flags win.
    """


@cli.command()
@setting_options("host", "port", "mongodb_uri", "database", "data_dir", "allow_insecure", "require_keys", "log_level")
def serve(**flags: Any) -> None:
    """Run the service until SIGTERM or Ctrl-C."""
    from uptake_service.app.server import serve as run  # Heavy, like the next: only this command needs them.
    from uptake_service.rpc.event_loop import EventLoop

    settings = load_settings(**flags)
    configure_logging(settings.log_level)

    def ready(port: int) -> None:
        # What was loaded stays, and calls leave few cycles: looking through all of it took a tenth of the time.
        gc.freeze()
        gc.set_threshold(_YOUNG_OBJECTS)
        _log.info("listening on %s:%d", settings.host, port)

    with asyncio.Runner(loop_factory=EventLoop) as runner:
        runner.run(run(settings, ready))


@cli.command()
def demo() -> None:
    """Show the main job on the embedded database, in a temporary folder."""
    from uptake_service.cli.demo.show import show

    sys.exit(asyncio.run(show()))


@cli.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--map",
    "mappings",
    multiple=True,
    metavar="FIELD=COLUMN",
    help="Where a field comes from; see docs/cli.md. May be repeated.",
)
@click.option("--delimiter", default="", metavar="CHARACTER", help="What parts cells, or 'tab'. Default: what fits.")
@click.option("--fill-short-rows", is_flag=True, help="Take CSV rows that lack cells at their end; those are empty.")
@click.option("--dry-run", is_flag=True, help="Send nothing; show what would be stored. Needs no service.")
@connected
def import_(
    file: Path,
    mappings: tuple[str, ...],
    delimiter: str,
    fill_short_rows: bool,
    dry_run: bool,
    connection: Connection,
) -> None:
    """Send the feedback in FILE: JSON lines or CSV, either gzipped. A second import adds nothing.

    \b
    Exits with 0 if every row was accepted, skipped by the mapping, or is known to be erased or expired;
    with 1 if a row was bad, or the import could not start or had to stop;
    with 2 if the command was called wrongly.
    """
    from rich.console import Console

    from uptake_service.cli.importing.reading import Options

    mapping: dict[str, str] = {}
    for text in mappings:
        field, separator, column = text.partition("=")
        if not separator or not field:
            raise click.BadParameter(f"{text!r} is not FIELD=COLUMN", param_hint="--map")
        if field in mapping:
            raise click.BadParameter(f"{field} is mapped twice", param_hint="--map")
        mapping[field] = column
    delimiter = "\t" if delimiter in ("tab", "\\t") else delimiter
    if len(delimiter) > 1 or delimiter in ('"', "\r", "\n"):
        raise click.BadParameter(f"{delimiter!r} is not one character that can part cells", param_hint="--delimiter")
    options = Options(mapping, delimiter, fill_short_rows)
    if dry_run:
        from uptake_service.cli.importing.preview import run_preview

        sys.exit(run_preview(file, options, Console()))

    connection.need_service()
    from uptake_service.cli.importing.command import run_import

    async def run() -> int:
        # A restart of the service must not end it half-way.
        async with connection.client(timeout_seconds=60.0, connect_timeout_seconds=20.0) as client:
            code: int = await run_import(client, file, options, Console())
            return code

    sys.exit(asyncio.run(run()))


@cli.command()
@click.option(
    "--state",
    "states",
    multiple=True,
    type=click.Choice(["open", "claimed", "resolved", "dismissed", "closed"]),
    help="Only reviews in this state; may be repeated. Default open and claimed.",
)
@click.option("--order", type=click.Choice(["urgent", "newest"]), default="urgent", show_default=True)
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="How many at most.")
@connected
@click.option("--watch", is_flag=True, help="Follow them as they change, most urgent first, until Ctrl-C.")
def reviews(states: tuple[str, ...], order: str, limit: int, connection: Connection, watch: bool) -> None:
    """List the reviews: patterns whose answers turned bad."""
    from rich.console import Console

    from uptake_service.cli.reviews import show_reviews
    from uptake_service.cli.watching import watch_reviews

    wanted = states or ("open", "claimed")

    def show(client: Any) -> Any:
        if watch:
            connection.need_service()
            return watch_reviews(client, Console(), states=wanted)
        return show_reviews(client, Console(), states=wanted, order=order, limit=limit)

    _with_client(connection, show)


@cli.command()
@click.option("--days", type=click.IntRange(1, 3650), default=30, show_default=True, help="How far to look back.")
@connected
@click.option("--watch", is_flag=True, help="Follow the numbers and what happens, until Ctrl-C.")
def insights(days: int, connection: Connection, watch: bool) -> None:
    """Show what the feedback means: numbers, issues, what to improve, corrections."""
    from rich.console import Console

    from uptake_service.cli.insights import show_insights
    from uptake_service.cli.watching import watch_insights

    def show(client: Any) -> Any:
        if watch:
            connection.need_service()
            return watch_insights(client, Console())
        return show_insights(client, Console(), days=days)

    _with_client(connection, show)


@cli.command()
@click.argument("id", required=False)
@click.option(
    "--state",
    "states",
    multiple=True,
    type=click.Choice(["new", "ongoing", "escalating", "resolved", "regressed", "ignored"]),
    help="Only issues in this state; may be repeated. Default all but ignored.",
)
@click.option("--days", type=click.IntRange(1, 3650), default=30, show_default=True, help="How far to look back.")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="How many at most.")
@click.option("--refresh", is_flag=True, help="Look for issues before listing them.")
@connected
def issues(
    id: str | None, states: tuple[str, ...], days: int, limit: int, refresh: bool, connection: Connection
) -> None:
    """List what users complain of, most frequent first, or show the issue ID."""
    from rich.console import Console

    from uptake_service.cli.issues import show_issue, show_issues

    def show(client: Any) -> Any:
        if id:
            return show_issue(client, Console(), id)
        return show_issues(client, Console(), states=states, days=days, limit=limit, refresh=refresh)

    _with_client(connection, show)


@cli.command()
@click.argument("id", required=False)
@click.option(
    "--state",
    "states",
    multiple=True,
    type=click.Choice(["applied", "superseded", "reverted"]),
    help="Only corrections in this state; may be repeated. Default all.",
)
@click.option(
    "--verdict",
    "verdicts",
    multiple=True,
    type=click.Choice(["improved", "worse", "no-change", "not-enough-data"]),
    help="Only corrections with this verdict; may be repeated. Default all.",
)
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="How many at most.")
@connected
def corrections(
    id: str | None, states: tuple[str, ...], verdicts: tuple[str, ...], limit: int, connection: Connection
) -> None:
    """List corrections of knowledge and instructions, newest first, with their verdicts, or show the correction ID."""
    from rich.console import Console

    from uptake_service.cli.corrections import show_correction, show_corrections

    def show(client: Any) -> Any:
        if id:
            return show_correction(client, Console(), id)
        return show_corrections(client, Console(), states=states, verdicts=verdicts, limit=limit)

    _with_client(connection, show)


@cli.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--reviewer", required=True, help="Who applies them.")
@click.option("--dry-run", is_flag=True, help="Only show what would change, as differences.")
@click.option("--again", default="", metavar="NAME", help="Apply an equal file once more, once for each NAME.")
@connected
def apply(file: Path, reviewer: str, dry_run: bool, again: str, connection: Connection) -> None:
    """Apply the corrections in FILE: drafts as JSON, one a line or in an array.

    \b
    {"knowledge": {"key": "refunds/time-limit", "content": "30 days."}, "base_revision": 1}
    {"instructions": {"name": "support", "content": "Be kind."}, "note": "why"}

    A second run of the same file applies nothing twice. Exits with 1 if one could not be applied.
    """
    from rich.console import Console

    from uptake_service.cli.apply import BadFile, run_apply

    raw = file.read_bytes()

    async def run() -> int:
        async with connection.client(timeout_seconds=60.0) as client:
            code: int = await run_apply(client, raw, reviewer, Console(), dry_run=dry_run, again=again)
            return code

    try:
        sys.exit(asyncio.run(run()))
    except BadFile as error:
        raise StartupError(f"{file}: {error}") from None


@cli.command()
@click.option("--html", "file", required=True, type=click.Path(dir_okay=False, path_type=Path), help="Where to.")
@click.option("--days", type=click.IntRange(1, 3650), default=30, show_default=True, help="How far to look back.")
@connected
def report(file: Path, days: int, connection: Connection) -> None:
    """Write what the feedback means to one HTML page with plots, which needs nothing else."""
    from rich.console import Console

    from uptake_service.cli.report.command import write_report

    _with_client(
        connection, lambda client: write_report(client, Console(), file, project=connection.project, days=days)
    )


@cli.command()
@click.option("--days", type=click.IntRange(1, 36_500), default=30, show_default=True, help="How far to look back.")
@connected
def audit(days: int, connection: Connection) -> None:
    """Print who changed what, newest first, as JSON lines. Needs an admin's key where keys are needed."""
    from uptake_service.cli.audit import write_audit

    _with_client(connection, lambda client: write_audit(client, days))


@cli.command()
@setting_options("mongodb_uri", "database", "data_dir")
def check(**flags: Any) -> None:
    """Recount everything from the feedback, and name what differs. Exits with 1 if anything does."""
    from uptake_service.cli.check import run_check

    sys.exit(asyncio.run(run_check(load_settings(**flags))))


@cli.command()
@connected
def health(connection: Connection) -> None:
    """Ask whether the service serves; exits with 0 if it does."""
    from grpc_health.v1 import health_pb2, health_pb2_grpc

    try:
        with connection.channel() as channel:
            stub = health_pb2_grpc.HealthStub(channel)
            status = stub.Check(health_pb2.HealthCheckRequest(), timeout=3.0).status
    except grpc.RpcError as error:
        why = connection.why_unreachable() if error.code() in NOT_REACHED else ""
        raise StartupError(why or f"no service answers at {connection.address} ({error.code().name})") from None
    name = health_pb2.HealthCheckResponse.ServingStatus.Name(status)
    click.echo(name)
    sys.exit(0 if status == health_pb2.HealthCheckResponse.SERVING else 1)


@cli.group()
def keys() -> None:
    """Make, list and revoke API keys, in the service's database."""


@keys.command()
@click.argument("name")
@click.option("--role", type=click.Choice(["collector", "reader", "reviewer", "admin"]), required=True)
@click.option("--project", "projects", multiple=True, help="Only for this project; may be repeated. Default all.")
@click.option("--expires", metavar="DAYS", type=click.IntRange(1, 3650), help="In so many days. Default never.")
@click.option(
    "--calls-per-second", type=click.FloatRange(0, 1_000_000), default=0.0, help="How many at most. Default no limit."
)
@setting_options("mongodb_uri", "database", "data_dir")
def create(
    name: str, role: str, projects: tuple[str, ...], expires: int | None, calls_per_second: float, **flags: Any
) -> None:
    """Make a key called NAME. It is shown once."""
    from uptake_service.cli.keys import create_key

    asyncio.run(create_key(load_settings(**flags), name, role, projects, expires, calls_per_second))


@keys.command("list")
@setting_options("mongodb_uri", "database", "data_dir")
def list_(**flags: Any) -> None:
    """List the keys, the newest first; their secrets are not known to anybody."""
    from uptake_service.cli.keys import show_keys

    asyncio.run(show_keys(load_settings(**flags)))


@keys.command()
@click.argument("id")
@setting_options("mongodb_uri", "database", "data_dir")
def revoke(id: str, **flags: Any) -> None:
    """End the key ID for good. It takes effect within 6 seconds, for open streams too."""
    from uptake_service.cli.keys import revoke_key

    asyncio.run(revoke_key(load_settings(**flags), id))


def _with_client(connection: Connection, show: Callable[[Any], Any]) -> None:
    async def run() -> None:
        async with connection.client() as client:
            await show(client)

    # Ctrl-C is how one stops watching.
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(run())


def main() -> None:
    """Runs the command line; what cannot be done is one line on standard error and exit code 1."""
    try:
        cli()
    except StartupError as error:
        click.echo(f"uptake: {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
