"""What the stack tells minimesh: ports, folders, and where the API server and MLServer are."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit


@dataclass(frozen=True)
class EnvoyPorts:
    """Loopback ports of the one Envoy."""

    data_port: int  # clients
    mirror_port: int  # copies of requests
    agent_port: int  # between the two above and MLServer
    admin_port: int  # /stats/prometheus


@dataclass(frozen=True)
class Settings:
    """Everything minimesh needs to know; `from_file` reads it from JSON of the same shape."""

    kubeconfig: Path
    namespace: str
    directory: Path
    model_repository: Path
    mlserver_url: str
    envoy: EnvoyPorts
    http_port: int

    @classmethod
    def from_file(cls, path: Path) -> Settings:
        """Settings from a JSON file; TypeError or KeyError when a field is missing or unknown."""
        raw = json.loads(path.read_text())
        return cls(
            **{
                **raw,
                "kubeconfig": Path(raw["kubeconfig"]),
                "directory": Path(raw["directory"]).resolve(),
                "model_repository": Path(raw["model_repository"]).resolve(),
                "envoy": EnvoyPorts(**raw["envoy"]),
            }
        )

    @property
    def mlserver_port(self) -> int:
        port = urlsplit(self.mlserver_url).port
        if port is None:
            raise ValueError(f"mlserver_url is {self.mlserver_url!r}: name the port, as in http://127.0.0.1:8080")
        return port

    @property
    def bootstrap_file(self) -> Path:
        return self.directory / "envoy.yaml"

    @property
    def clusters_file(self) -> Path:
        return self.directory / "clusters" / "clusters.json"

    @property
    def memory_file(self) -> Path:
        return self.directory / "memory.json"

    @property
    def routes_bell(self) -> Path:
        """A folder Envoy watches: a rename into it makes it read all route tables at once."""
        return self.directory / "routes" / "bell"

    def routes_file(self, table: str) -> Path:
        return self.directory / "routes" / f"{table}.json"

    @property
    def attempts_pipe(self) -> str:
        """Where Envoy reports attempts: an abstract socket, which has no file to clean up and no length limit."""
        return f"@minimesh-{self.http_port}"
