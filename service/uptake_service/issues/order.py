"""What the service and the process that clusters say to each other.

Apart from what that process does, which needs libraries that would take the service longer to load than all the rest.
"""

from datetime import datetime, timedelta

from uptake_service.domain.model import Model

SUPERSEDED = 3
"""Exit code: a newer run, or a person's decision, came in between."""

ORPHANED = 4
"""Exit code: the service that started it is gone."""


class Order(Model):
    """What the process is to do."""

    uri: str
    database: str
    timeout_seconds: float
    project: str
    fence: int
    now: datetime
    window: timedelta
    seed: int
    event_retention_days: int
    request_retention_days: int
