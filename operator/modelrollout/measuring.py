"""What Prometheus says for one decision of one rollout: through which door, of which time, and what to do without."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

from modelrollout import errors
from modelrollout.api.contract import seconds
from modelrollout.api.spec import RolloutSpec
from modelrollout.api.status import RolloutStatus
from modelrollout.cluster import Cluster
from modelrollout.judge.histograms import Histogram
from modelrollout.observe import looks, shown, views
from modelrollout.observe.batching import Reader
from modelrollout.observe.history import HistoryAsk, read_windows
from modelrollout.observe.memory import Key
from modelrollout.observe.prometheus import Connection
from modelrollout.plan import grid, machine
from modelrollout.plan.world import History, LookData, NoData, World
from modelrollout.settings import Settings

LONGEST_FOR_A_DAY_SECONDS = 60.0  # then evidence begins without it: a slow Prometheus holds nobody up for long


class Measurer:
    """Asks Prometheus for all rollouts; the reader puts together what they ask at one time."""

    def __init__(self, cluster: Cluster, reader: Reader, settings: Settings, clock: Callable[[], float]) -> None:
        self._cluster = cluster
        self._reader = reader
        self._settings = settings
        self._clock = clock
        self._one_day = asyncio.Lock()

    async def with_metrics(self, world: World, key: Key, spec: RolloutSpec, status: RolloutStatus) -> World:
        """The same world with a look, when one is due, and the baseline's past hour, where it is needed."""
        connection = await self._connection(key.namespace, spec)
        if isinstance(connection, NoData):
            return replace(world, look=connection)
        history = await self._history(world, key, spec, status, connection)
        if isinstance(history, NoData):
            return replace(world, look=history)
        look = await self._look(world, key, spec, status, connection)
        return replace(world, history=history, look=look)

    async def _connection(self, namespace: str, spec: RolloutSpec) -> Connection | NoData:
        address = spec.prometheus.address or self._settings.prometheus_address
        if spec.prometheus.secret_ref is None:
            return Connection(address)
        name = spec.prometheus.secret_ref.name
        try:
            secret = await self._cluster.secret(namespace, name)
        except errors.TargetMissing:
            sentence = f"Secret {name} of spec.prometheus.secretRef does not exist: create it, or correct its name"
            return NoData("SecretMissing", sentence)
        except errors.ClusterDenied:
            sentence = f"The operator may not read Secret {name} of spec.prometheus.secretRef: "
            return NoData("SecretDenied", f"{sentence}add it to prometheus.secretNames of its chart")
        return Connection(
            address, secret.get("token"), secret.get("username"), secret.get("password"), secret.get("ca.crt")
        )

    async def _history(
        self, world: World, key: Key, spec: RolloutSpec, status: RolloutStatus, connection: Connection
    ) -> Histogram | NoData | None:
        """The baseline's past hour. Before the first stage it is read in any case: nothing begins blind."""
        needed, begins = machine.wants_history(spec, status), machine.is_before_the_first_stage(status)
        if not (needed or begins):
            return None
        until = self._newest_evaluation(world, spec)
        found = await looks.read_history(
            self._reader, connection, key.namespace, spec.baseline.name, until, spec.prometheus.matchers
        )
        # In a stage the look itself says what is wrong.
        return (views.obstacle(found, needed) if begins else None) or views.history(found)

    async def windows(self, world: World, key: Key, spec: RolloutSpec) -> History | None:
        """How much the baseline's counts scattered by themselves on the day before; None: it cannot be asked in time.

        One rollout after the other: when many begin at once, their days must not stand before the others' looks.
        """
        connection = await self._connection(key.namespace, spec)
        if isinstance(connection, NoData):
            return None
        interval, until = seconds(spec.analysis.interval), self._newest_evaluation(world, spec)
        asked = HistoryAsk(connection, key.namespace, spec.baseline.name, until, interval, spec.prometheus.matchers)
        try:
            async with asyncio.timeout(LONGEST_FOR_A_DAY_SECONDS), self._one_day:
                return await read_windows(self._reader, asked)
        except TimeoutError:
            return History(notes=("Prometheus was too busy to tell of the last 24 hours.",))

    def _newest_evaluation(self, world: World, spec: RolloutSpec) -> float:
        return grid.newest_evaluation(self._clock(), seconds(spec.analysis.interval), world.uid, world.scrape_seconds)

    async def _look(
        self, world: World, key: Key, spec: RolloutSpec, status: RolloutStatus, connection: Connection
    ) -> LookData | NoData | None:
        now = self._clock()
        if not machine.look_is_due(status, now) or status.last_look_at is None:
            return None
        tick = grid.tick_at_or_before(now, seconds(spec.analysis.interval), world.uid)
        block = (status.last_look_at, grid.evaluation_time(tick, world.scrape_seconds))
        if block[1] <= block[0]:
            return None
        ask = views.ask(spec, status.engine, connection, key.namespace, block, world.scrape_seconds)
        return views.look(await looks.read_look(self._reader, ask), shown.texts(spec, status.engine, key.namespace))
