"""A part of the stack, as a record: the plan is a list of these."""

from __future__ import annotations

import http.client
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

# Loopback answers are never asked of a proxy, whatever the environment says.
_NO_PROXY = urllib.request.ProxyHandler({})


@dataclass(frozen=True)
class Ready:
    """A part is ready when this address answers 200."""

    url: str
    authority: Path | None = None
    """The CA of an https address."""

    def __call__(self) -> bool:
        tls = ssl.create_default_context(cafile=self.authority) if self.authority else None
        opener = urllib.request.build_opener(_NO_PROXY, urllib.request.HTTPSHandler(context=tls))
        try:
            with opener.open(self.url, timeout=2) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, http.client.HTTPException, OSError):
            return False


@dataclass(frozen=True)
class Part:
    """One process: what it runs, where people find it, when it is ready and what must be ready before it starts."""

    name: str
    command: tuple[str, ...]
    address: str
    ports: tuple[int, ...]
    ready: Ready
    needs: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[Path, str] = field(default_factory=dict)
    """Configuration, written before each start."""
