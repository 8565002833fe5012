"""etcd and kube-apiserver as plain processes, for tests that ask the real API server."""

import contextlib
import os
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import yaml
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

ROOT = Path(__file__).parents[3]
TOKEN = "admin-of-the-tests"


@dataclass(frozen=True)
class ApiServer:
    """A running API server: its address and how to ask it."""

    url: str
    directory: Path

    @property
    def kubeconfig(self) -> Path:
        return self.directory / "kubeconfig"

    def client(self, path: str = "", token: str = TOKEN) -> httpx.Client:
        """An HTTP client as the holder of the token."""
        verify = ssl.create_default_context(cafile=self.directory / "certs" / "apiserver.crt")
        headers = {"Authorization": f"Bearer {token}"}
        return httpx.Client(base_url=self.url + path, headers=headers, verify=verify, timeout=30)

    def kubectl(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """kubectl as the admin; its output is text."""
        command = [str(self.directory / "kubectl"), f"--kubeconfig={self.kubeconfig}", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        if check and done.returncode:
            raise AssertionError(f"kubectl {' '.join(arguments)}: {done.stderr}")
        return done


@contextlib.contextmanager
def running(directory: Path) -> Iterator[ApiServer]:
    """The API server while the block runs; both processes are gone afterwards."""
    client_port, peer_port, port = _free_ports(3)
    server = ApiServer(f"https://127.0.0.1:{port}", directory)
    _prepare(server)
    etcd = f"http://127.0.0.1:{client_port}"
    with (
        _process(directory, "etcd", _etcd_options(directory, etcd, f"http://127.0.0.1:{peer_port}")),
        _process(directory, "kube-apiserver", _api_options(directory, etcd, port)) as process,
    ):
        _wait_until_ready(server, process)
        yield server


def _etcd_options(directory: Path, url: str, peer_url: str) -> list[str]:
    return [
        f"--data-dir={directory / 'data'}",
        f"--listen-client-urls={url}",
        f"--advertise-client-urls={url}",
        f"--listen-peer-urls={peer_url}",
        "--unsafe-no-fsync",
    ]


def _api_options(directory: Path, etcd: str, port: int) -> list[str]:
    return [
        f"--etcd-servers={etcd}",
        f"--cert-dir={directory / 'certs'}",
        f"--secure-port={port}",
        "--bind-address=127.0.0.1",
        f"--service-account-key-file={directory / 'sa.key'}",
        f"--service-account-signing-key-file={directory / 'sa.key'}",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--token-auth-file={directory / 'tokens.csv'}",
        "--authorization-mode=RBAC",
        "--service-cluster-ip-range=10.0.0.0/24",
    ]


def _prepare(server: ApiServer) -> None:
    binary = _binary()
    for name in ("etcd", "kube-apiserver", "kubectl"):
        (server.directory / name).symlink_to(binary)
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    text = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    (server.directory / "sa.key").write_bytes(text)
    (server.directory / "tokens.csv").write_text(f"{TOKEN},admin,admin,system:masters\n")
    certificate = str(server.directory / "certs" / "apiserver.crt")
    cluster = {"server": server.url, "certificate-authority": certificate}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "tests",
        "clusters": [{"name": "tests", "cluster": cluster}],
        "users": [{"name": "tests", "user": {"token": TOKEN}}],
        "contexts": [{"name": "tests", "context": {"cluster": "tests", "user": "tests"}}],
    }
    server.kubeconfig.write_text(yaml.safe_dump(config))


def _binary() -> Path:
    """The control plane's multi-call binary: `CONTROLPLANE`, the cache, or PATH."""
    found = os.environ.get("CONTROLPLANE") or shutil.which(
        "controlplane", path=f"{ROOT / '.cache' / 'bin'}:{os.environ['PATH']}"
    )
    if not found:
        raise FileNotFoundError("the control plane's binary is missing: build the tools of the local stack first")
    return Path(found)


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


@contextlib.contextmanager
def _process(directory: Path, name: str, options: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    with (directory / f"{name}.log").open("wb") as log:
        process = subprocess.Popen([str(directory / name), *options], stdout=log, stderr=log)
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_until_ready(server: ApiServer, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 90
    while process.poll() is None and time.monotonic() < deadline:
        # The certificate appears when the server first starts.
        with contextlib.suppress(OSError, httpx.HTTPError), server.client() as client:
            if client.get("/readyz").status_code == 200:
                return
        time.sleep(0.1)
    log = (server.directory / "kube-apiserver.log").read_text(errors="replace").splitlines()
    raise AssertionError("kube-apiserver is not ready; its last words:\n" + "\n".join(log[-15:]))
