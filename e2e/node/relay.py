"""Offers a port of this machine's loopback on the link to the node, so that pods reach what runs beside it."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading


class Relay:
    """Listens on `address`:`port` and passes connections on to 127.0.0.1:`port`, until closed."""

    def __init__(self, address: str, port: int) -> None:
        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                # A server that is down closes the connection, which is what its clients would see of it.
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)) as behind:
                    back = threading.Thread(target=_pass_on, args=(behind, self.request), daemon=True)
                    back.start()
                    _pass_on(self.request, behind)
                    back.join()

        self._server = _Server((address, port), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True, name=f"relay-{port}").start()

    def close(self) -> None:
        """Takes no more connections; those that are open go on until their ends close them."""
        self._server.shutdown()
        self._server.server_close()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    """Copies until the source ends, and says so to the target."""
    with contextlib.suppress(OSError):
        while part := source.recv(65536):
            target.sendall(part)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
