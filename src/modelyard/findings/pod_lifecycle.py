"""Settings of a Pod's start and end that break a model server on a cluster."""

from __future__ import annotations

from collections.abc import Iterator

from modelyard.resources.finding import Finding
from modelyard.resources.pods import Container
from modelyard.resources.resource_set import ResourceSet
from modelyard.resources.sleep_command import hook_seconds

_VLLM = "VLLM"


def service_links(resources: ResourceSet) -> Iterator[Finding]:
    """A Service called ``vllm`` gives every Pod of its namespace ``VLLM_PORT=tcp://…``, with which vLLM ends."""
    named = {where for where, name in resources.services if name.upper().replace("-", "_") == _VLLM}
    for (namespace, name), deployment in resources.deployments.items():
        pod = deployment.spec.template.spec
        if namespace in named and pod.enable_service_links and any(map(_is_vllm, pod.containers)):
            yield Finding(
                object=f"Deployment {namespace}/{name}",
                check="service-links",
                message="the Service vllm sets VLLM_PORT to an address, which vLLM takes for its port and ends",
                advice="enableServiceLinks: false in the Pod template, or another name for the Service",
            )


def grace_and_sleep(resources: ResourceSet) -> Iterator[Finding]:
    """A preStop sleep that is as long as the whole grace leaves nothing for requests."""
    for (namespace, name), deployment in resources.deployments.items():
        pod = deployment.spec.template.spec
        for container in pod.containers:
            hook = container.lifecycle.pre_stop if container.lifecycle is not None else None
            seconds = (hook_seconds(hook) or 0.0) if hook is not None else 0.0
            if seconds and seconds >= pod.termination_grace_period_seconds:
                yield Finding(
                    object=f"Deployment {namespace}/{name}",
                    check="grace-and-sleep",
                    message=f"container {container.name} sleeps {seconds:g} s before it stops, and is killed after "
                    f"{pod.termination_grace_period_seconds} s: open requests are cut off",
                    advice="a longer terminationGracePeriodSeconds; modelyard drain-time works it out",
                )


def _is_vllm(container: Container) -> bool:
    return any("vllm" in word for word in (container.image, *container.command))
