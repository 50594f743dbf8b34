"""Rules of Pods and Deployments, as far as a local runner depends on them (Kubernetes core, apps)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

import msgspec

from modelyard.resources.apps import Deployment, DeploymentSpec
from modelyard.resources.core import Pod
from modelyard.resources.errors import nearest, shown
from modelyard.resources.faults import Report
from modelyard.resources.jobs import Job
from modelyard.resources.leader_worker_set import LeaderWorkerSet
from modelyard.resources.pods import Container, EnvVar, PodSpec
from modelyard.resources.probes import LifecycleHandler, Probe
from modelyard.resources.validation import formats
from modelyard.resources.validation.metadata import check_labels, check_selector
from modelyard.resources.volumes import VolumeMount

_PERCENTAGE = re.compile(r"[0-9]+%")


def check_pod(pod: Pod, report: Report) -> None:
    """A Pod that only gives an address (``status.podIP``) may leave its containers out."""
    if pod.spec.containers or not pod.status.pod_ip:
        check_pod_spec(pod.spec, report.at("spec"))


def check_deployment(deployment: Deployment, report: Report) -> None:
    """The selector picks the template's labels; the Pod is well formed."""
    spec = report.at("spec")
    spec.at("replicas").require(deployment.spec.replicas >= 0, "must be 0 or more")
    check_selector(deployment.spec.selector, spec.at("selector"))
    labels = deployment.spec.template.metadata.labels
    check_labels(labels, spec.at("template", "metadata", "labels"))
    selector = deployment.spec.selector
    spec.at("selector").require(
        bool(selector.match_labels or selector.match_expressions), "must name at least one label"
    )
    spec.at("template", "metadata", "labels").require(
        selector.matches(labels), "do not match spec.selector; the two must agree"
    )
    _check_updates(deployment.spec, spec)
    check_pod_spec(deployment.spec.template.spec, spec.at("template", "spec"))


def _check_updates(spec: DeploymentSpec, report: Report) -> None:
    """Numbers and percentages as Kubernetes takes them; an update must be able to move."""
    for name, value in (
        ("minReadySeconds", spec.min_ready_seconds),
        ("revisionHistoryLimit", spec.revision_history_limit),
    ):
        report.at(name).require(value >= 0, "must be 0 or more")
    report.at("progressDeadlineSeconds").require(
        spec.progress_deadline_seconds > spec.min_ready_seconds, "must be more than minReadySeconds"
    )
    if spec.strategy.type == "Recreate":
        return
    rolling, place = spec.strategy.rolling_update, report.at("strategy", "rollingUpdate")
    for name, amount in (("maxSurge", rolling.max_surge), ("maxUnavailable", rolling.max_unavailable)):
        good = amount >= 0 if isinstance(amount, int) else _PERCENTAGE.fullmatch(amount) is not None
        place.at(name).require(good, f"{shown(amount)} must be a number from 0 or a percentage such as 25%")
    nothing = {str(rolling.max_surge), str(rolling.max_unavailable)} <= {"0", "0%"}
    place.require(not nothing, "maxSurge and maxUnavailable must not both be 0")


def check_leader_worker_set(groups: LeaderWorkerSet, report: Report) -> None:
    """At least one Pod in each group, each well formed."""
    spec, template = report.at("spec"), groups.spec.leader_worker_template
    spec.at("replicas").require(groups.spec.replicas >= 0, "must be 0 or more")
    place = spec.at("leaderWorkerTemplate")
    place.at("size").require(template.size >= 1, "must be 1 or more")
    if template.leader_template is not None:
        check_pod_spec(template.leader_template.spec, place.at("leaderTemplate", "spec"))
    check_pod_spec(template.worker_template.spec, place.at("workerTemplate", "spec"))


def check_job(job: Job, report: Report) -> None:
    """Bounds that can be kept; the Pod is well formed."""
    spec = report.at("spec")
    spec.at("backoffLimit").require(job.spec.backoff_limit >= 0, "must be 0 or more")
    deadline = job.spec.active_deadline_seconds
    spec.at("activeDeadlineSeconds").require(deadline is None or deadline > 0, "must be above 0")
    policy = job.spec.template.spec.restart_policy
    spec.at("template", "spec", "restartPolicy").require(
        policy != "Always", "must be written: OnFailure or Never (a Job's Pod may not restart for ever)"
    )
    check_pod_spec(job.spec.template.spec, spec.at("template", "spec"))


def check_pod_spec(pod: PodSpec, report: Report) -> None:
    """Containers, volumes and probes of a Pod or of a template of Pods."""
    report.at("containers").require(bool(pod.containers), "must have at least one container")
    volumes = [volume.name for volume in pod.volumes]
    for index, name in enumerate(volumes):
        report.at("volumes", index, "name").check(formats.dns_label(name))
        report.at("volumes", index, "name").require(volumes.count(name) == 1, f"{shown(name)} is there twice")
    names = Counter(container.name for container in (*pod.containers, *pod.init_containers))
    for field, containers in (("containers", pod.containers), ("initContainers", pod.init_containers)):
        for index, container in enumerate(containers):
            place = report.at(field, index)
            _check_container(container, volumes, place)
            place.at("name").require(names[container.name] == 1, f"{shown(container.name)} is there twice")
    report.at("terminationGracePeriodSeconds").require(pod.termination_grace_period_seconds >= 0, "must be 0 or more")


def _check_container(container: Container, volumes: list[str], report: Report) -> None:
    report.at("name").check(formats.dns_label(container.name))
    ports = [port.name for port in container.ports if port.name]
    for index, port in enumerate(container.ports):
        report.at("ports", index, "containerPort").check(formats.port(port.container_port))
        if port.name:
            report.at("ports", index, "name").check(formats.port_or_name(port.name))
    for index, variable in enumerate(container.env):
        _check_env(variable, report.at("env", index))
    for index, mount in enumerate(container.volume_mounts):
        _check_mount(mount, volumes, report.at("volumeMounts", index))
    for field in ("limits", "requests"):
        for name, value in getattr(container.resources, field).items():
            report.at("resources", field, name).check(formats.quantity(value))
    probes = (
        ("startupProbe", container.startup_probe),
        ("readinessProbe", container.readiness_probe),
        ("livenessProbe", container.liveness_probe),
    )
    for field, probe in probes:
        if probe is not None:
            _check_probe(probe, ports, report.at(field), once=field != "readinessProbe")
    if container.lifecycle is not None and container.lifecycle.pre_stop is not None:
        _check_handler(container.lifecycle.pre_stop, report.at("lifecycle", "preStop"))


def _check_env(variable: EnvVar, report: Report) -> None:
    report.at("name").check(formats.env_name(variable.name))
    if variable.value_from is None:
        return
    report.require(not variable.value, "value and valueFrom must not be set together")
    _check_exactly_one(variable.value_from, report.at("valueFrom"))


def _check_exactly_one(choice: msgspec.Struct, report: Report) -> None:
    set_ = [name for name in choice.__struct_fields__ if getattr(choice, name) is not None]
    if len(set_) != 1:
        report.fault("exactly one source must be set", allowed=choice.__struct_encode_fields__)


def _check_mount(mount: VolumeMount, volumes: Iterable[str], report: Report) -> None:
    if mount.name not in volumes:
        report.at("name").fault(
            f"there is no volume {shown(mount.name)} in spec.volumes",
            suggestion=nearest(mount.name, volumes),
        )
    report.at("mountPath").require(bool(mount.mount_path), "must not be empty")
    report.at("subPath").require(".." not in mount.sub_path.split("/"), "must not hold '..'")


def _check_probe(probe: Probe, ports: list[str], report: Report, *, once: bool) -> None:
    """Exactly one action; periods as Kubernetes limits them; only readiness may need several successes."""
    actions = {
        "httpGet": probe.http_get,
        "tcpSocket": probe.tcp_socket,
        "exec": probe.exec,
        "grpc": probe.grpc,
    }
    given = [name for name, action in actions.items() if action is not None]
    if len(given) != 1:
        report.fault("must have exactly one action", allowed=actions)
    for name, value, least in (
        ("initialDelaySeconds", probe.initial_delay_seconds, 0),
        ("periodSeconds", probe.period_seconds, 1),
        ("timeoutSeconds", probe.timeout_seconds, 1),
        ("successThreshold", probe.success_threshold, 1),
        ("failureThreshold", probe.failure_threshold, 1),
    ):
        report.at(name).require(value >= least, f"{value} must be {least} or more")
    if once:
        report.at("successThreshold").require(probe.success_threshold <= 1, "must be 1 for this probe")
    for name, action in (("httpGet", probe.http_get), ("tcpSocket", probe.tcp_socket)):
        if action is not None:
            _check_probe_port(action.port, ports, report.at(name, "port"))
    if probe.grpc is not None:
        report.at("grpc", "port").check(formats.port(probe.grpc.port))


def _check_probe_port(port: int | str, ports: list[str], report: Report) -> None:
    wrong = formats.port_or_name(port)
    if wrong is None and isinstance(port, str) and port not in ports:
        report.fault(
            f"no port of this container has the name {shown(port)}",
            allowed=ports,
            suggestion=nearest(port, ports),
        )
    report.check(wrong)


def _check_handler(handler: LifecycleHandler, report: Report) -> None:
    _check_exactly_one(handler, report)
    if handler.sleep is not None:
        report.at("sleep", "seconds").require(handler.sleep.seconds >= 0, "must be 0 or more")
