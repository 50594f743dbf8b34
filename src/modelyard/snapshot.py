"""The immutable picture that every decision reads: routes, pools, settings; built from resources, swapped whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from modelyard.fleet.fleet import BackendKey
from modelyard.picking.config import ConfigError, SchedulerConfig, scheduler_config
from modelyard.resources.endpoint_picker_config import EndpointPickerConfig
from modelyard.resources.helm import BASE_MODEL_TO_HEADER, BODY_FIELD_TO_HEADER
from modelyard.resources.resource_set import ResourceSet
from modelyard.routing.backends import BackendRef, CompiledBackend
from modelyard.routing.base_models import BaseModels, base_models_of
from modelyard.routing.compile import Compiled, compile_routes
from modelyard.routing.model_targets import ModelTargets, model_targets_of_pools
from modelyard.routing.table import RouteTable

MODEL_NAME_HEADER = "x-gateway-model-name"


@dataclass(slots=True, frozen=True)
class BodyHeader:
    """A header that is set from a field of the request body (plugin ``body-field-to-header``)."""

    field: str
    header: str
    """Lower case."""
    plugin: str = BODY_FIELD_TO_HEADER
    """Name of the plugin that says so; its type where it has none."""


DEFAULT_BODY_HEADERS = (BodyHeader("model", MODEL_NAME_HEADER),)


@dataclass(slots=True, frozen=True)
class PoolPlan:
    """How requests for one InferencePool are mapped, admitted and picked."""

    key: BackendKey
    targets: ModelTargets
    scheduler: SchedulerConfig
    picker: str = ""
    """Name of the endpoint picker's Service; empty: the pool names none."""
    fails_open: bool = False
    """A request whose endpoint cannot be picked, because the picker fails, goes to any (``failureMode``)."""


@dataclass(slots=True, frozen=True)
class Settings:
    """What the command line says of request handling."""

    body_limit: int = 64 * 1024 * 1024
    """Largest request body in bytes that routing will read (design, section 7); above: 413."""
    connect_timeout: float = 2.0
    """Seconds for a TCP connection to an endpoint. Endpoints are near: a longer wait means a dead host."""
    attempts: int = 3
    """Endpoints tried for one request before its first byte, the first included (SRE practice: three)."""
    adapter_wait: float = 30.0
    """Seconds that a request may wait for an adapter that is to be loaded and is loaded nowhere yet: fetching and
    loading one takes seconds, and clients give up after a minute. 0: such a request gets 503 at once."""
    endpoint_header: bool = False
    """Tell clients which endpoint answered (``x-modelyard-endpoint``). Off: it shows internal addresses."""


@dataclass(slots=True, frozen=True)
class Snapshot:
    """Everything that a request's handling depends on besides the fleet's state. Never changed after it is built."""

    generation: int
    compiled: Compiled
    pools: Mapping[BackendKey, PoolPlan]
    body_headers: tuple[BodyHeader, ...] = DEFAULT_BODY_HEADERS
    base_models: BaseModels = field(default_factory=BaseModels)
    base_model_plugin: str = BASE_MODEL_TO_HEADER
    """Name of the plugin that sets the header of the base model, as for ``BodyHeader``."""
    settings: Settings = field(default_factory=Settings)
    problems: tuple[str, ...] = ()
    """What was wrong and left out, one sentence each; never empty sentences."""

    @property
    def table(self) -> RouteTable:
        return self.compiled.table


def build_snapshot(
    resources: ResourceSet,
    *,
    generation: int = 1,
    settings: Settings | None = None,
    gateway_class: str | None = None,
) -> Snapshot:
    """Compile ``resources``. Never raises for their content: what is broken degrades itself and is in ``problems``
    or in the conditions of ``compiled``."""
    compiled = compile_routes(resources, gateway_class=gateway_class)
    problems: list[str] = []
    base_models = base_models_of(resources)
    problems += (*base_models.faults, *base_models.conflicts)
    pools = _pool_plans(resources, problems)
    return Snapshot(
        generation,
        compiled,
        pools,
        _body_headers(resources),
        base_models,
        _base_model_plugin(resources),
        settings or Settings(),
        tuple(problems),
    )


def backend_key(ref: BackendRef) -> BackendKey:
    """The fleet's name for a route's backend."""
    return BackendKey(kind=ref.kind, namespace=ref.namespace, name=ref.name, port=ref.port)


def backend_keys(compiled: Compiled) -> dict[CompiledBackend, BackendKey]:
    """Every usable backend of the table, with the fleet's name for it."""
    return {
        backend: backend_key(backend.ref)
        for entry in compiled.table.entries()
        for backend in entry.rule.backends.all
        if not backend.error
    }


def service_plans(snapshot: Snapshot) -> list[PoolPlan]:
    """Services that routes lead to, as pools of default picking. Kubernetes sends their traffic to any endpoint, so
    they fail open."""
    keys = {key for key in backend_keys(snapshot.compiled).values() if key.kind == "Service"}
    return [PoolPlan(key, ModelTargets(), scheduler_config(None), fails_open=True) for key in sorted(keys)]


def mirror_keys(compiled: Compiled) -> set[BackendKey]:
    """Backends that only get copies of requests."""
    return {
        backend_key(mirror.backend)
        for entry in compiled.table.entries()
        for filters in (entry.rule.filters, *(backend.filters for backend in entry.rule.backends.all))
        for mirror in filters.mirrors
    }


def _body_headers(resources: ResourceSet) -> tuple[BodyHeader, ...]:
    configured = [
        BodyHeader(plugin.field_name, plugin.header_name.lower(), plugin.name or BODY_FIELD_TO_HEADER)
        for values in resources.bbr_values
        for plugin in values.plugins
        if plugin.type == BODY_FIELD_TO_HEADER
    ]
    return tuple(configured) or DEFAULT_BODY_HEADERS


def _base_model_plugin(resources: ResourceSet) -> str:
    plugins = (plugin for values in resources.bbr_values for plugin in values.plugins)
    return next((one.name for one in plugins if one.type == BASE_MODEL_TO_HEADER and one.name), BASE_MODEL_TO_HEADER)


def _pool_plans(resources: ResourceSet, problems: list[str]) -> dict[BackendKey, PoolPlan]:
    targets = model_targets_of_pools(resources)
    plans: dict[BackendKey, PoolPlan] = {}
    for namespace, name in sorted(resources.inference_pools):
        key = BackendKey(kind="InferencePool", namespace=namespace, name=name)
        config = _scheduler_config(resources, namespace, name, problems)
        picker = resources.inference_pools[(namespace, name)].spec.endpoint_picker_ref
        plans[key] = PoolPlan(
            key,
            targets.get((namespace, name), ModelTargets()),
            config,
            picker.name if picker else "",
            picker is not None and picker.failure_mode == "FailOpen",
        )
    return plans


def _scheduler_config(resources: ResourceSet, namespace: str, name: str, problems: list[str]) -> SchedulerConfig:
    config = picker_config_of(resources, namespace, name)
    try:
        return scheduler_config(config)
    except ConfigError as error:
        origin = config.origin if config else ""
        problems.append(
            f"{origin}: EndpointPickerConfig of InferencePool {namespace}/{name}: {error}; defaults are used"
        )
        return scheduler_config(None)


def picker_config_of(resources: ResourceSet, namespace: str, name: str) -> EndpointPickerConfig | None:
    """The EndpointPickerConfig of a pool: the one named like its picker (``endpointPickerRef.name``) or like the pool
    itself; else the only one there is that names no pool (its name is ``default``)."""
    configs = resources.endpoint_picker_configs
    pool = resources.inference_pools[(namespace, name)]
    picker = pool.spec.endpoint_picker_ref
    for wanted in (picker.name if picker else None, name, "default"):
        if wanted is not None and (namespace, wanted) in configs:
            return configs[(namespace, wanted)]
    return configs.get(("default", "default"))
