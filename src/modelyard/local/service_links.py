"""Variables that lead to the Services of a namespace (``enableServiceLinks``). Pure.

Kubernetes adds ``<SERVICE>_SERVICE_HOST`` and ``<SERVICE>_SERVICE_PORT``, and for each named port
``<SERVICE>_SERVICE_PORT_<NAME>``; and ``<SERVICE>_PORT=tcp://…`` in an older style, which is left out here: for a
Service called ``vllm`` that is ``VLLM_PORT``, which vLLM takes for its own setting and ends. A Service has no address
of its own on one machine, so host and port are those of a replica behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from modelyard.resources.core import Service, ServicePort
    from modelyard.resources.pods import Container

Behind = Callable[["Service", "ServicePort"], tuple[str, int] | None]
"""Address and port that stand for one port of a Service; None: nothing here does."""


def service_links(services: Iterable[Service], behind: Behind) -> Mapping[str, str]:
    """The variables of every Service that something here stands for."""
    links: dict[str, str] = {}
    for service in services:
        if service.spec.type == "ExternalName" or service.spec.cluster_ip == "None":
            continue
        name = _variable(service.metadata.name)
        for index, port in enumerate(service.spec.ports):
            found = behind(service, port)
            if found is None:
                continue
            if index == 0:
                links |= {f"{name}_SERVICE_HOST": found[0], f"{name}_SERVICE_PORT": str(found[1])}
            if port.name:
                links[f"{name}_SERVICE_PORT_{_variable(port.name)}"] = str(found[1])
    return links


def container_port(port: ServicePort, container: Container) -> int | None:
    """The number of the container's port that a Service's port leads to."""
    wanted = port.port if port.target_port is None else port.target_port
    if isinstance(wanted, int):
        return wanted
    return next((one.container_port for one in container.ports if one.name == wanted), None)


def _variable(name: str) -> str:
    return name.upper().replace("-", "_")
