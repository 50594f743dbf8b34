"""Pools that lose their endpoints, as processes: what is answered, and what a broken config must not hold up."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from modelyard.sim.server import SimHandle

from .conftest import RunningProcess, body, headers, picked, status, until
from .test_dashboards import QUEUES, samples, value
from .test_epp import pool_of

pytestmark = pytest.mark.integration

Start = Callable[..., RunningProcess]


def test_a_queue_for_a_pool_without_endpoints_ends_with_503(start: Start) -> None:
    config = json.dumps({**QUEUES, "flowControl": {"defaultRequestTTL": "1s"}})
    epp = start("epp", "--pool-name", "vllm", "--endpoint", "127.0.0.9:9", "--config-text", config)
    answers = epp.process(headers(), body())
    fields = answers[0].immediate_response.headers.set_headers
    assert status(answers) == 503
    assert {"x-llm-d-request-dropped-reason": b"rejected-no-endpoints"}.items() <= {
        field.header.key: field.header.raw_value for field in fields
    }.items()
    counted = "inference_extension_flow_control_request_queue_duration_seconds_count"
    until(lambda: value(samples(epp), counted, outcome="EvictedNoEndpoints") == 1, "it is counted")


def test_a_broken_config_file_does_not_hold_up_endpoints(start: Start, sims: list[SimHandle], tmp_path: Path) -> None:
    manifests, config = tmp_path / "pool.yaml", tmp_path / "config.yaml"
    manifests.write_text(pool_of(sims[0], "chat"))
    config.write_text("apiVersion: llm-d.ai/v1alpha1\nkind: EndpointPickerConfig\nplugins: [{type: queue-scorer}]\n")
    epp = start("epp", "-f", str(manifests), "--config-file", str(config))
    assert picked(epp.process(headers(), body())) == [sims[0].address]
    config.write_text("plugins: [")
    until(lambda: "config.yaml" in epp.log(), "the fault is told")
    manifests.write_text(pool_of(sims[1], "chat"))
    until(lambda: picked(epp.process(headers(), body())) == [sims[1].address], "the other endpoint is picked")
