"""What ``rollout`` says of a RayService: it is changed by its manifest alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelyard.admin.route import Refused

if TYPE_CHECKING:
    from modelyard.resources.resource_set import ResourceSet


def refuse_ray_service(resources: ResourceSet, namespace: str, name: str) -> None:
    """Raises Refused, with what to do instead, where the manifests have a RayService of this name."""
    if (namespace, name) not in resources.ray_services:
        return
    raise Refused(
        f"{namespace}/{name} is a RayService, which is rolled out by editing its manifest: a changed serveConfigV2 "
        "goes to the running cluster; any other change of its spec makes a new cluster, which takes the traffic when "
        "it is ready (upgradeStrategy NewCluster). To have every process replaced, set an annotation in "
        "headGroupSpec.template, for example restarted-at. How far it is: "
        f"modelyard rollout status rayservice/{name} -n {namespace}",
        status=409,
        code="ray_service",
    )
