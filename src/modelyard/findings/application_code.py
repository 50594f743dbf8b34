"""Where an application's code comes from when its Pods start."""

from __future__ import annotations

import re
from collections.abc import Iterator

from modelyard.findings.ray_services import applications, name_of
from modelyard.resources.finding import Finding
from modelyard.resources.moving_code import branch_of, moving_archive
from modelyard.resources.resource_set import ResourceSet

_ENGINES = ("vllm", "ray", "torch", "sglang")


def moving_code(resources: ResourceSet) -> Iterator[Finding]:
    """An archive of a branch: every start may get other code."""
    for service, app in applications(resources):
        address = moving_archive(app)
        if address:
            yield Finding(
                object=name_of(service),
                check="moving-code",
                message=f"application {app.name}: its code is the archive of branch {branch_of(address)} when a "
                f"Pod starts ({address})",
                advice="name the archive of a commit, or put the code into the image",
            )


def local_code(resources: ResourceSet) -> Iterator[Finding]:
    """A folder beside the manifest is understood here and not by KubeRay."""
    for service, app in applications(resources):
        address = app.runtime_env.get("working_dir")
        if isinstance(address, str) and "://" not in address:
            yield Finding(
                object=name_of(service),
                check="local-code",
                message=f"application {app.name}: working_dir {address} is a folder; a cluster takes the address of a "
                "zip file only",
                advice="before it goes to a cluster, put the code into the image, or upload a zip file and name it",
            )


def engines_at_start(resources: ResourceSet) -> Iterator[Finding]:
    """An engine that is installed when a Pod starts."""
    for service, app in applications(resources):
        for tool in ("pip", "uv"):
            given = app.runtime_env.get(tool)
            listed = given.get("packages") if isinstance(given, dict) else given
            for text in listed if isinstance(listed, list) else ():
                name = re.split(r"[^A-Za-z0-9-]", str(text), maxsplit=1)[0].lower()
                if name in _ENGINES:
                    yield Finding(
                        object=name_of(service),
                        check="engine-at-start",
                        message=f"application {app.name}: {text} is installed when a Pod starts, minutes each time and "
                        "from a network",
                        advice="use an image that has it (rayproject/ray-llm)",
                    )
