"""`uptake audit`: who changed what, as JSON lines."""

from datetime import UTC, datetime, timedelta

import click
from google.protobuf.json_format import MessageToJson
from uptake import Client


async def write_audit(client: Client, days: int) -> None:
    """Prints the changes of the last days, newest first, each as the contract's JSON of an AuditEvent on a line."""
    async for event in client.projects.audit_events(start=datetime.now(UTC) - timedelta(days=days), page_size=1000):
        click.echo(MessageToJson(event, indent=None, preserving_proto_field_name=True))
