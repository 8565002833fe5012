"""What a machine must have to run a node."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from e2e.node import paths
from e2e.stack.errors import MissingError

COMMANDS = {
    "unshare": "util-linux",
    "nsenter": "util-linux",
    "ip": "iproute2",
    "apt-get": "apt",
    "apt-cache": "apt",
    "dpkg-deb": "dpkg",
}
CGROUPS = Path("/sys/fs/cgroup")
ELSEWHERE = "use --cluster=kind where Docker is at hand"


def check() -> None:
    """Raises `MissingError` with one sentence when no node can run here."""
    if lacking := _lacking():
        raise MissingError(f"A node of our own needs {lacking}; {ELSEWHERE}.")


def _lacking() -> str:
    """The first thing that is missing, cheapest question first; empty when nothing is."""
    if sys.platform != "linux" or _distribution() != "debian":
        return f"Debian, for its packages of containerd and runc, and this is {_distribution() or platform.system()}"
    if os.geteuid() != 0:
        return "root, to make namespaces and mounts"
    if absent := [
        f"{command} (package {package})" for command, package in COMMANDS.items() if not shutil.which(command)
    ]:
        return f"{', '.join(absent)}, not on PATH"
    return without_cgroups() or _refused()


def cgroups() -> list[Path]:
    """The hierarchies of cgroup v1 in which a node makes a group of its own."""
    found = CGROUPS.glob("*/cgroup.clone_children")
    return sorted(file.parent for file in found if os.access(file.parent, os.W_OK) and not file.parent.is_symlink())


def without_cgroups() -> str:
    """What is missing of them; empty when a node can make its groups."""
    if cgroups():
        return ""
    if (CGROUPS / "cgroup.controllers").exists():
        return "cgroup v1, and this machine has version 2 alone, on which no node of ours was ever tried"
    return f"cgroup v1 below {CGROUPS}, and the right to make groups there"


def _refused() -> str:
    """Namespaces and an overlay are tried, for root in a container often may make neither."""
    paths.CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=paths.CACHE) as scratch:
        for name in ("lower", "upper", "work", "whole"):
            (Path(scratch) / name).mkdir()
        mount = "mount -t overlay -o lowerdir=lower,upperdir=upper,workdir=work overlay whole"
        namespaces = ("unshare", "--mount", "--pid", "--net", "--uts", "--ipc", "--fork", "--mount-proc")
        done = subprocess.run([*namespaces, "sh", "-c", mount], cwd=scratch, capture_output=True, text=True)
    if done.returncode == 0:
        return ""
    return f"the right to make namespaces and overlays, which this machine refuses ({done.stderr.strip()})"


def _distribution() -> str:
    try:
        return platform.freedesktop_os_release()["ID"]
    except OSError:
        return ""
