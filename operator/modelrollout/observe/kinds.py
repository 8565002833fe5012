"""Are the kinds there that the operator follows? kopf looks once, at its start: later ones it does not hear of."""

import asyncio
import logging

from modelrollout import errors
from modelrollout.cluster import EXPERIMENT, MODEL, ROLLOUT, Cluster, Kind

POLL_SECONDS = 2.0
SELDONS = (EXPERIMENT, MODEL)

log = logging.getLogger(__name__)

CURES: dict[Kind, str] = {
    ROLLOUT: "install it with the chart (crds.install), or kubectl apply --server-side -f crds/modelrollouts.yaml",
    EXPERIMENT: "install Seldon Core v2",
    MODEL: "install Seldon Core v2",
}


async def wait_for(cluster: Cluster, *kinds: Kind) -> None:
    """Returns when the API server serves all of them. Says what it waits for, once for each thing that is wrong."""
    said = ""
    while wrong := await _missing(cluster, *kinds):
        if wrong != said:
            log.warning("waits: %s", wrong)
            said = wrong
        await asyncio.sleep(POLL_SECONDS)


async def coming(cluster: Cluster) -> asyncio.Task[None] | None:
    """Done when all kinds of Seldon are there; None when they are there now."""
    return asyncio.create_task(wait_for(cluster, *SELDONS)) if await _missing(cluster, *SELDONS) else None


async def gone(cluster: Cluster) -> errors.TargetMissing | None:
    """Why a watch found nothing to watch any more. None when all kinds are there."""
    wrong = await _missing(cluster, ROLLOUT, *SELDONS)
    return errors.TargetMissing(f"a kind was taken away: {wrong}") if wrong else None


async def unserved(cluster: Cluster, *kinds: Kind) -> str:
    """Which of them the API server does not serve first, and the cure; empty when it serves all.

    Raises ClusterUnavailable.
    """
    for kind in kinds:
        if not await cluster.serves(kind):
            name = f"{kind.plural}.{kind.group}"
            return f"this cluster does not serve {name} in version {kind.version}: {CURES[kind]}"
    return ""


async def _missing(cluster: Cluster, *kinds: Kind) -> str:
    """The same; while the API server does not say, that."""
    try:
        return await unserved(cluster, *kinds)
    except errors.ClusterUnavailable as failed:
        return str(failed)
