"""Carries out the election: looks at the Lease, writes it and waits, as `election.next_step` says."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from modelrollout import errors
from modelrollout.cluster import LEASE, Cluster
from modelrollout.leading import election, leases
from modelrollout.leading.election import Known, Look, StepDown, Wait, Write

GIVE_BACK_SECONDS = 2.0

_NO_ANSWER = "the API server gave no answer in time"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Place:
    """Which Lease."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


class Elector:
    """One replica in the election, in one event loop with what it leads: neither runs while the other is stuck."""

    def __init__(
        self, cluster: Cluster, place: Place, me: str, clock: Callable[[], float], wall: Callable[[], float]
    ) -> None:
        """`clock` is monotonic, in seconds; `wall` (Unix seconds) is what the Lease shows to people."""
        self._cluster = cluster
        self._place = place
        self._clock = clock
        self._wall = wall
        self._known = Known(me)
        self._complained = False
        self._denied_since: float | None = None

    def is_certain(self) -> bool:
        """True while no other replica can lead."""
        return election.is_certain(self._known, self._clock())

    async def win(self) -> None:
        """Returns when this replica leads. Raises ClusterDenied when it may not use the Lease."""
        log.info("waits to lead: Lease %s, as %s", self._place, self._known.me)
        while self._known.renewed_at is None:
            await self._go_on()
        log.info("leads now: Lease %s, as %s", self._place, self._known.me)

    async def hold(self) -> str:
        """Renews for as long as it can, and then says why it leads no more."""
        while not (why := await self._go_on()):
            pass
        return why

    async def give_back(self) -> None:
        """Let another replica lead at once. Nobody may run `hold` any more; one that cannot be given back runs out."""
        try:
            async with asyncio.timeout(GIVE_BACK_SECONDS):
                await self._give_back()
        except (errors.RolloutError, TimeoutError) as failed:
            log.warning("Lease %s is not given back, so it runs out: %s", self._place, failed or _NO_ANSWER)

    async def _give_back(self) -> None:
        """Looks first: the answer to the last renewal may be lost."""
        self._known = election.Known(self._known.me)
        found = await self._cluster.get(LEASE, self._place.namespace, self._place.name)
        lease = leases.read(found) if found else None
        if lease and lease.holder == self._known.me:
            await self._cluster.replace(LEASE, self._place.namespace, leases.given_back(lease, self._wall()))
            log.info("Lease %s is given back", self._place)

    async def _go_on(self) -> str:
        """One step. Says why this replica leads no more; empty: nothing of the kind."""
        step = election.next_step(self._known, self._clock())
        match step:
            case StepDown():
                return step.why
            case Wait():
                await asyncio.sleep(max(0.0, step.until - self._clock()))
            case Look():
                await self._try(self._look())
            case Write():
                await self._try(self._write())
        return ""

    async def _try(self, call: Awaitable[None]) -> None:
        try:
            async with asyncio.timeout(election.longest_call(self._known, self._clock())):
                await call
        except errors.ClusterConflict:
            self._known = election.contradicted(self._known, self._clock())
        except errors.TargetMissing as missing:  # the Lease was deleted, or the namespace is not there
            self._known = election.contradicted(self._known, self._clock())
            self._complain(missing)
        except errors.ClusterDenied as denied:
            self._bear(denied)
        except (errors.RolloutError, TimeoutError) as failed:
            self._known = election.failed(self._known, self._clock())
            self._complain(failed)
        else:
            self._complained, self._denied_since = False, None

    def _bear(self, denied: errors.ClusterDenied) -> None:
        """An API server that has just begun denies everything for a moment, so only a lasting no is an answer."""
        now = self._clock()
        self._known = election.failed(self._known, now)
        self._denied_since = now if self._denied_since is None else self._denied_since
        explained = errors.ClusterDenied(self._what_is_missing(denied))
        self._complain(explained)
        if self._known.renewed_at is None and now - self._denied_since >= election.GIVE_UP_SECONDS:
            raise explained from denied

    def _complain(self, failed: Exception) -> None:
        """Once, not at every try."""
        if not self._complained:
            log.warning("Lease %s: %s; tries again", self._place, str(failed) or _NO_ANSWER)
        self._complained = True

    async def _look(self) -> None:
        found = await self._cluster.get(LEASE, self._place.namespace, self._place.name)
        self._known = election.looked(self._known, leases.read(found) if found else None, self._clock())

    async def _write(self) -> None:
        sent_at, lease = self._clock(), self._known.lease
        namespace, name, me = self._place.namespace, self._place.name, self._known.me
        if lease is None:
            taken = await self._cluster.create(LEASE, namespace, leases.first(namespace, name, me, self._wall()))
        else:
            taken = await self._cluster.replace(LEASE, namespace, leases.held(lease, me, self._wall()))
        self._known = election.wrote(self._known, leases.read(taken), sent_at, self._clock())

    def _what_is_missing(self, denied: Exception) -> str:
        rule = "{apiGroups: [coordination.k8s.io], resources: [leases], verbs: [get, create, update]}"
        return (
            f"Lease {self._place} decides which replica works, and this one may not use it: add {rule} to the"
            f" operator's Role in namespace {self._place.namespace} ({denied})"
        )
