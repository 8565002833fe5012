"""A gate before Prometheus, as clusters have one: it asks for a bearer token, and speaks TLS where that is wanted."""

from __future__ import annotations

import ssl
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from e2e.stack.certificates import Pair

SECONDS_TO_ANSWER = 10


@contextmanager
def gate(prometheus_url: str, token: str = "", pair: Pair | None = None) -> Iterator[str]:
    """The gate's address. Without a token it lets everybody in."""

    class Handler(_Handler):
        behind, wanted = prometheus_url, f"Bearer {token}" if token else ""

    with _serving(Handler, pair) as address:
        yield address


@contextmanager
def page() -> Iterator[str]:
    """Address of a web site that is no Prometheus."""
    with _serving(_Page, None) as address:
        yield address


class _Handler(BaseHTTPRequestHandler):
    behind = ""
    wanted = ""

    def do_GET(self) -> None:
        if self.wanted and self.headers.get("Authorization") != self.wanted:
            self.answer(401, "text/plain", b"who are you?")
            return
        try:
            with urllib.request.urlopen(self.behind + self.path, timeout=SECONDS_TO_ANSWER) as answer:
                self.answer(answer.status, answer.headers["Content-Type"], answer.read())
        except urllib.error.HTTPError as refused:
            self.answer(refused.code, refused.headers["Content-Type"], refused.read())

    def answer(self, status: int, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing: pytest shows what matters."""


class _Page(_Handler):
    def do_GET(self) -> None:
        self.answer(200, "text/html; charset=utf-8", b"<html>Welcome to our intranet</html>")


@contextmanager
def _serving(handler: type[BaseHTTPRequestHandler], pair: Pair | None) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    if pair:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pair.certificate, pair.key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True, name="gate")
    thread.start()
    try:
        yield f"{'https' if pair else 'http'}://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
