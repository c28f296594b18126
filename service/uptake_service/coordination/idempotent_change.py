"""Changes that a caller may ask for again: made once for each request id."""

from collections.abc import Awaitable, Callable

from uptake_service.coordination.idempotency import RequestKey, RequestRecords
from uptake_service.domain.errors import Conflict, DuplicateKey
from uptake_service.mongo.session import Session

Transact = Callable[[Callable[[Session], Awaitable[str]]], Awaitable[str]]
"""Runs what it is given in a transaction, which may run it again."""

_RACE_TRIES = 4


async def idempotent_change(
    requests: RequestRecords, key: RequestKey | None, transact: Transact, change: Callable[[Session], Awaitable[str]]
) -> str:
    """Makes a change once for its request id.

    Args:
        requests: The records of what was made.
        key: The call; None for one that is not to be repeated.
        transact: What runs a transaction.
        change: Makes the change in it, and names what it made: an id, or what tells a repeated call the same.

    Returns:
        What `change` named; of a repeated call, what it named then.

    Raises:
        DomainError: The id was used with other content, or `change` raised it.
        Conflict: Again and again another made what `change` wants to make, or recorded the same call, since this one
            looked.
    """

    async def once(session: Session) -> str:
        if key is None:
            return await change(session)
        # All that the record needs is read before the change: once that appended events, their counter is locked, and
        # nothing is to be asked for before the commit.
        made, now = await session.gather(requests.resource_of(key, session=session), requests.now(session))
        if made is not None:
            return str(made)
        resource = await change(session)
        await requests.add_expiring(key, resource, now=now, session=session)
        return resource

    for tries_left in reversed(range(_RACE_TRIES)):
        try:
            return await transact(once)
        except DuplicateKey:
            # What this one did not see was recorded since, by an equal call or another: look again.
            if not tries_left:
                raise Conflict from None
    raise AssertionError
