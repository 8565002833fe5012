"""The first process of the node: makes its file systems, then reaps what lost its parent. Its end is the node's end.

Run with a bare interpreter inside fresh namespaces: first.py PACKAGES DIRECTORY CGROUP
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
# The kubelet would set these for the whole machine. It finds files that say they are set already.
TUNABLES = {
    "vm/overcommit_memory": 1,
    "vm/panic_on_oom": 0,
    "kernel/panic": 10,
    "kernel/panic_on_oops": 1,
    "kernel/keys/root_maxkeys": 1_000_000,
    "kernel/keys/root_maxbytes": 25_000_000,
}
KUBELETS = {"kubelet": "/var/lib/kubelet", "pod-logs": "/var/log/pods", "container-logs": "/var/log/containers"}


def main(packages: Path, directory: Path, group: str) -> None:
    _mount("-t", "overlay", "-o", f"lowerdir={packages / 'usr'}:/usr,ro", "overlay", "/usr")
    _mount("-t", "tmpfs", "tmpfs", "/run")
    for ours, theirs in KUBELETS.items():
        (directory / ours).mkdir(exist_ok=True)
        Path(theirs).mkdir(parents=True, exist_ok=True)
        _mount("--bind", directory / ours, theirs)
    for name, value in TUNABLES.items():
        file = Path("/run/tunables") / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{value}\n")
        _mount("--bind", file, Path("/proc/sys") / name)
    _mount("--make-rshared", "/")
    _join(group)
    socket.sethostname("node")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1\n")
    (directory / "run" / "first").touch()
    _reap_for_ever()


def _join(group: str) -> None:
    """A control group of the node's own in every hierarchy, so that no other kubelet's clean-up meets ours."""
    for hierarchy in CGROUPS.glob("*/cgroup.clone_children"):
        ours = hierarchy.parent / group
        ours.mkdir(exist_ok=True)
        for file in ("cpuset.cpus", "cpuset.mems"):
            if (hierarchy.parent / file).exists():
                (ours / file).write_text((hierarchy.parent / file).read_text())


def _reap_for_ever() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    while True:
        try:
            while os.waitpid(-1, os.WNOHANG) != (0, 0):
                pass
        except ChildProcessError:
            pass
        signal.sigwait({signal.SIGCHLD})


def _mount(*arguments: object) -> None:
    subprocess.run(["mount", *map(str, arguments)], check=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
