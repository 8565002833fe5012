"""The cluster that a stack stands on when it is not our own control plane."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from e2e.stack.errors import CommandError, MissingError

KIND_NEEDS = {
    "docker": "a running Docker (https://docs.docker.com/engine/install/)",
    "kind": "kind (https://kind.sigs.k8s.io/docs/user/quick-start/)",
}


def check_kind() -> None:
    """Raises `MissingError` naming everything that `--cluster=kind` lacks on this machine."""
    missing = [what for command, what in KIND_NEEDS.items() if not _works(command)]
    if missing:
        raise MissingError(
            f"--cluster=kind needs {' and '.join(missing)}, which this machine lacks; "
            "install and start it, or leave --cluster out: the stack then starts a control plane of its own."
        )


def create_kind(name: str, kubeconfig: Path, say: Callable[[str], None]) -> None:
    """A new kind cluster whose admin kubeconfig is written to `kubeconfig`; waits until its node is ready."""
    say(f"creating kind cluster {name}")
    _kind("create", "cluster", "--name", name, "--kubeconfig", str(kubeconfig), "--wait", "180s")


def delete_kind(name: str, kubeconfig: Path, say: Callable[[str], None]) -> None:
    """Deletes the cluster; says so rather than raising when that fails, for the rest must still come down."""
    try:
        _kind("delete", "cluster", "--name", name, "--kubeconfig", str(kubeconfig))
    except CommandError as error:
        say(f"{error}\nDelete it by hand: kind delete cluster --name {name}")


def _works(command: str) -> bool:
    if not shutil.which(command):
        return False
    # The client alone proves nothing: `docker version` also asks the engine.
    return subprocess.run([command, "version"], capture_output=True).returncode == 0


def _kind(*arguments: str) -> None:
    done = subprocess.run(["kind", *arguments], capture_output=True, text=True)
    if done.returncode != 0:
        raise CommandError(f"kind {' '.join(arguments)} failed: {done.stderr.strip()}")
