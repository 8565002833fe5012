"""Where a node stands: addresses, interface and control group that no other node on this machine has."""

from __future__ import annotations

import fcntl
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from e2e.stack.errors import MissingError

NODES = 8


@dataclass(frozen=True)
class Place:
    """One of eight. The machine reaches services and pods by routes over the link; nothing leads further out."""

    number: int

    @property
    def name(self) -> str:
        """Of the interface on the machine's side, and of the control group."""
        return f"mrnode{self.number}"

    @property
    def machine(self) -> str:
        """The machine's address on the link: where pods find what runs beside the node."""
        return f"172.31.{255 - self.number}.1"

    @property
    def node(self) -> str:
        """The node's own address: API server and DNS."""
        return f"172.31.{255 - self.number}.2"

    @property
    def services(self) -> str:
        return f"10.{96 + self.number}.0.0/16"

    @property
    def first_service(self) -> str:
        """The ClusterIP that the API server takes for itself."""
        return f"10.{96 + self.number}.0.1"

    @property
    def pods(self) -> str:
        return f"10.{244 - self.number}.0.0/16"

    @property
    def pods_of_the_node(self) -> str:
        return f"10.{244 - self.number}.0.0/24"

    @property
    def api(self) -> str:
        return f"https://{self.node}:6443"


@dataclass(frozen=True)
class Reservation:
    """A place, ours until released or until this process ends."""

    place: Place
    lock: IO[str]

    def release(self) -> None:
        self.lock.close()


def reserve() -> Reservation:
    """The first place that no node holds."""
    locks = Path(tempfile.gettempdir()) / f"modelrollout-nodes-{os.getuid()}"
    locks.mkdir(mode=0o700, exist_ok=True)
    for number in range(NODES):
        lock = (locks / str(number)).open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            continue
        return Reservation(Place(number), lock)
    raise MissingError(f"{NODES} nodes run on this machine already; stop one of them.")
