"""What a kubelet asks: does this replica live? Both the one that leads and those that wait answer 200.

The server runs in the event loop of the work, so that a replica whose loop is stuck is found dead and restarted.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiohttp import web

PATH = "/healthz"


@asynccontextmanager
async def answering(host: str, port: int, leads: Callable[[], bool]) -> AsyncIterator[None]:
    """Answer on this port within the block; port 0 means: not served."""

    async def answer(_: web.Request) -> web.Response:
        said = web.json_response({"leads": leads()})
        said.force_close()  # kopf waits at its end for tasks that it does not know, so no connection may stay
        return said

    application = web.Application()
    application.router.add_get(PATH, answer)
    runner = web.AppRunner(application, handle_signals=False, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        if port:
            await web.TCPSite(runner, host, port).start()
        yield
    finally:
        await runner.cleanup()
