"""A replica that spans nodes on a cluster: a LeaderWorkerSet, whose first Pods serve. https://lws.sigs.k8s.io"""

from __future__ import annotations

from modelyard.resources.yard import YardModel, object_name
from modelyard.shortform.target import Manifest, Setting

GROUP_FLAGS = {
    "--pipeline-parallel-size": "$(LWS_GROUP_SIZE)",
    "--nnodes": "$(LWS_GROUP_SIZE)",
    "--node-rank": "$(LWS_WORKER_INDEX)",
    "--master-addr": "$(LWS_LEADER_ADDRESS)",
}
"""vLLM's arguments in every Pod of a group. The controller sets the variables, so they follow the set's ``size``."""


def spans_nodes(model: YardModel, setting: Setting) -> bool:
    """Whether a replica is a group of Pods: on this machine it is one process."""
    return model.nodes > 1 and not setting.local


def leader_worker_set(model: YardModel, setting: Setting, leader: Manifest, worker: Manifest) -> Manifest:
    """``leader`` and ``worker``: templates of the first Pod of a group and of the others."""
    group = {
        "size": model.nodes,
        # What one of them had loaded is lost to all.
        "restartPolicy": "RecreateGroupOnPodRestart",
        "leaderTemplate": leader,
        "workerTemplate": worker,
    }
    spec = {"replicas": model.replicas, "leaderWorkerTemplate": group}
    return setting.object("leaderworkerset.x-k8s.io/v1", "LeaderWorkerSet", object_name(model.name), spec=spec)
