"""EndpointPickerConfig: what is honoured, what is refused and how the message reads."""

from __future__ import annotations

from typing import Any

import pytest

from modelyard.picking.config import DEFAULT_PROFILE, ConfigError, SchedulerConfig, scheduler_config
from modelyard.picking.ecosystem import INFRASTRUCTURE, NOT_IMPLEMENTED
from modelyard.picking.prefix_index import PrefixSettings

REFERENCE = """
featureGates: ["flowControl"]
plugins:
- {type: queue-scorer}
- {type: kv-cache-utilization-scorer}
- {type: prefix-cache-scorer}
- {name: best, type: max-score-picker}
- {type: single-profile-handler}
- {type: metrics-data-source}
- {type: core-metrics-extractor}
- {type: openai-parser}
- {type: approx-prefix-cache-producer, parameters: {blockSizeTokens: 16, lruCapacityPerServer: 100}}
- {type: inflight-load-producer}
- {type: token-producer}
schedulingProfiles:
- name: default
  plugins:
  - {pluginRef: queue-scorer, weight: 2}
  - {pluginRef: kv-cache-utilization-scorer, weight: 2}
  - {pluginRef: prefix-cache-scorer, weight: 3}
  - {pluginRef: best}
dataLayer:
  sources: [{pluginRef: metrics-data-source, extractors: [{pluginRef: core-metrics-extractor}]}]
requestHandler: {parsers: [{pluginRef: openai-parser}]}
"""


def read(build: Any, text: str) -> SchedulerConfig:
    return scheduler_config(build.config(text))


def error(build: Any, text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        read(build, text)
    return str(caught.value)


def weights(config: SchedulerConfig) -> dict[str, float]:
    return {scorer.name: scorer.weight for scorer in config.profiles[0].scorers}


def test_without_a_config_the_defaults_apply() -> None:
    config = scheduler_config(None)
    assert weights(config) == {
        "queue-scorer": 2,
        "kv-cache-utilization-scorer": 2,
        "prefix-cache-scorer": 3,
        "lora-affinity-scorer": 1,
        "active-request-scorer": 4,
    }
    assert config.profiles[0].picker.type == "max-score-picker"
    assert config.profiles[0].picker.parameters.max_num_of_endpoints == 3
    assert not config.flow.enabled


def test_an_empty_config_is_the_default_one(build: Any) -> None:
    assert read(build, "") == scheduler_config(None)


def test_a_config_of_the_ecosystem_is_honoured(build: Any) -> None:
    config = read(build, REFERENCE)
    assert weights(config) == {"queue-scorer": 2, "kv-cache-utilization-scorer": 2, "prefix-cache-scorer": 3}
    assert config.profiles[0].picker.name == "best"
    assert config.prefix == PrefixSettings(block_tokens=16, capacity_per_endpoint=100)
    assert config.flow.enabled


def test_equal_configs_are_equal(build: Any) -> None:
    assert read(build, REFERENCE) == read(build, REFERENCE)


def test_without_profiles_all_policies_form_one(build: Any) -> None:
    config = read(build, "plugins: [{type: decode-filter}, {type: queue-scorer}, {type: random-picker}]")
    (profile,) = config.profiles
    assert [item.type for item in profile.filters] == ["decode-filter"]
    assert [(item.type, item.weight) for item in profile.scorers] == [("queue-scorer", 1.0)]
    assert profile.picker.type == "random-picker"


def test_only_infrastructure_leaves_the_default_profile(build: Any) -> None:
    assert read(build, "plugins: [{type: openai-parser}]").profiles == (DEFAULT_PROFILE,)


def test_a_plugin_may_be_used_twice_under_two_names(build: Any) -> None:
    config = read(build, "plugins: [{name: a, type: queue-scorer}, {name: b, type: queue-scorer}]")
    assert weights(config) == {"a": 1.0, "b": 1.0}


def test_context_length_aware_is_filter_and_scorer(build: Any) -> None:
    (profile,) = read(build, "plugins: [{type: context-length-aware, parameters: {enableFiltering: true}}]").profiles
    assert [item.type for item in (*profile.filters, *profile.scorers)] == ["context-length-aware"] * 2


def test_a_header_chooses_among_profiles(build: Any) -> None:
    config = read(
        build,
        """
plugins: [{type: queue-scorer}, {type: header-profile-handler, parameters: {defaultProfile: fast}}]
schedulingProfiles: [{name: fast, plugins: [{pluginRef: queue-scorer}]}, {name: slow, plugins: []}]
""",
    )
    assert (config.profile_header, config.default_profile) == ("EPP-Profile", "fast")
    assert [profile.name for profile in config.profiles] == ["fast", "slow"]


@pytest.mark.parametrize("name", INFRASTRUCTURE)
def test_what_is_done_anyway_is_accepted(build: Any, name: str) -> None:
    parameters = "{defaultProfile: default}" if name == "header-profile-handler" else "{}"
    profiles = "schedulingProfiles: [{name: default, plugins: []}]"
    assert read(build, f"plugins: [{{type: {name}, parameters: {parameters}}}]\n{profiles}").profiles


@pytest.mark.parametrize("name", sorted(NOT_IMPLEMENTED))
def test_what_is_missing_is_refused_by_name(build: Any, name: str) -> None:
    text = error(build, f"plugins: [{{type: {name}}}]")
    assert f"plugins[0].type: plugin type '{name}' is known, but not implemented here; allowed: " in text
    assert "queue-scorer" in text


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (
            "plugins: [{type: queue-scorrer}]",
            ["plugins[0].type: plugin type 'queue-scorrer' is unknown", "did you mean 'queue-scorer'?"],
        ),
        (
            "plugins: [{type: queue-scorer, parameters: {weight: 3}}]",
            ["plugins[0].parameters.weight: queue-scorer takes no parameters, so not 'weight'"],
        ),
        (
            "plugins: [{type: active-request-scorer, parameters: {idleTreshold: 3}}]",
            [
                "plugins[0].parameters.idleTreshold: active-request-scorer has no parameter 'idleTreshold'",
                "allowed: idleThreshold, maxBusyScore, busyFloor",
                "did you mean 'idleThreshold'?",
            ],
        ),
        (
            "plugins: [{name: busy, type: active-request-scorer, parameters: {idleThreshold: many}}]",
            ["plugins[0].parameters: busy: idleThreshold = 'many': Expected `int`, got `str`"],
        ),
        (
            "plugins: [{type: active-request-scorer, parameters: {maxBusyScore: 1.5}}]",
            ["plugins[0].parameters: active-request-scorer: maxBusyScore must be 0 to 1"],
        ),
        (
            "plugins: [{type: utilization-filter, parameters: {conditions: [{metric: queue, maxValue: 1}]}}]",
            [
                "conditions[0].metric = 'queue'",
                "allowed: active-requests, kv-cache-utilization, running-requests, waiting-queue",
            ],
        ),
        ("plugins: [{type: utilization-filter}]", ["missing required field `conditions`"]),
        (
            "plugins: [{type: queue-scorer}, {type: queue-scorer}]",
            ["plugins[1].name: two plugins are named 'queue-scorer'"],
        ),
        (
            "plugins: [{type: queue-scorer}]\nschedulingProfiles: [{name: p, plugins: [{pluginRef: queue-scorr}]}]",
            [
                "schedulingProfiles[0].plugins[0].pluginRef: no plugin is named 'queue-scorr'",
                "allowed: queue-scorer",
                "did you mean 'queue-scorer'?",
            ],
        ),
        (
            "plugins: [{type: openai-parser}]\nschedulingProfiles: [{name: p, plugins: [{pluginRef: openai-parser}]}]",
            ["schedulingProfiles[0].plugins[0].pluginRef: openai-parser is no filter, scorer or picker"],
        ),
        (
            "plugins: [{type: queue-scorer}]\n"
            "schedulingProfiles: [{name: p, plugins: [{pluginRef: queue-scorer, weight: -1}]}]",
            ["schedulingProfiles[0].plugins[0]: weight -1.0 must be 0 to 1000"],
        ),
        (
            "plugins: [{type: random-picker}, {type: max-score-picker}]",
            ["profile 'default' has several pickers"],
        ),
        (
            "plugins: [{type: max-score-picker, parameters: {maxNumOfEndpoints: 0}}]",
            ["maxNumOfEndpoints must be 1 to 16"],
        ),
        (
            "schedulingProfiles: [{name: a, plugins: []}, {name: b, plugins: []}]",
            ["there are 2 profiles and nothing chooses between them: add a header-profile-handler"],
        ),
        (
            "schedulingProfiles: [{name: a, plugins: []}, {name: a, plugins: []}]",
            ["two profiles have the same name"],
        ),
        (
            "plugins: [{type: header-profile-handler}]\nschedulingProfiles: [{name: decoding, plugins: []}]",
            ["defaultProfile 'decode' is no profile; did you mean 'decoding'? allowed: decoding"],
        ),
        (
            "plugins: [{type: header-profile-handler}, {type: single-profile-handler}]",
            ["there are several profile handlers"],
        ),
        (
            "plugins: [{type: prefix-cache-scorer, parameters: {prefixMatchInfoProducerName: precise}}]",
            ["prefixMatchInfoProducerName: no approx-prefix-cache-producer is named 'precise'"],
        ),
        (
            "plugins: [{name: a, type: approx-prefix-cache-producer}, {name: b, type: approx-prefix-cache-producer}]",
            ["a pool has one prefix index"],
        ),
        (
            "plugins: [{type: approx-prefix-cache-producer, parameters: {blockSizeTokens: 0}}]",
            ["blockSizeTokens must be 1 to 65536"],
        ),
        (
            "plugins: [{type: token-producer, parameters: {backend: vllm}}]",
            ["backend = 'vllm'", "Invalid enum value 'vllm'; allowed: estimate"],
        ),
        (
            "plugins: [{type: metrics-data-source, parameters: {path: /other}}]",
            ["path = '/other'"],
        ),
        ("dataLayer: {sources: [{pluginRef: m}]}", ["dataLayer.sources[0].pluginRef: no plugin is named 'm'"]),
        (
            "dataLayer: {discovery: {pluginRef: files}}",
            ["dataLayer.discovery: discovery plugins count only in"],
        ),
        (
            "requestHandler: {parsers: [{pluginRef: x}]}",
            ["requestHandler.parsers[0].pluginRef: no plugin is named 'x'"],
        ),
        ("saturationDetector: {queueDepth: 3}", ["utilization-detector has no parameter 'queueDepth'"]),
        ("parser: {name: x}", ["parser: has moved"]),
    ],
)
def test_what_cannot_be_honoured_is_an_error_that_says_where_and_what(build: Any, text: str, parts: list[str]) -> None:
    message = error(build, text)
    for part in parts:
        assert part in message


def test_all_faults_are_named_at_once(build: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        read(build, "plugins: [{type: a}, {type: queue-scorer, parameters: {b: 1}}, {type: disagg-profile-handler}]")
    assert [fault.path for fault in caught.value.faults] == [
        ("plugins", 0, "type"),
        ("plugins", 1, "parameters", "b"),
        ("plugins", 2, "type"),
    ]


@pytest.mark.parametrize(
    ("parsers", "reads"),
    [
        ((), True),
        (("passthrough-parser",), False),
        (("openai-parser",), True),
        (("openai-parser", "passthrough-parser"), True),
    ],
)
def test_bodies_are_read_unless_they_are_only_to_pass(build: Any, parsers: tuple[str, ...], reads: bool) -> None:
    plugins = "".join(f"- {{type: {name}}}\n" for name in ("openai-parser", "passthrough-parser"))
    refs = ", ".join(f"{{pluginRef: {name}}}" for name in parsers)
    assert read(build, f"plugins:\n{plugins}requestHandler: {{parsers: [{refs}]}}").reads_bodies == reads


@pytest.mark.parametrize(
    ("handling", "only"),
    [
        ("requestHandler: {parsers: [{pluginRef: openai-parser}]}", {"openai-parser"}),
        ("requestHandler: {parsers: [{pluginRef: openai-parser}, {pluginRef: passthrough-parser}]}", set()),
        ("requestHandler: {parsers: []}", set()),
        ("parser: {pluginRef: openai-parser}", set()),
        ("", set()),
    ],
)
def test_a_list_of_parsers_without_a_fallback_is_a_limit(build: Any, handling: str, only: set[str]) -> None:
    text = f"plugins: [{{type: openai-parser}}, {{type: passthrough-parser}}]\n{handling}"
    assert read(build, text).only_parsers == only


def test_discovery_from_a_file_says_where_it_counts(build: Any) -> None:
    text = error(build, "plugins: [{type: file-discovery, parameters: {path: /endpoints.yaml}}]")
    assert "counts only in the config that modelyard epp is given" in text
    assert "dataLayer.discovery.pluginRef" in text
