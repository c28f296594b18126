"""`uptake check`: recounts everything, on the database that runs or on one that it starts."""

import contextlib

import click

from uptake_service.app import open_database
from uptake_service.check import check
from uptake_service.clock import Clock
from uptake_service.config import Settings
from uptake_service.errors import DatabaseUnavailable, StartupError
from uptake_service.mongo.client import Mongo
from uptake_service.mongo.embedded import running_address

_TIMEOUT_SECONDS = 600.0


async def run_check(settings: Settings) -> int:
    """Prints what differs, a line each; returns 0 when nothing does.

    Raises:
        StartupError: The database cannot be reached or started.
    """
    # Some of what it reads is all of a collection.
    settings = settings.model_copy(
        update={"database_timeout_seconds": max(settings.database_timeout_seconds, _TIMEOUT_SECONDS)}
    )
    running = None if settings.mongodb_uri else running_address(settings.data_dir)
    if running:
        settings = settings.model_copy(update={"mongodb_uri": running})
    async with contextlib.AsyncExitStack() as cleanup:
        mongo: Mongo = await open_database(settings, cleanup)
        try:
            differences = await check(mongo, Clock())
        except DatabaseUnavailable:
            raise StartupError("the database stopped answering during the recount; run it again") from None
    for difference in differences:
        click.echo(difference)
    click.echo(f"{len(differences)} differences" if differences else "everything adds up", err=True)
    return 1 if differences else 0
