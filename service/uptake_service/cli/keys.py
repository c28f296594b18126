"""`uptake keys`: who may call."""

import contextlib
import getpass
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta

import click
from rich.console import Console
from rich.text import Text

from uptake_service.auth.keys import KeyStore
from uptake_service.cli.tables import one_line, over, two_line_table
from uptake_service.config import Settings
from uptake_service.domain.access import Key, Role
from uptake_service.domain.caller import Caller, set_caller
from uptake_service.domain.clock import Clock
from uptake_service.domain.errors import DatabaseUnavailable, StartupError
from uptake_service.mongo.opening import open_existing


async def create_key(
    settings: Settings,
    name: str,
    role: str,
    projects: Sequence[str],
    expires_days: int | None,
    calls_per_second: float,
) -> None:
    """Makes a key and prints it: the text alone on standard output, what it is for on standard error."""
    lifetime = timedelta(days=expires_days) if expires_days else None
    async with _store(settings) as keys:
        key, text = await keys.create(
            name, Role(role.upper()), tuple(projects), lifetime=lifetime, calls_per_second=calls_per_second
        )
    click.echo(text)
    click.echo(f"key {key.id} of the role {role}, for {_projects(key)}; it is not shown again", err=True)


async def show_keys(settings: Settings) -> None:
    async with _store(settings) as keys:
        found = await keys.list()
    console = Console()
    if not found:
        console.print("  there are no keys: `uptake keys create NAME --role reader` makes one")
        return
    table = two_line_table("key, role", "projects, limit", "made, state", wide="name")
    now = datetime.now(UTC)
    for key in found:
        limit = f"{key.calls_per_second:g} calls a second" if key.calls_per_second else "no limit"
        table.add_row(
            over(key.id, key.role.lower()),
            over(_projects(key), limit),
            over(f"{key.create_time:%d %b %Y}", _state(key, now)),
            Text(one_line(key.name, 80)),
        )
    console.print(table)


async def revoke_key(settings: Settings, id: str) -> None:
    """Raises StartupError when there is no such key that holds."""
    async with _store(settings) as keys:
        if not await keys.revoke(id):
            raise StartupError(f"there is no key {id} to revoke; `uptake keys list` shows them")
    click.echo(f"key {id} is revoked", err=True)


@contextlib.asynccontextmanager
async def _store(settings: Settings) -> AsyncIterator[KeyStore]:
    """The keys, in the database that the service uses."""
    # On the database there is no call; the audit log names the command and who ran it.
    set_caller(Caller(method="uptake keys", peer=f"{getpass.getuser()} at a command line"))
    async with contextlib.AsyncExitStack() as cleanup:
        keys = KeyStore(await open_existing(settings, cleanup), Clock())
        try:
            yield keys
        except DatabaseUnavailable as error:
            raise StartupError(error.message) from None


def _projects(key: Key) -> str:
    return ", ".join(key.projects) or "all projects"


def _state(key: Key, now: datetime) -> str:
    if key.revoke_time:
        return f"revoked {key.revoke_time:%d %b %Y}"
    if key.expire_time is None:
        return "holds"
    return f"{'holds until' if key.is_valid(now) else 'expired'} {key.expire_time:%d %b %Y}"
