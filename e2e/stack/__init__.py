"""The local stack: Kubernetes' control plane, Prometheus, Envoy, MLServer and minimesh as plain processes.

    with Stack(Settings(directory=Path("..."))) as stack:
        stack.kubectl("get", "models")
        stack.part("prometheus").kill()

Linux on one machine, no containers, no root. `plan.py` lists the parts; `python -m e2e.stack` is for people.
"""

from e2e.stack.access import Access
from e2e.stack.errors import (
    BuildError,
    CommandError,
    MissingError,
    PartError,
    PortTakenError,
    StackError,
)
from e2e.stack.processes import Process
from e2e.stack.settings import Settings
from e2e.stack.stack import Stack

__all__ = [
    "Access",
    "BuildError",
    "CommandError",
    "MissingError",
    "PartError",
    "PortTakenError",
    "Process",
    "Settings",
    "Stack",
    "StackError",
]
