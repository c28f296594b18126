"""Whether a port can be listened on: asked before anything is made that would be left when it cannot."""

import asyncio

from uptake_service.domain.errors import StartupError


async def need_port(host: str, port: int) -> None:
    """Listens for a moment; 0 is always free.

    Raises:
        StartupError: The port cannot be had.
    """
    try:
        server = await asyncio.get_running_loop().create_server(asyncio.Protocol, host, port)
    except OSError:
        raise cannot_listen(host, port) from None
    server.close()
    await server.wait_closed()


def cannot_listen(host: str, port: int, setting: str = "UPTAKE") -> StartupError:
    """The error for a port that cannot be had; `setting` is how the names of its settings begin."""
    return StartupError(
        f"cannot listen on {host}:{port}: the port is taken, or the address is not this machine's; "
        f"set {setting}_PORT or {setting}_HOST"
    )
