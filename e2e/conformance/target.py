"""Which mesh the suite is pointed at, from environment variables; README.md lists them."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from e2e.stack import Access

_EMPTY_REQUEST: dict[str, Any] = {"inputs": []}
ECHO = Path(__file__).parent / "artefacts" / "echo"


@dataclass(frozen=True)
class Target:
    """Addresses of one mesh, and two artefacts it can load. Both must answer `request`."""

    kubeconfig: Path
    namespace: str
    data_url: str
    envoy_stats_url: str
    storage_uri: str
    other_storage_uri: str
    agent_metrics_url: str = ""  # empty: tests of the agent's metrics are skipped
    request: Any = None
    obeys_echo_parameters: bool = False  # the artefacts are our echo, which can be told to fail

    @classmethod
    def of_stack(cls, access: Access) -> Target:
        """The mesh of a local stack."""
        return cls(
            kubeconfig=access.kubeconfig,
            namespace=access.namespace,
            data_url=access.data_plane_url,
            envoy_stats_url=access.envoy_stats_url,
            storage_uri=str(ECHO),
            other_storage_uri=str(ECHO),
            agent_metrics_url=f"{access.minimesh_url}/metrics",
            request=_EMPTY_REQUEST,
            obeys_echo_parameters=True,
        )

    @classmethod
    def from_environment(cls, env: Mapping[str, str] = os.environ) -> Target | None:
        """The mesh named in CONFORMANCE_* variables, or None when CONFORMANCE_KUBECONFIG is not set."""
        if "CONFORMANCE_KUBECONFIG" not in env:
            return None
        request = env.get("CONFORMANCE_REQUEST")
        return cls(
            kubeconfig=Path(env["CONFORMANCE_KUBECONFIG"]),
            namespace=env.get("CONFORMANCE_NAMESPACE", "default"),
            data_url=env["CONFORMANCE_DATA_URL"].rstrip("/"),
            envoy_stats_url=env["CONFORMANCE_ENVOY_STATS_URL"],
            storage_uri=env.get("CONFORMANCE_STORAGE_URI", str(ECHO)),
            other_storage_uri=env.get("CONFORMANCE_OTHER_STORAGE_URI", str(ECHO)),
            agent_metrics_url=env.get("CONFORMANCE_AGENT_METRICS_URL", ""),
            request=json.loads(Path(request).read_text()) if request else _EMPTY_REQUEST,
            obeys_echo_parameters="CONFORMANCE_STORAGE_URI" not in env,
        )
