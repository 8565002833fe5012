"""A real MLServer process with the committed artefacts and some faulty copies of them."""

import itertools
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np

ARTEFACTS = Path(__file__).parents[1] / "artefacts"
STEPS, FEATURES = 10, 35
PORTS = range(15_000, 20_000)  # the local stack has those above
FAULTY = {
    "slow": {"delay_ms": "120"},  # strings, as a Seldon Model hands them over
    "crawling": {"delay_ms": 2_500},
    "erring": {"error_rate": "0.3", "fault_seed": "7"},
    "trend_3": {},
}


@dataclass(frozen=True)
class Server:
    """A running MLServer, its HTTP clients and its repository folder."""

    http: httpx.Client
    grpc_address: str
    metrics_url: str
    repository: Path

    def infer(self, model: str, *inputs: dict[str, Any]) -> httpx.Response:
        return self.http.post(f"/v2/models/{model}/infer", json={"inputs": list(inputs)})

    def send(self, model: str, body: bytes, **headers: str) -> httpx.Response:
        """A body as it is, whether it is JSON or not."""
        headers = {"Content-Type": "application/json"} | {key.replace("_", "-"): it for key, it in headers.items()}
        return self.http.post(f"/v2/models/{model}/infer", content=body, headers=headers)

    def load(self, model: str) -> httpx.Response:
        return self.http.post(f"/v2/repository/models/{model}/load")

    def refusal_to_load(self, model: str, reason: str) -> str:
        """What the server says to a load that must fail and be counted, while the other models go on."""
        before = self.find_metric("direction_load_failed_total", model=model, reason=reason) or 0
        answer = self.load(model)
        assert answer.status_code == 422, answer.text
        assert self.metric("direction_load_failed_total", model=model, version="", reason=reason) == before + 1
        assert self.infer("baseline", tensor()).status_code == 200
        return str(answer.json()["error"])

    def unload(self, model: str) -> httpx.Response:
        return self.http.post(f"/v2/repository/models/{model}/unload")

    def add(self, model: str, extra: dict[str, Any], source: str = "baseline", **changes: Any) -> Path:
        """Copy an artefact into the repository under another name, with other parameters and settings."""
        folder = self.repository / model
        shutil.copytree(ARTEFACTS / source, folder, dirs_exist_ok=True)
        settings = json.loads((folder / "model-settings.json").read_text()) | changes
        settings |= {"name": model, "parameters": settings["parameters"] | {"extra": extra}}
        (folder / "model-settings.json").write_text(json.dumps(settings))
        return folder

    def metric(self, name: str, **labels: str) -> float:
        """The value of one sample on the metrics page; fails when it is not there."""
        found = self.find_metric(name, **labels)
        assert found is not None, f"{name} with {labels} is not on the metrics page"
        return found

    def find_metric(self, name: str, **labels: str) -> float | None:
        """The value of one sample on the metrics page, or None while it is not there."""
        wanted = {f'{key}="{value}"' for key, value in labels.items()}
        for line in httpx.get(self.metrics_url, timeout=180).text.splitlines():
            if line.startswith(name + "{") and wanted <= set(line[len(name) + 1 : line.rindex("}")].split(",")):
                return float(line.rsplit(" ", 1)[1])
        return None


def tensor(batch: int = 1, seed: int = 5, **changes: Any) -> dict[str, Any]:
    """A good input with some fields changed."""
    values = np.random.default_rng(seed).standard_normal((batch, STEPS, FEATURES)).astype(np.float32)
    good = {"name": "input_data", "datatype": "FP32", "shape": list(values.shape), "data": values.ravel().tolist()}
    return good | changes


@contextmanager
def running(repository: Path) -> Iterator[Server]:
    """MLServer over that folder, ready, on free ports; stopped at the end."""
    http_port, grpc_port, metrics_port = _free_ports(3)
    _write_settings(repository, http_port, grpc_port, metrics_port)
    log = repository.with_suffix(".log")
    with httpx.Client(base_url=f"http://127.0.0.1:{http_port}", timeout=180) as http, log.open("w") as output:
        server = Server(http, f"127.0.0.1:{grpc_port}", f"http://127.0.0.1:{metrics_port}/metrics", repository)
        for artefact in ARTEFACTS.iterdir():
            server.add(artefact.name, {}, source=artefact.name)
        for name, extra in FAULTY.items():
            server.add(name, extra)
        command = [sys.executable, "-m", "mlserver.cli.main", "start", str(repository)]
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, cwd=repository, env=environment)
        try:
            _wait_until_ready(http, process, log)
            yield server
        finally:
            process.terminate()
            process.wait(timeout=30)


def _write_settings(repository: Path, http_port: int, grpc_port: int, metrics_port: int) -> None:
    settings = {
        "debug": False,
        "host": "127.0.0.1",
        "http_port": http_port,
        "grpc_port": grpc_port,
        "metrics_port": metrics_port,
        "parallel_workers": 0,
    }
    (repository / "settings.json").write_text(json.dumps(settings))


def _wait_until_ready(http: httpx.Client, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if http.get("/v2/health/ready").status_code == 200 and http.get("/v2/models/baseline/ready").is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError(f"MLServer is not ready; its log ends with:\n{log.read_text()[-3000:]}")


def _free_ports(count: int) -> list[int]:
    """Different ports that nobody listens on, below those that the kernel gives to connections meanwhile."""
    return list(itertools.islice(filter(_is_free, random.SystemRandom().sample(PORTS, len(PORTS))), count))


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
