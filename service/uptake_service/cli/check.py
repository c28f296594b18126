"""`uptake check`: recounts everything, on the database that runs or on one that it starts."""

import contextlib

import click

from uptake_service.app.check import check
from uptake_service.config import Settings
from uptake_service.domain.clock import Clock
from uptake_service.domain.errors import DatabaseUnavailable, StartupError
from uptake_service.mongo.opening import open_existing

_TIMEOUT_SECONDS = 600.0
"""Some of what it reads is all of a collection."""


async def run_check(settings: Settings) -> int:
    """Prints what differs, a line each; returns 0 when nothing does.

    Raises:
        StartupError: There is no database, or it cannot be reached or started.
    """
    async with contextlib.AsyncExitStack() as cleanup:
        mongo = await open_existing(settings, cleanup, max(settings.database_timeout_seconds, _TIMEOUT_SECONDS))
        try:
            differences = await check(mongo, Clock())
        except DatabaseUnavailable:
            raise StartupError("the database stopped answering during the recount; run it again") from None
    for difference in differences:
        click.echo(difference)
    click.echo(f"{len(differences)} differences" if differences else "everything adds up", err=True)
    return 1 if differences else 0
