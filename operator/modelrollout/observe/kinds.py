"""Are the kinds there that the operator follows? kopf, started without them, would stay deaf when they come."""

import asyncio
import logging

from modelrollout import errors
from modelrollout.cluster import EXPERIMENT, MODEL, ROLLOUT, Cluster, Kind

POLL_SECONDS = 2.0

log = logging.getLogger(__name__)

CURES: dict[Kind, str] = {
    ROLLOUT: "install it with the chart (crds.install), or kubectl apply --server-side -f crds/modelrollouts.yaml",
    EXPERIMENT: "install Seldon Core v2",
    MODEL: "install Seldon Core v2",
}


async def wait_for_all(cluster: Cluster) -> None:
    """Returns when the API server serves every kind. Says what it waits for, once for each thing that is wrong."""
    said = ""
    while wrong := await _wrong(cluster):
        if wrong != said:
            log.warning("waits: %s", wrong)
            said = wrong
        await asyncio.sleep(POLL_SECONDS)


async def _wrong(cluster: Cluster) -> str:
    """One sentence; empty when all is well."""
    try:
        for kind, cure in CURES.items():
            if not await cluster.serves(kind):
                name = f"{kind.plural}.{kind.group}"
                return f"this cluster does not serve {name} in version {kind.version}: {cure}"
    except errors.ClusterUnavailable as failed:
        return str(failed)
    return ""
