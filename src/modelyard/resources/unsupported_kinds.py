"""Kinds that are recognised and not used, each with the reason that people are shown."""

from __future__ import annotations

_CLUSTER = "it configures a cluster and has no meaning for a local yard"
_RBAC = "it grants rights inside a cluster; nothing is checked against it here"
_MONITORING = "it configures a cluster's monitoring; scrape Modelyard's own /metrics instead"
_STORAGE = "it describes storage of a cluster; local volumes are folders of this machine"
_AUTOSCALING = "this version keeps the number of replicas that the Deployment names"
_WORKLOAD = "this version runs Deployments, RayServices and Jobs that fetch models"
_RAY = "of Ray this version runs RayServices only"
_ROUTE = "this version routes HTTP only"
_PROVIDER = "it configures a load balancer of a cloud provider"
_EVENTS = "it is written by a cluster, not by users"

UNSUPPORTED: dict[tuple[str, str], str] = {
    ("gateway.networking.k8s.io", "GRPCRoute"): _ROUTE,
    ("gateway.networking.k8s.io", "TLSRoute"): _ROUTE,
    ("gateway.networking.k8s.io", "TCPRoute"): _ROUTE,
    ("gateway.networking.k8s.io", "UDPRoute"): _ROUTE,
    ("gateway.networking.k8s.io", "BackendTLSPolicy"): "this version speaks plain HTTP to backends",
    ("gateway.networking.k8s.io", "ListenerSet"): "this version takes listeners from Gateways only",
    ("gateway.networking.x-k8s.io", "*"): "it belongs to Gateway API's experimental channel",
    ("inference.networking.x-k8s.io", "InferencePoolImport"): "this version joins no clusters",
    ("ray.io", "RayCluster"): _RAY,
    ("ray.io", "RayJob"): _RAY,
    ("ray.io", "RayCronJob"): _RAY,
    ("apps", "StatefulSet"): _WORKLOAD,
    ("apps", "DaemonSet"): _WORKLOAD,
    ("apps", "ReplicaSet"): _WORKLOAD,
    ("apps", "ControllerRevision"): _EVENTS,
    ("batch", "CronJob"): _WORKLOAD,
    ("leaderworkerset.x-k8s.io", "*"): _WORKLOAD,
    ("jobset.x-k8s.io", "*"): _WORKLOAD,
    ("serving.kserve.io", "*"): _WORKLOAD,
    ("autoscaling", "HorizontalPodAutoscaler"): _AUTOSCALING,
    ("autoscaling.k8s.io", "*"): _AUTOSCALING,
    ("keda.sh", "*"): _AUTOSCALING,
    ("policy", "PodDisruptionBudget"): _CLUSTER,
    ("monitoring.googleapis.com", "*"): _MONITORING,
    ("monitoring.coreos.com", "*"): _MONITORING,
    ("rbac.authorization.k8s.io", "*"): _RBAC,
    ("", "ServiceAccount"): _RBAC,
    ("", "PersistentVolume"): _STORAGE,
    ("", "PersistentVolumeClaim"): _STORAGE,
    ("storage.k8s.io", "*"): _STORAGE,
    ("snapshot.storage.k8s.io", "*"): _STORAGE,
    ("", "Endpoints"): "Kubernetes replaced it by EndpointSlice; write one of those",
    ("", "Event"): _EVENTS,
    ("", "Node"): _EVENTS,
    ("", "PodTemplate"): _WORKLOAD,
    ("", "ReplicationController"): _WORKLOAD,
    ("", "LimitRange"): _CLUSTER,
    ("", "ResourceQuota"): _CLUSTER,
    ("", "Binding"): _EVENTS,
    ("apiextensions.k8s.io", "*"): _CLUSTER,
    ("apiregistration.k8s.io", "*"): _CLUSTER,
    ("admissionregistration.k8s.io", "*"): _CLUSTER,
    ("scheduling.k8s.io", "*"): _CLUSTER,
    ("coordination.k8s.io", "*"): _EVENTS,
    ("events.k8s.io", "*"): _EVENTS,
    ("node.k8s.io", "*"): _CLUSTER,
    ("resource.k8s.io", "*"): _CLUSTER,
    ("certificates.k8s.io", "*"): _CLUSTER,
    ("networking.k8s.io", "*"): "this version takes its routes from the Gateway API",
    ("networking.gke.io", "*"): _PROVIDER,
    ("cloud.google.com", "*"): _PROVIDER,
    ("networking.istio.io", "*"): _PROVIDER,
    ("security.istio.io", "*"): _PROVIDER,
    ("kustomize.config.k8s.io", "*"): "it is input of kustomize; give what `kustomize build` prints",
}
"""(API group, kind) -> reason. Kind ``*``: every kind of the group that has no row of its own."""

UNKNOWN_KIND = "Modelyard does not know this kind"


def unsupported_reason(group: str, kind: str) -> str | None:
    """Why a kind is not used, or None where the table does not have it."""
    return UNSUPPORTED.get((group, kind)) or UNSUPPORTED.get((group, "*"))
