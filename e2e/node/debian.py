"""Debian packages that are unpacked, not installed: this machine's own sources, our own folder.

A program of theirs runs by `run_in`: in a mount namespace of its own, the packages lie over /usr, so that each finds
its libraries and helpers where Debian puts them.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from e2e.node import paths
from e2e.stack.errors import MissingError
from e2e.stack.tools import Say

PACKAGES = ("containerd", "runc", "containernetworking-plugins", "nftables", "buildah", "debootstrap")
# Without a daemon to wait for and nothing of the machine's changed: lists and downloads land in our folder.
APT = ("-q", "-o", "Debug::NoLocking=1", "-o", "APT::Sandbox::User=root", "-o", "APT::Get::List-Cleanup=0")

OVER_USR = 'mount -t overlay -o "lowerdir=$0:/usr,ro" overlay /usr && exec "$@"'


def provide(say: Say, into: Path = paths.DEBIAN) -> Path:
    """The folder with the unpacked packages; fetched once. Raises `MissingError` when Debian's mirror has none."""
    root = into / "root"
    if root.exists():
        return root
    say(f"fetching Debian's {', '.join(PACKAGES)} into {into}")
    into.mkdir(parents=True, exist_ok=True)
    update(into)
    with tempfile.TemporaryDirectory(prefix=".unpack-", dir=into) as name:
        scratch = Path(name)
        apt("download", *_absent(into), state=into, cwd=scratch)
        whole = scratch / "root"
        (whole / "usr").mkdir(parents=True)
        for package in scratch.glob("*.deb"):
            subprocess.run(["dpkg-deb", "-x", package, whole], check=True, capture_output=True)
        whole.replace(root)
    return root


def update(state: Path) -> None:
    """Fetches the lists of packages: those of the machine may be absent, and are not ours to renew."""
    for folder in ("lists/partial", "cache/archives/partial"):
        (state / folder).mkdir(parents=True, exist_ok=True)
    apt("update", state=state, cwd=state)


def mirror(suite: str, state: Path = paths.DEBIAN) -> str:
    """Address of the archive from which this machine has its packages."""
    asked = ("indextargets", "--format", "$(CODENAME) $(REPO_URI)", "Created-By: Packages")
    listed = [line.split() for line in apt(*asked, state=state, cwd=state).splitlines()]
    found = [address for codename, address in listed if codename == suite]
    if not found:
        raise MissingError(f"apt has no source of Debian {suite}; add one to /etc/apt/sources.list.d.")
    return found[0]


def run_in(root: Path, command: Sequence[str]) -> list[str]:
    """The command that runs another with the packages at hand; its mounts end with it."""
    return ["unshare", "--mount", "sh", "-c", OVER_USR, str(root / "usr"), *command]


def apt(*arguments: str, state: Path, cwd: Path) -> str:
    """What apt-get prints. Raises `MissingError` with its last word."""
    own = ("-o", f"Dir::State::Lists={state}/lists", "-o", f"Dir::Cache={state}/cache")
    done = subprocess.run(["apt-get", *APT, *own, *arguments], cwd=cwd, capture_output=True, text=True)
    if done.returncode != 0:
        said = done.stderr.strip().splitlines() or ["it said nothing"]
        raise MissingError(f"Debian's packages for a node cannot be had: apt-get {arguments[0]} says {said[-1]}")
    return done.stdout


def _absent(state: Path) -> list[str]:
    """The packages, and those they depend on, that this machine lacks."""
    planned = apt("install", "--print-uris", "--yes", "--no-install-recommends", *PACKAGES, state=state, cwd=state)
    # Lines like 'http://.../runc_1.1.5_amd64.deb' runc_1.1.5_amd64.deb 2709960 SHA256:...
    return re.findall(r"^'[^']+' ([^_]+)_\S+\.deb ", planned, re.MULTILINE)
