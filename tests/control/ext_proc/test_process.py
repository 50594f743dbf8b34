"""What the control process puts in force, before anything is started; the commands' tests start it for real."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec
import pytest

from modelyard.control.ext_proc.port_lock import AlreadyRunning
from modelyard.control.ext_proc.process import ExtProcControl, _only_one
from modelyard.control.ext_proc.serving import config_faults
from modelyard.control.ext_proc.sources import Listing
from modelyard.resources.errors import ResourceError
from modelyard.resources.resource_set import ResourceSet
from modelyard.worker.protocol import PickerSettings

from .conftest import POOLS, resources_of, settings_of

BAD_CONFIG = """
apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
metadata: {name: chat}
plugins: [{type: of-mine}]
"""


class Source:
    """Says what a test makes it say."""

    def __init__(self, text: str) -> None:
        self.latest = Listing(resources=resources_of(text))

    async def follow(self, changed: Callable[[], None]) -> None:
        raise NotImplementedError


def control_of(source: Source) -> tuple[ExtProcControl, list[bool]]:
    changes: list[bool] = []
    settings = settings_of(picker=PickerSettings())
    return ExtProcControl(settings, [source], on_change=lambda: changes.append(True)), changes


def test_a_change_is_a_new_generation() -> None:
    source = Source(POOLS)
    control, changes = control_of(source)
    assert (control.configuration.generation, len(control.snapshot.pools)) == (1, 2)
    source.latest = Listing(resources=resources_of(POOLS.split("---")[0]))
    control._sources_changed()
    assert (control.configuration.generation, len(control.snapshot.pools)) == (2, 1)
    control._sources_changed()
    assert (control.configuration.generation, len(changes)) == (2, 2)


def test_what_is_withheld_changes_nothing_and_is_told(caplog: pytest.LogCaptureFixture) -> None:
    source = Source(POOLS)
    control, _ = control_of(source)
    source.latest = Listing(errors=(ResourceError(source="x.yaml", message="is broken"),), withheld=True)
    control._sources_changed()
    assert (control.configuration.generation, len(control.snapshot.pools)) == (1, 2)
    assert control.configuration.stale
    assert "x.yaml: is broken" in caplog.text


def test_single_entries_that_are_left_out_are_told(caplog: pytest.LogCaptureFixture) -> None:
    source = Source(POOLS)
    control, _ = control_of(source)
    errors = (ResourceError(source="e.yaml", path="endpoints[1]", message="is no address"),)
    source.latest = msgspec.structs.replace(source.latest, errors=errors)
    control._sources_changed()
    assert not control.configuration.stale
    assert "e.yaml: endpoints[1]: is no address" in caplog.text


def test_a_config_that_cannot_be_used_keeps_the_last_one(caplog: pytest.LogCaptureFixture) -> None:
    source = Source(POOLS)
    control, _ = control_of(source)
    source.latest = Listing(resources=resources_of(POOLS + "---" + BAD_CONFIG))
    control._sources_changed()
    assert control.configuration.generation == 1
    assert control.configuration.stale
    assert "of-mine" in caplog.text
    source.latest = Listing(resources=resources_of(POOLS))
    control._sources_changed()
    assert not control.configuration.stale


def test_what_is_wrong_is_told_once_until_it_is_mended(caplog: pytest.LogCaptureFixture) -> None:
    source = Source(POOLS)
    control, _ = control_of(source)
    remark = ResourceError(source="e.yaml", path="endpoints[1]", message="is no address")
    broken = Listing(errors=(ResourceError(source="x.yaml", message="is broken"),), withheld=True)
    refused = Listing(resources=resources_of(POOLS + "---" + BAD_CONFIG), errors=(remark,))
    sound = Listing(resources=resources_of(POOLS))
    for latest in (broken, broken, sound, broken, refused, refused):
        source.latest = latest
        control._sources_changed()
    told = [record.message for record in caplog.records]
    assert [sum(words in one for one in told) for words in ("is broken", "of-mine", "is no address")] == [2, 1, 1]
    assert told.count("generation 1 keeps serving") == 3


@pytest.mark.parametrize(
    "place", ["next_configuration.served", "next_configuration.config_faults", "process.build_snapshot"]
)
def test_an_error_of_our_own_keeps_the_last_one(
    place: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    source = Source(POOLS)
    control, changes = control_of(source)
    before = control.resources

    def fails(*_: object, **__: object) -> None:
        raise KeyError("of our own")

    monkeypatch.setattr(f"modelyard.control.ext_proc.{place}", fails)
    source.latest = Listing(resources=resources_of(POOLS.split("---")[0]))
    control._sources_changed()
    control._sources_changed()
    assert (control.configuration.generation, control.configuration.stale) == (1, True)
    assert control.resources is before
    assert len(changes) == 2
    assert sum(record.exc_info is not None for record in caplog.records) == 1


def test_a_change_is_looked_through_once(monkeypatch: pytest.MonkeyPatch) -> None:
    source = Source(POOLS)
    control, _ = control_of(source)
    looked: list[object] = []

    def counted(resources: ResourceSet) -> tuple[str, ...]:
        looked.append(resources)
        return config_faults(resources)

    monkeypatch.setattr("modelyard.control.ext_proc.next_configuration.config_faults", counted)
    control._sources_changed()
    assert not looked
    source.latest = Listing(resources=resources_of(POOLS.split("---")[0]))
    control._sources_changed()
    assert (len(looked), control.configuration.generation) == (1, 2)


def test_readiness_needs_every_worker() -> None:
    control, _ = control_of(Source(POOLS))
    ready, details = control.view.readiness()
    assert not ready
    assert (details["generation"], details["wantedGeneration"]) == (0, 1)
    assert [pool["failureMode"] for pool in control.view.pools()] == ["FailOpen", "FailClose"]


def test_what_the_admin_api_shows() -> None:
    control, _ = control_of(Source(POOLS))
    (pool,) = control.view.resources("InferencePool", "dev", None)
    assert pool["metadata"]["name"] == "code"
    assert control.view.summary()["role"] == "epp"
    assert asyncio.run(control.view.fleet())["backends"] == []
    assert control.view.replicas() == []


def test_metrics_can_be_read_before_anything_is_known() -> None:
    control, _ = control_of(Source(POOLS))
    page = asyncio.run(control.view.metrics())
    assert "inference_extension_info" in page
    assert "modelyard_config_generation 1" in page


def test_one_process_per_port(tmp_path: object) -> None:
    settings = settings_of()
    object.__setattr__(settings, "socket_path", tmp_path / "s.sock")  # type: ignore[operator]
    first = _only_one(settings)
    with pytest.raises(AlreadyRunning, match="serves port 9002"):
        _only_one(settings)
    first.remove()
    _only_one(settings).remove()


BAD_ADAPTERS = """
apiVersion: v1
kind: ConfigMap
metadata: {name: adapters, labels: {inference.networking.k8s.io/bbr-managed: "true"}}
data: {baseModel: m, adapters: "{not: list}"}
---
"""


def test_a_wrong_adapter_map_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    source = Source(BAD_ADAPTERS + POOLS)
    control, _ = control_of(source)
    source.latest = Listing(resources=resources_of(BAD_ADAPTERS + POOLS.split("---")[0]))
    control._sources_changed()
    assert control.configuration.generation == 2
    told = [record.message for record in caplog.records if "data.adapters: is no list" in record.message]
    assert len(told) == 1
    assert "ConfigMap default/adapters" in told[0]


OBJECTIVE = """
---
apiVersion: inference.networking.x-k8s.io/v1alpha2
kind: InferenceObjective
metadata: {name: sql}
spec: {poolRef: {name: chat}, targetModels: [{name: sql-lora, weight: 100}]}
"""


def test_fields_without_effect_are_told_once(caplog: pytest.LogCaptureFixture) -> None:
    source = Source(POOLS + OBJECTIVE)
    control, _ = control_of(source)
    source.latest = Listing(resources=resources_of(POOLS.split("---")[0] + OBJECTIVE))
    control._sources_changed()
    told = [record.message for record in caplog.records if "spec.targetModels" in record.message]
    assert told == [
        "InferenceObjective default/sql says spec.targetModels, which has no effect: this field is InferenceModel's"
    ]
