"""Ports of a stack: a block of twenty that no other stack on this machine has.

Blocks lie below the range from which the kernel gives ports to outgoing connections, so that a part that is killed
finds its port free when it comes back. A file lock per block keeps stacks apart; the kernel lets go of it however a
stack ends.
"""

from __future__ import annotations

import fcntl
import os
import socket
import tempfile
from dataclasses import dataclass, fields
from pathlib import Path
from typing import IO

from e2e.stack.errors import MissingError

FIRST = 20_000
LAST = 32_000
BLOCK = 20


@dataclass(frozen=True)
class Ports:
    etcd: int
    etcd_peer: int
    kube_apiserver: int
    kube_controller_manager: int
    mlserver_http: int
    mlserver_grpc: int
    mlserver_metrics: int
    minimesh: int
    envoy_data: int
    envoy_mirror: int
    envoy_agent: int
    envoy_admin: int
    prometheus: int
    operator_metrics: int
    operator_health: int
    standby_metrics: int
    standby_health: int


@dataclass(frozen=True)
class Reservation:
    """A block of ports, ours until released."""

    ports: Ports
    lock: IO[str]

    def release(self) -> None:
        self.lock.close()


def reserve(first: int = FIRST) -> Reservation:
    """The first block at or after `first` that no stack holds and no program listens in."""
    locks = Path(tempfile.gettempdir()) / f"modelrollout-ports-{os.getuid()}"
    locks.mkdir(mode=0o700, exist_ok=True)
    count = len(fields(Ports))
    for start in range(first, LAST, BLOCK):
        lock = (locks / str(start)).open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            continue
        block = range(start, start + count)
        if all(is_free(port) for port in block):
            return Reservation(Ports(*block), lock)
        lock.close()
    raise MissingError(f"No {count} free ports in a row between {first} and {LAST}; stop what listens there.")


def is_free(port: int) -> bool:
    """Whether a server could listen on 127.0.0.1:port now; connections that are closing do not count."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen()
        except OSError:
            return False
    return True
