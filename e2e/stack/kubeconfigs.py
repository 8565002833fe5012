"""Kubeconfig files: one cluster, one user, nothing to look up elsewhere."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import yaml

from e2e.stack.certificates import Pair


def with_certificate(file: Path, server: str, authority: Path, pair: Pair, namespace: str) -> Path:
    """For a client certificate."""
    user = {"client-certificate-data": _encoded(pair.certificate), "client-key-data": _encoded(pair.key)}
    cluster = {"server": server, "certificate-authority-data": _encoded(authority)}
    return _write(file, cluster, user, namespace)


def with_token(file: Path, like: Path, token: str, namespace: str) -> Path:
    """For a bearer token, at the cluster of the current context of another kubeconfig.

    Files that one names are named again; paths in it are relative to its folder, as kubectl reads them.
    """
    config = yaml.safe_load(like.read_text())
    contexts = {each["name"]: each["context"] for each in config["contexts"]}
    clusters = {each["name"]: each["cluster"] for each in config["clusters"]}
    cluster = dict(clusters[contexts[config["current-context"]]["cluster"]])
    if "certificate-authority" in cluster:
        cluster["certificate-authority"] = str((like.parent / cluster["certificate-authority"]).resolve())
    return _write(file, cluster, {"token": token}, namespace)


def _write(file: Path, cluster: dict[str, Any], user: dict[str, str], namespace: str) -> Path:
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "stack", "cluster": cluster}],
        "users": [{"name": "stack", "user": user}],
        "contexts": [{"name": "stack", "context": {"cluster": "stack", "user": "stack", "namespace": namespace}}],
        "current-context": "stack",
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch(mode=0o600)
    file.write_text(yaml.safe_dump(config, sort_keys=False))
    return file


def _encoded(file: Path) -> str:
    return base64.b64encode(file.read_bytes()).decode()
