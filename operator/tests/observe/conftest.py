import socket
from collections.abc import AsyncIterator, Callable

import pytest
from modelrollout.observe.batching import Reader


@pytest.fixture
async def reader() -> AsyncIterator[Reader]:
    reader = Reader()
    yield reader
    await reader.close()


@pytest.fixture
def unused() -> Callable[[], str]:
    """Gives an address at which nobody listens."""

    def address() -> str:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            return f"http://127.0.0.1:{taken.getsockname()[1]}"

    return address
