"""What follows the configuration in force when the sources change: a broken ``--config-file`` keeps the policies as
they are, and nothing else, or endpoints that went would be picked until somebody mends it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from os.path import abspath

from modelyard.control.configuration import Configuration
from modelyard.control.ext_proc.serving import config_faults, config_from, served
from modelyard.control.ext_proc.settings import ExtProcSettings
from modelyard.manifests.reading import ReadResult
from modelyard.resources.endpoint_picker_config import EndpointPickerConfig
from modelyard.resources.errors import ResourceError
from modelyard.resources.resource_set import ResourceSet


def next_configuration(before: Configuration, read: ReadResult, settings: ExtProcSettings) -> Configuration:
    """The configuration after ``read``. Its errors say what is wrong with what is on disk; errors of manifests withhold
    all of it, those of the given config only the config."""
    source = settings.config_source
    faults = config_errors(read, settings) if source else ()
    if not faults:
        return before.after(read)
    others = [error for error in read.errors if not _of(source, error)]
    if others:
        return before.after(read)
    kept = before.after(ReadResult(resource_set=_with_config_of(before.resources, read.resource_set, source)))
    return replace(kept, errors=tuple(faults))


def config_errors(read: ReadResult, settings: ExtProcSettings) -> Sequence[ResourceError]:
    """Why the config that is given cannot be used; empty: it can."""
    source = settings.config_source
    broken = [error for error in read.errors if _of(source, error)]
    if broken or read.errors:
        return broken
    if config_from(read.resource_set, source) is None:
        return [ResourceError(source=source, message="has no EndpointPickerConfig any more")]
    return [ResourceError(message=fault) for fault in config_faults(served(read.resource_set, settings))]


def _of(source: str, error: ResourceError) -> bool:
    return abspath(error.source) == abspath(source)


def _with_config_of(before: ResourceSet, now: ResourceSet, source: str) -> ResourceSet:
    """``now`` with what ``before`` had of the config's file."""
    place = abspath(source)

    def there(item: object) -> bool:
        return isinstance(item, EndpointPickerConfig) and abspath(item.origin.source) == place

    resources, _ = ResourceSet.of([*(item for item in now if not there(item)), *filter(there, before)])
    return resources
