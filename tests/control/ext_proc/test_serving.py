from __future__ import annotations

from os.path import abspath

import pytest

from modelyard.control.ext_proc.discovery import FileDiscovery
from modelyard.control.ext_proc.serving import (
    config_faults,
    discovery_of,
    given_config,
    pool_of_addresses,
    served,
)
from modelyard.control.ext_proc.settings import Role
from modelyard.resources.helm import BodyPlugin
from modelyard.resources.resource_set import ResourceSet
from modelyard.snapshot import build_snapshot, picker_config_of

from .conftest import POOLS, resources_of, settings_of

CONFIG = """
apiVersion: {group}/v1alpha1
kind: EndpointPickerConfig
plugins:
- type: {plugin}
- {{name: files, type: file-discovery, parameters: {{path: /e.yaml}}}}
schedulingProfiles:
- name: default
  plugins: [{{pluginRef: {plugin}, weight: 2}}]
dataLayer: {{discovery: {{pluginRef: files}}}}
"""
GROUPS = ["llm-d.ai", "inference.networking.x-k8s.io"]


def with_config(group: str = "llm-d.ai", plugin: str = "queue-scorer") -> ResourceSet:
    pools, config = resources_of(POOLS), resources_of(CONFIG.format(group=group, plugin=plugin), "given.yaml")
    own = resources_of(CONFIG.format(group=group, plugin="kv-cache-utilization-scorer"), "own.yaml")
    own_config = next(iter(own.endpoint_picker_configs.values()))
    named = own_config.metadata.__class__(name="chat-epp")
    renamed = own_config.__class__(
        **{**{f: getattr(own_config, f) for f in own_config.__struct_fields__}, "metadata": named}
    )
    return ResourceSet.of([*pools, *config, renamed])[0]


@pytest.mark.parametrize("group", GROUPS)
def test_the_given_config_counts_for_every_pool(group: str) -> None:
    settings = settings_of(config_source="given.yaml")
    written = with_config(group)
    resources = served(written, settings)
    for key in resources.inference_pools:
        config = picker_config_of(resources, *key)
        assert config is not None
        assert config.plugins[0].type == "queue-scorer"
    assert config_faults(resources) == ()
    assert discovery_of(written, settings) == FileDiscovery(path="/e.yaml")


def test_the_spelling_of_its_path_does_not_count() -> None:
    written = with_config()
    for source in ("./given.yaml", abspath("given.yaml"), "x/../given.yaml"):
        found = given_config(written, settings_of(config_source=source))
        assert found is not None
        assert found.plugins[0].type == "queue-scorer"
    assert given_config(written, settings_of(config_source="other.yaml")) is None


def test_without_one_each_pool_has_its_own() -> None:
    resources = served(with_config(), settings_of())
    config = picker_config_of(resources, "default", "chat")
    assert config is not None
    assert config.plugins[0].type == "kv-cache-utilization-scorer"
    assert given_config(resources, settings_of()) is None


def test_unknown_plugins_are_refused_by_name_with_those_that_exist() -> None:
    written = with_config(plugin="prefill-filter-of-mine")
    (fault,) = config_faults(served(written, settings_of(config_source="given.yaml")))
    assert "of InferencePool default/chat, dev/code: " in fault
    assert "prefill-filter-of-mine" in fault
    assert "queue-scorer" in fault
    assert "max-score-picker" in fault


def test_only_the_pool_that_is_asked_for() -> None:
    resources = served(resources_of(POOLS), settings_of(pool=("dev", "code")))
    assert list(resources.inference_pools) == [("dev", "code")]
    assert list(served(resources_of(POOLS), settings_of()).inference_pools) == [("default", "chat"), ("dev", "code")]


def test_a_pool_of_addresses() -> None:
    pool = pool_of_addresses("dev", "new", ["10.0.0.1:1", "10.0.0.2:2"], fail_open=True, port=9002)
    resources = served(ResourceSet(), settings_of(pool=("dev", "new"), added_pools=(pool,)))
    (plan,) = build_snapshot(resources).pools.values()
    assert (str(plan.key), plan.picker, plan.fails_open) == ("InferencePool/dev/new", "new-epp", True)
    assert [port.number for port in pool.spec.target_ports] == [1, 2]


def test_plugins_of_the_command_line_replace_those_of_values_files() -> None:
    written = resources_of("bbr: {plugins: [{type: body-field-to-header, name: x, json: {field_name: a}}]}")
    given = BodyPlugin(type="body-field-to-header", name="y", json={"field_name": "tier", "header_name": "X-Tier"})

    def headers(plugins: tuple[BodyPlugin, ...]) -> list[tuple[str, str]]:
        snapshot = build_snapshot(served(written, settings_of(Role.ROUTER, plugins=plugins)))
        return [(item.field, item.header) for item in snapshot.body_headers]

    assert headers(()) == [("a", "x-gateway-a")]
    assert headers((given,)) == [("tier", "x-tier")]
