"""Rules of ``serveConfigV2`` beyond types, as Ray's own schemas check them (Serve and Serve LLM 2.60)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from modelyard.resources.errors import shown
from modelyard.resources.faults import Fault, Report
from modelyard.resources.serve_config import ServeApplication, ServeConfig, ServeConfigReading
from modelyard.resources.serve_deployment import AutoscalingConfig, DeploymentOptions
from modelyard.resources.serve_llm_config import LLMConfig, LLMServingArgs

_IMPORT_PATH = re.compile(r"[^:\s]+(?::[^:\s]+|\.[^:.\s]+)")
_ADAPTER_FOLDERS = ("s3://", "gs://", "abfss://", "azure://")
_NAMED_ELSEWHERE = ("model", "served_model_name")


def check_serve_config(reading: ServeConfigReading, report: Report) -> None:
    """Faults at their path inside the text, each with its line there."""
    inside = Report()
    if reading.config is not None:
        _check(reading.config, inside)
    for fault in (*reading.faults, *inside.faults):
        line = reading.line_of(fault.path)
        report.at(*fault.path).fault(
            fault.message + _line(fault, line), allowed=fault.allowed, suggestion=fault.suggestion
        )


def _line(fault: Fault, line: int) -> str:
    return f" (line {line} of the text)" if line and fault.path else ""


def _check(config: ServeConfig, report: Report) -> None:
    names = Counter(app.name for app in config.applications)
    routes = Counter(app.route_prefix for app in config.applications if app.route_prefix is not None)
    for index, app in enumerate(config.applications):
        place = report.at("applications", index)
        place.at("name").require(bool(app.name), "must not be empty")
        place.at("name").require(names[app.name] == 1, f"two applications have the name {shown(app.name)}")
        _check_route(app.route_prefix, routes, place.at("route_prefix"))
        _check_application(app, place)


def _check_route(prefix: str | None, routes: Mapping[str, int], report: Report) -> None:
    if prefix is None:
        return
    report.require(prefix.startswith("/"), f"{shown(prefix)} must begin with '/'")
    report.require("{" not in prefix and "}" not in prefix, "must not hold wildcards")
    report.require(routes[prefix] == 1, f"two applications have the prefix {shown(prefix)}")


def _check_application(app: ServeApplication, report: Report) -> None:
    report.at("import_path").require(
        _IMPORT_PATH.fullmatch(app.import_path) is not None,
        f"{shown(app.import_path)} must be module:attribute, for example ray.serve.llm:build_openai_app",
    )
    names = Counter(deployment.name for deployment in app.deployments)
    for index, deployment in enumerate(app.deployments):
        place = report.at("deployments", index)
        place.at("name").require(names[deployment.name] == 1, f"{shown(deployment.name)} is there twice")
        _check_options(deployment, place)
    args = app.llm_args
    if args is not None:
        _check_llm_args(args, report.at("args"))


def _check_options(options: DeploymentOptions, report: Report) -> None:
    """A number of replicas, or a range; limits that are limits."""
    replicas = options.num_replicas
    report.at("num_replicas").require(
        replicas is None or replicas == "auto" or (isinstance(replicas, int) and replicas >= 1),
        f"{shown(replicas)} must be 1 or more, or auto",
    )
    report.at("num_replicas").require(
        not isinstance(replicas, int) or options.autoscaling_config is None,
        "must not be set beside autoscaling_config; remove one of the two",
    )
    for name, value, least in (
        ("max_ongoing_requests", options.max_ongoing_requests, 1),
        ("graceful_shutdown_timeout_s", options.graceful_shutdown_timeout_s, 0),
        ("max_replicas_per_node", options.max_replicas_per_node, 1),
    ):
        report.at(name).require(value is None or value >= least, f"{value} must be {least} or more")
    for name, seconds in (
        ("health_check_period_s", options.health_check_period_s),
        ("health_check_timeout_s", options.health_check_timeout_s),
    ):
        report.at(name).require(seconds is None or seconds > 0, f"{seconds} must be more than 0")
    queued = options.max_queued_requests
    report.at("max_queued_requests").require(
        queued is None or queued == -1 or queued >= 1, f"{queued} must be -1 (no limit), or 1 or more"
    )
    if options.autoscaling_config is not None:
        _check_autoscaling(options.autoscaling_config, report.at("autoscaling_config"))


def _check_autoscaling(config: AutoscalingConfig, report: Report) -> None:
    low, first, high = config.min_replicas, config.initial_replicas, config.max_replicas
    report.at("min_replicas").require(low >= 0, f"{low} must be 0 or more")
    report.at("max_replicas").require(high >= 1, f"{high} must be 1 or more")
    report.at("min_replicas").require(low <= high, f"{low} is more than max_replicas {high}")
    if first is not None:
        report.at("initial_replicas").require(low <= first <= high, f"{first} is not within {low} and {high}")
    target = config.target_ongoing_requests
    report.at("target_ongoing_requests").require(target is None or target > 0, f"{target} must be more than 0")


def _check_llm_args(args: LLMServingArgs, report: Report) -> None:
    report.at("llm_configs").require(bool(args.llm_configs), "must name at least one model")
    ids = Counter(args.model_ids)
    for index, config in enumerate(args.llm_configs):
        if isinstance(config, LLMConfig):
            place = report.at("llm_configs", index)
            _check_model(config, place)
            place.at("model_loading_config", "model_id").require(
                ids[config.model_id] == 1, f"two models have the id {shown(config.model_id)}"
            )


def _check_model(config: LLMConfig, report: Report) -> None:
    report.at("model_loading_config", "model_id").require(bool(config.model_id), "must not be empty")
    report.at("llm_engine").require(config.llm_engine == "vLLM", "only vLLM is known to Ray Serve LLM")
    _check_engine_arguments(config.engine_kwargs, report.at("engine_kwargs"))
    report.at("engine_kwargs", "disable_log_stats").require(
        not (config.log_engine_metrics and config.engine_kwargs.get("disable_log_stats")),
        "contradicts log_engine_metrics, which is on unless it is set to false",
    )
    cpu = config.accelerator_config is not None and config.accelerator_config.kind == "cpu"
    report.at("accelerator_type").require(
        not (cpu and config.accelerator_type), "contradicts accelerator_config.kind: cpu; remove one of the two"
    )
    options = config.deployment_config
    for name in ("placement_group_bundles", "placement_group_strategy"):
        report.at("deployment_config", name).require(
            getattr(options, name) is None, "belongs under placement_group_config of the model"
        )
    _check_options(options, report.at("deployment_config"))
    folder = config.lora_config.dynamic_lora_loading_path if config.lora_config is not None else None
    report.at("lora_config", "dynamic_lora_loading_path").require(
        folder is None or folder.startswith(_ADAPTER_FOLDERS),
        f"{shown(folder)} is no bucket; Ray takes {', '.join(_ADAPTER_FOLDERS)} only",
    )


def _check_engine_arguments(arguments: Mapping[str, Any], report: Report) -> None:
    for name in _NAMED_ELSEWHERE:
        report.at(name).require(name not in arguments, "belongs under model_loading_config (model_source, model_id)")
    for name in ("tensor_parallel_size", "pipeline_parallel_size"):
        size = arguments.get(name, 1)
        report.at(name).require(
            isinstance(size, int) and not isinstance(size, bool) and size >= 1, f"{shown(size)} must be 1 or more"
        )
    dashed = next((name for name in arguments if "-" in name), None)
    if dashed is not None:
        report.at(dashed).fault("is vLLM's name in Python, with underscores", suggestion=dashed.replace("-", "_"))
