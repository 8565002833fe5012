"""How fast a weight edit reaches clients: `python -m e2e.conformance.measure [edits] [requests per second]`."""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import httpx

from e2e.conformance.target import Target
from e2e.conformance.world import World
from e2e.minimesh.crds import EXPERIMENTS
from e2e.minimesh.kube import Access, Kube
from e2e.stack import Settings, Stack


async def measure(target: Target, edits: int, per_second: float) -> str:
    """Flip 100:0 and 0:100 under load; times in ms from sending the patch."""
    async with Kube(Access.from_kubeconfig(target.kubeconfig), target.namespace) as kube, httpx.AsyncClient() as client:
        world = World(target, kube, client)
        a, b = await world.model("measured-a"), await world.model("measured-b")
        await world.experiment("measured", {a: 100, b: 0}, default=a)
        await world.shares(a, 50)  # the first requests of a server are slow
        first, ready = [], []
        async with world.traffic(a, per_second) as traffic, world.watching(EXPERIMENTS, "measured") as history:
            for edited in range(2, edits + 2):
                new = (a, b)[edited % 2 == 0]
                sent_at = time.monotonic()
                await world.set_weights("measured", {a: 100 * (new == a), b: 100 * (new == b)})
                await history.until_flapped(edited)
                ready.append(1000 * (time.monotonic() - sent_at))
                await asyncio.sleep(0.3)
                hits = [answer.sent_at for answer in traffic.after(sent_at) if answer.route == f":{new}_1:"]
                first.append(1000 * (min(hits) - sent_at))
        await world.clean_up()
    return (
        f"{edits} edits at {per_second:g} req/s: first request on the new arm sent after {_spread(first)}, "
        f"True seen after {_spread(ready)}, {len(traffic.errors)} errors of {len(traffic.answers)} requests"
    )


def _spread(times: list[float]) -> str:
    return f"{statistics.median(times):.0f} ms (worst {max(times):.0f})"


def main() -> None:
    edits, per_second = int((sys.argv[1:] or ["30"])[0]), float((sys.argv[2:] or ["50"])[0])
    with ExitStack() as stack:
        target = Target.from_environment()
        if target is None:
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            running = stack.enter_context(Stack(Settings(directory=Path(folder) / "stack")))
            target = Target.of_stack(running.access)
        print(asyncio.run(measure(target, edits, per_second)))


if __name__ == "__main__":
    main()
