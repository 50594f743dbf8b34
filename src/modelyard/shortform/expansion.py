"""A Yard -> the objects that it stands for."""

from __future__ import annotations

from modelyard.resources.errors import ResourceError
from modelyard.resources.kinds import AnyResource
from modelyard.resources.loading import LoadResult, load_value
from modelyard.resources.yard import Yard
from modelyard.shortform.routing import routing
from modelyard.shortform.servers import servers
from modelyard.shortform.target import Manifest, Setting, Target
from modelyard.shortform.volumes import claims


def expand(yard: Yard, target: Target, folder: str) -> tuple[Manifest, ...]:
    """The Kubernetes objects as plain values. Names follow from the Yard's own names only, so that a change of one
    model changes that model's objects. ``folder``: absolute folder of the Yard's file."""
    if not yard.spec.models:
        return ()
    setting = Setting(yard=yard, target=target, folder=folder)
    return (*routing(setting), *claims(setting), *servers(setting))


def expanded(yard: Yard, folder: str, target: Target = Target.LOCAL) -> LoadResult:
    """The objects, loaded; each has the Yard's origin."""
    objects: list[AnyResource] = []
    errors: list[ResourceError] = []
    for manifest in expand(yard, target, folder):
        loaded = load_value(manifest, yard.origin)
        objects.extend(loaded.objects)
        errors.extend(loaded.errors)
    return LoadResult(objects=tuple(objects), errors=tuple(errors))
