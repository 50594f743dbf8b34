"""Ray's metrics page: vLLM's families under Ray's names and labels, and Ray Serve's own."""

from __future__ import annotations

from modelyard.sim.engine import Engine
from modelyard.sim.expositions.families import Family, Labels, Sample, counter, gauge
from modelyard.sim.expositions.vllm import vllm_families


def ray_families(engine: Engine, unix_offset: float) -> list[Family]:
    """Ray 2.54 and later: ``vllm:x`` is ``ray_vllm_x``; counters appear bare (deprecated) and with
    ``_total``."""
    labels = _labels(engine)
    families = [_renamed(family, labels) for family in vllm_families(engine, unix_offset)]
    return [*map(_twice, families), *map(_twice, _serve(engine, labels))]


def _labels(engine: Engine) -> dict[str, object]:
    deployment = "LLMServer:" + engine.settings.served_model.replace("/", "--").replace(".", "_")
    return {"application": "default", "deployment": deployment, "replica": f"{deployment}#simulated"}


def _renamed(family: Family, labels: Labels) -> Family:
    name = "ray_" + family.name.replace(":", "_")
    return family._replace(name=name, samples=[s._replace(labels={**labels, **s.labels}) for s in family.samples])


def _twice(family: Family) -> Family:
    if family.kind != "counter":
        return family
    bare = [Sample("", sample.labels, sample.value) for sample in family.samples]
    return family._replace(kind="untyped", samples=[*bare, *family.samples])


def _serve(engine: Engine, labels: Labels) -> list[Family]:
    counts = engine.statistics
    replica = {key: value for key, value in labels.items() if key != "replica"}
    done = sum(n for reason, n in counts.finished.items() if reason != "abort")
    ongoing = len(engine.running) + engine.waiting
    return [
        counter("ray_serve_num_http_requests", "HTTP requests.", {"application": "default"}, counts.submitted),
        counter("ray_serve_num_http_error_requests", "HTTP errors.", {"application": "default"}, counts.rejected),
        gauge("ray_serve_num_ongoing_http_requests", "Requests under way.", {}, ongoing),
        counter("ray_serve_deployment_request_counter", "Queries of this replica.", labels, done),
        gauge("ray_serve_deployment_queued_queries", "Queries waiting for a replica.", replica, engine.waiting),
        gauge("ray_serve_deployment_replica_healthy", "Whether the replica is healthy.", labels, 1),
        gauge("ray_serve_replica_processing_queries", "Queries being processed.", labels, len(engine.running)),
        gauge("ray_serve_multiplexed_num_models", "Models held.", labels, len(engine.adapters.ready)),
        counter("ray_serve_multiplexed_models_load_counter", "Models loaded.", labels, engine.adapters.misses),
    ]
