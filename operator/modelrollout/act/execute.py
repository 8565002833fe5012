"""Each action of a decision goes to the module that performs it."""

from modelrollout.act import experiments
from modelrollout.cluster import Cluster, Object
from modelrollout.plan.actions import Action, CreateExperiment, WriteWeights


async def execute(cluster: Cluster, rollout: Object, action: Action) -> None:
    """Do it. Raises ClusterConflict when the world is no longer what the decision was made for."""
    namespace = rollout["metadata"]["namespace"]
    match action:
        case CreateExperiment():
            await experiments.create(cluster, namespace, rollout, action)
        case WriteWeights():
            await experiments.write(cluster, namespace, action)
