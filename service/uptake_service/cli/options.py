"""The flags that commands share: settings of the service, and where it is."""

import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click
import grpc

from uptake_service.cli.connection import Connection
from uptake_service.config import Settings, refuse_unknown_variables
from uptake_service.domain.errors import StartupError

NOT_REACHED = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)
"""The status of a call that did not reach the service."""

_SHOWN_TYPES: Mapping[Any, str] = {int: "INTEGER", Path: "DIRECTORY"}
"""What help says that a setting takes, which the settings themselves check."""


def setting_options(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A flag for each of these settings, described as the setting is."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for name in reversed(names):
            field = Settings.model_fields[name]
            default = f" Default {field.default}." if field.default not in (None, "", False) else ""
            flag: dict[str, Any] = {"metavar": _SHOWN_TYPES.get(field.annotation, "TEXT")}
            if field.annotation is bool:
                flag = {"is_flag": True, "default": None}
            command = click.option("--" + name.replace("_", "-"), name, help=f"{field.description}{default}", **flag)(
                command
            )
        return command

    return decorate


def connected(command: Callable[..., Any]) -> Callable[..., Any]:
    """The flags that tell where the service is and who asks, as the argument `connection`."""

    @functools.wraps(command)
    def run(address: str, project: str, api_key: str, tls_ca: Path | None, **rest: Any) -> Any:
        from uptake import UptakeError  # Heavy: only commands that call need it.

        refuse_unknown_variables()
        connection = Connection(address, project, api_key, tls_ca)
        try:
            return command(connection=connection, **rest)
        except UptakeError as error:
            # With a reason it comes from the service.
            unreached = not error.reason and error.code in NOT_REACHED
            why = connection.why_unreachable() if unreached else ""
            raise StartupError(why or str(error)) from None

    for option in (
        click.option(
            "--tls-ca",
            envvar="UPTAKE_TLS_CA_FILE",
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            help="Speak TLS; PEM file of the authority that the service's certificate is of.",
        ),
        click.option("--api-key", default="", envvar="UPTAKE_API_KEY", help="The key, where the service wants one."),
        click.option("--project", default="default", show_default=True, help="The project."),
        click.option(
            "--address",
            default="localhost:50051",
            envvar="UPTAKE_ADDRESS",
            show_default=True,
            help="Where the service is.",
        ),
    ):
        run = option(run)
    return run
