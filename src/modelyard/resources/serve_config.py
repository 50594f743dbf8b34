"""What ``serveConfigV2`` of a RayService says: the deploy schema of Ray Serve (2.60).

Ray itself skips names that it does not know, so a misspelt option has no effect there; here it is an error.
Arguments of ``ray.serve.llm:build_openai_app`` are typed in ``serve_llm_config``; those of any other application are
its own affair and stay as they are written.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Literal

import msgspec

from modelyard.resources.faults import Fault, Path, Report
from modelyard.resources.serve_deployment import ServeDeployment, ServePart
from modelyard.resources.serve_llm_config import LLMServingArgs
from modelyard.resources.shapes import check_shape
from modelyard.resources.yaml_documents import read_document

OPENAI_BUILDER = "ray.serve.llm:build_openai_app"
OPENAI_BUILDERS = frozenset({OPENAI_BUILDER, "ray.serve.llm.build_openai_app"})
"""Both spellings."""


class ServeApplication(ServePart, frozen=True, kw_only=True):
    """One application: a graph of deployments behind a route prefix."""

    name: str = "default"
    route_prefix: str | None = "/"
    """None: not reached by HTTP."""
    import_path: str
    """``module:attribute`` of the application, or of a function that makes it from ``args``."""
    runtime_env: Mapping[str, Any] = {}
    args: Mapping[str, Any] = {}
    deployments: tuple[ServeDeployment, ...] = ()
    autoscaling_policy: Mapping[str, Any] | None = None
    logging_config: Mapping[str, Any] | None = None
    external_scaler_enabled: bool = False

    @property
    def is_openai_app(self) -> bool:
        """Built by Ray Serve LLM from ``llm_configs``."""
        return self.import_path in OPENAI_BUILDERS

    @property
    def llm_args(self) -> LLMServingArgs | None:
        """The arguments, typed; None for an application of another kind, or where they do not fit."""
        if not self.is_openai_app:
            return None
        try:
            return msgspec.convert(dict(self.args), LLMServingArgs)
        except msgspec.ValidationError:
            return None

    @property
    def model_ids(self) -> tuple[str, ...]:
        """Models that the application serves as the configuration says it; empty for other kinds."""
        args = self.llm_args
        return args.model_ids if args is not None else ()


class HTTPOptions(ServePart, frozen=True, kw_only=True):
    """Where Serve's proxies listen."""

    host: str = "0.0.0.0"
    port: int = 8000
    root_path: str = ""
    request_timeout_s: float | None = None
    keep_alive_timeout_s: int = 90
    ssl_keyfile: str | None = None
    ssl_certfile: str | None = None
    ssl_keyfile_password: str | None = None
    ssl_ca_certs: str | None = None


class GRPCOptions(ServePart, frozen=True, kw_only=True):
    """Serve's gRPC proxy: off unless functions are named."""

    port: int = 9000
    grpc_servicer_functions: tuple[str, ...] = ()
    request_timeout_s: float | None = None
    enable_reflection: bool = True


class ServeConfig(ServePart, frozen=True, kw_only=True):
    """Everything that one Serve instance runs."""

    applications: tuple[ServeApplication, ...]
    proxy_location: Literal["Disabled", "HeadOnly", "EveryNode"] = "EveryNode"
    http_options: HTTPOptions = HTTPOptions()
    grpc_options: GRPCOptions = GRPCOptions()
    controller_options: Mapping[str, Any] | None = None
    logging_config: Mapping[str, Any] | None = None
    tracing_config: Mapping[str, Any] | None = None
    target_capacity: float | None = None

    @property
    def model_ids(self) -> tuple[str, ...]:
        """Models of all applications of Ray Serve LLM."""
        return tuple(name for app in self.applications for name in app.model_ids)


class ServeConfigReading(msgspec.Struct, frozen=True, kw_only=True):
    """A text, read: its typed value, or what is wrong."""

    config: ServeConfig | None = None
    """None: ``faults`` says why."""
    written: Mapping[str, Any] = {}
    """The plain value as written, for changes that must keep what no type knows."""
    faults: tuple[Fault, ...] = ()
    lines: Mapping[Path, int] = {}
    """Line of every field inside the text, from 1."""

    def line_of(self, path: Path) -> int:
        """Line of the field at ``path``, or of the nearest field around it; 0 unknown."""
        for end in range(len(path), 0, -1):
            if path[:end] in self.lines:
                return self.lines[path[:end]]
        return 0


@lru_cache(maxsize=256)
def read_serve_config(text: str) -> ServeConfigReading:
    """Reads ``serveConfigV2``. Never raises. Rules beyond types are those of ``validation.serve_config``."""
    documents = [part for part in read_document(text, with_lines=True) if part.value is not None or part.faults]
    if len(documents) != 1:
        message = "is empty; write applications:" if not documents else "must be one YAML document"
        return ServeConfigReading(faults=(Fault(message=message),))
    document = documents[0]
    if document.faults:
        return ServeConfigReading(faults=tuple(_syntax(fault, document.fault_line) for fault in document.faults))
    value = _without_nulls(document.value)
    report = Report()
    config = _typed(value, report)
    written = document.value if isinstance(document.value, dict) else {}
    return ServeConfigReading(config=config, written=written, faults=tuple(report.faults), lines=document.lines)


def _typed(value: Any, report: Report) -> ServeConfig | None:
    config: ServeConfig | None = _converted(value, ServeConfig, report)
    if config is None:
        return None
    for index, app in enumerate(config.applications):
        if app.is_openai_app:
            _converted(dict(app.args), LLMServingArgs, report.at("applications", index, "args"))
    return None if report.faults else config


def _converted(value: Any, type_: type[Any], report: Report) -> Any:
    try:
        return msgspec.convert(value, type_)
    except msgspec.ValidationError as error:
        before = len(report.faults)
        check_shape(value, type_, report)
        if len(report.faults) == before:
            report.fault(f"is not valid: {error}")
    return None


def _syntax(fault: Fault, line: int) -> Fault:
    return Fault(message=f"{fault.message} (line {line} of the text)")


def _without_nulls(value: Any) -> Any:
    """A key without a value counts as absent, except ``route_prefix``, where it means: not reached by HTTP."""
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None or key == "route_prefix"}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return value
