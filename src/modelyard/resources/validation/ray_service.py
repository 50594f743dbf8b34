"""Rules of RayService, as KubeRay's operator and API types state them (release 1.7)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from modelyard.resources.durations import parse_go_duration
from modelyard.resources.errors import shown
from modelyard.resources.faults import Report
from modelyard.resources.pods import PodTemplateSpec
from modelyard.resources.ray_service import MAX_NAME, RayClusterSpec, RayService, UpgradeStrategy, WorkerGroupSpec
from modelyard.resources.serve_config import read_serve_config
from modelyard.resources.validation import formats
from modelyard.resources.validation.metadata import check_labels
from modelyard.resources.validation.pods import check_pod_spec
from modelyard.resources.validation.serve_config import check_serve_config

INITIALIZING_TIMEOUT = "ray.io/initializing-timeout"
"""Annotation: how long a service may take to become ready for the first time."""
_MANAGERS = ("ray.io/kuberay-operator", "kueue.x-k8s.io/multikueue")
_OWN_REDIS = "gcsFaultToleranceOptions is where Redis is named"


def check_ray_service(service: RayService, report: Report) -> None:
    """A name that leaves room, a cluster that can be built, and a Serve configuration that Ray takes."""
    name = service.metadata.name
    report.at("metadata", "name").require(
        len(name) <= MAX_NAME, f"has {len(name)} characters; KubeRay takes at most {MAX_NAME}, since it appends to it"
    )
    report.at("metadata", "annotations", INITIALIZING_TIMEOUT).check(_timeout(service.metadata.annotations))
    spec = report.at("spec")
    cluster = service.spec.ray_cluster_config
    _check_cluster(cluster, spec.at("rayClusterConfig"))
    _check_upgrade(service.spec.upgrade_strategy, cluster, spec.at("upgradeStrategy"))
    spec.at("rayClusterDeletionDelaySeconds").require(
        service.spec.ray_cluster_deletion_delay_seconds >= 0, "must be 0 or more"
    )
    if service.spec.managed_by is not None and service.spec.managed_by not in _MANAGERS:
        spec.at("managedBy").fault(f"{shown(service.spec.managed_by)} is not valid here", allowed=_MANAGERS)
    check_serve_config(read_serve_config(service.spec.serve_config_v2), spec.at("serveConfigV2"))


def _timeout(annotations: Mapping[str, str]) -> str | None:
    text = annotations.get(INITIALIZING_TIMEOUT, "")
    if not text or (text.isdecimal() and int(text) > 0):
        return None
    try:
        positive = parse_go_duration(text) > 0
    except ValueError:
        positive = False
    return None if positive else f"{shown(text)} is no duration above 0; write it like 30m or 1800"


def _check_cluster(cluster: RayClusterSpec, report: Report) -> None:
    head = cluster.head_group_spec
    place = report.at("headGroupSpec")
    _check_group(head.template, head.ray_start_params, head.resources, place)
    if head.template.spec.containers:
        names = {variable.name for variable in cluster.head.env}
        place.at("rayStartParams", "redis-username").require(
            "redis-username" not in head.ray_start_params and "REDIS_USERNAME" not in names, _OWN_REDIS
        )
    groups = Counter(group.group_name for group in cluster.worker_group_specs)
    for index, group in enumerate(cluster.worker_group_specs):
        place = report.at("workerGroupSpecs", index)
        _check_workers(group, place)
        place.at("groupName").require(groups[group.group_name] == 1, f"{shown(group.group_name)} is there twice")
    auth = cluster.auth_options
    report.at("authOptions", "enableK8sTokenAuth").require(
        auth is None or not auth.enable_k8s_token_auth, "is for a RayCluster of its own, not for a RayService"
    )


def _check_group(
    template: PodTemplateSpec, params: Mapping[str, str], resources: Mapping[str, str], report: Report
) -> None:
    check_labels(template.metadata.labels, report.at("template", "metadata", "labels"))
    check_pod_spec(template.spec, report.at("template", "spec"))
    for name, quantity in resources.items():
        report.at("resources", name).check(formats.quantity(quantity))
    if resources:
        for flag in ("num-cpus", "num-gpus", "memory", "resources"):
            report.at("rayStartParams", flag).require(
                flag not in params, "must not be set beside resources, which says the same"
            )
    report.at("rayStartParams", "labels").require(
        "labels" not in params, "KubeRay does not take this flag; write them under the group's labels"
    )


def _check_workers(group: WorkerGroupSpec, report: Report) -> None:
    _check_group(group.template, group.ray_start_params, group.resources, report)
    report.at("groupName").require(bool(group.group_name), "must not be empty")
    for name, number in (
        ("replicas", group.replicas),
        ("minReplicas", group.min_replicas),
        ("maxReplicas", group.max_replicas),
    ):
        report.at(name).require(number >= 0, "must be 0 or more")
    report.at("minReplicas").require(
        group.min_replicas <= group.max_replicas, f"{group.min_replicas} is more than maxReplicas {group.max_replicas}"
    )
    report.at("numOfHosts").require(group.num_of_hosts >= 1, "must be 1 or more")


def _check_upgrade(strategy: UpgradeStrategy, cluster: RayClusterSpec, report: Report) -> None:
    if strategy.type != "NewClusterWithIncrementalUpgrade":
        return
    report.at("type").require(
        cluster.enable_in_tree_autoscaling, "needs rayClusterConfig.enableInTreeAutoscaling: true"
    )
    options = strategy.cluster_upgrade_options
    if options is None:
        report.at("clusterUpgradeOptions").fault("is required for this type and missing")
        return
    place = report.at("clusterUpgradeOptions")
    place.at("maxSurgePercent").check(formats.in_range(options.max_surge_percent, 0, 100))
    place.at("stepSizePercent").check(formats.in_range(options.step_size_percent, 0, options.max_surge_percent))
    place.at("intervalSeconds").require(options.interval_seconds > 0, "must be more than 0")
    place.at("gatewayClassName").require(bool(options.gateway_class_name), "must not be empty")
