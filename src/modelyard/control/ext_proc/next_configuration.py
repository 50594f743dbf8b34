"""What follows the configuration in force when the sources change: a broken ``--config-file`` keeps the policies as
they are, and where the file cannot be read its other objects, and nothing else, or endpoints that went would be picked
until somebody mends it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from os.path import abspath

from modelyard.control.configuration import Configuration
from modelyard.control.ext_proc.serving import config_faults, config_from, served
from modelyard.control.ext_proc.settings import ExtProcSettings
from modelyard.manifests.reading import ReadResult
from modelyard.resources.endpoint_picker_config import EndpointPickerConfig
from modelyard.resources.errors import ResourceError
from modelyard.resources.kinds import AnyResource
from modelyard.resources.resource_set import ResourceSet


@dataclass(frozen=True, slots=True)
class Change:
    """What is in force from now on."""

    configuration: Configuration
    served: ResourceSet | None = None
    """What is then served; None: the same as before."""


def next_configuration(before: Configuration, read: ReadResult, settings: ExtProcSettings) -> Change:
    """The configuration after ``read``. Its errors say what is wrong with what is on disk; errors of manifests withhold
    all of it, those of the given config only the config, or where its file cannot be read, that file."""
    source = settings.config_source
    broken = [error for error in read.errors if _of(source, error)] if source else []
    if len(broken) < len(read.errors):
        return Change(before.after(read))
    if broken:
        return _without_file(before, read, settings, broken, whole=True)
    if source and config_from(read.resource_set, source) is None:
        gone = ResourceError(source=source, message="has no EndpointPickerConfig any more")
        return _without_file(before, read, settings, [gone], whole=True)
    change, faults = _checked(before, before.after(read), settings)
    if not faults:
        return change
    if not source:
        return Change(before.refusing("; ".join(faults)))
    return _without_file(before, read, settings, [ResourceError(message=fault) for fault in faults], whole=False)


def _of(source: str, error: ResourceError) -> bool:
    return abspath(error.source) == abspath(source)


def _checked(before: Configuration, wanted: Configuration, settings: ExtProcSettings) -> tuple[Change, tuple[str, ...]]:
    """The step to ``wanted``, and what is wrong with the policies there."""
    if wanted.generation == before.generation:
        return Change(wanted), ()
    resources = served(wanted.resources, settings)
    return Change(wanted, resources), config_faults(resources)


def _without_file(
    before: Configuration, read: ReadResult, settings: ExtProcSettings, errors: Sequence[ResourceError], *, whole: bool
) -> Change:
    """The step to what ``read`` has outside the config's file. ``whole``: all objects of the file stay as they were,
    otherwise the config alone."""
    resources = _with_file_of(before.resources, read.resource_set, settings.config_source, whole=whole)
    change, faults = _checked(before, before.after(ReadResult(resource_set=resources)), settings)
    if faults:
        return Change(before.refusing("; ".join(faults)))
    return replace(change, configuration=replace(change.configuration, errors=tuple(errors)))


def _with_file_of(before: ResourceSet, now: ResourceSet, source: str, *, whole: bool) -> ResourceSet:
    """``now`` with what ``before`` had of the config's file. What went to another file meanwhile is taken from there,
    but for the config."""
    place = abspath(source)

    def stays(item: AnyResource) -> bool:
        return (whole or isinstance(item, EndpointPickerConfig)) and abspath(item.origin.source) == place

    kept = [item for item in before if stays(item)]
    configs = [item for item in kept if isinstance(item, EndpointPickerConfig)]
    resources, _ = ResourceSet.of([*configs, *(item for item in now if not stays(item)), *kept])
    return resources
