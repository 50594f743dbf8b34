"""Writes the tables of the documentation out of the code: ``python docs/tables.py``.

A page holds ``<!-- table: NAME -->`` and ``<!-- end -->``; what stands between them is made here. ``--check`` writes
nothing and ends with 1 where a page is stale (the tests do the same).
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import Enum
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import typer

from modelyard.bodies.api_paths import ALLOWED_PATHS
from modelyard.bodies.dialects import BY_PATH
from modelyard.cli.commands import application
from modelyard.cli.exit_codes import ExitCode
from modelyard.cli.operator_flags import PICKER
from modelyard.control.ext_proc.dashboard_names import OTHER_NAMES
from modelyard.fleet.engine import Engine
from modelyard.fleet.engines import ENGINES
from modelyard.fleet.health import HealthCheck, PassiveSettings
from modelyard.flow.plugins import FLOW_PLUGINS
from modelyard.local.cpu_settings import CPU_TABLE, CpuRow
from modelyard.local.replica_command import LOCAL_VARIABLES
from modelyard.local.replica_plan import Machine
from modelyard.picking import ecosystem
from modelyard.picking.config import DEFAULT_PROFILE
from modelyard.picking.registry import FILTERS, PICKERS, SCORERS
from modelyard.proxy.limits import ProxyLimits
from modelyard.resources.kinds import KINDS
from modelyard.resources.unsupported_kinds import UNSUPPORTED
from modelyard.resources.yard import YardAdapter, YardGateway, YardModel, YardRoute
from modelyard.scrape.settings import ScrapeSettings
from modelyard.snapshot import Settings
from modelyard.telemetry.access_log import AccessLine
from modelyard.telemetry.catalogue import CATALOGUE, Metric

DOCS = Path(__file__).parent
MARKED = re.compile(r"(<!-- table: ([a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)

TABLES: dict[str, Callable[[], str]] = {}
"""Name -> what makes the text."""


def table(name: str) -> Callable[[Callable[[], str]], Callable[[], str]]:
    """Registers what makes a table."""

    def register(make: Callable[[], str]) -> Callable[[], str]:
        TABLES[name] = make
        return make

    return register


def rendered(page: str) -> str:
    """The page with its tables as they should be. Raises KeyError for a table that there is not."""
    return MARKED.sub(lambda found: f"{found[1]}\n{TABLES[found[2]]().strip()}\n\n{found[3]}", page)


def pages() -> list[Path]:
    """Every page of the documentation."""
    return sorted(DOCS.glob("*.md"))


def main() -> int:
    """Write, or check."""
    stale = [page for page in pages() if rendered(page.read_text()) != page.read_text()]
    for page in stale:
        if "--check" in sys.argv[1:]:
            print(f"{page.name} is stale: run python docs/tables.py", file=sys.stderr)
        else:
            page.write_text(rendered(page.read_text()))
            print(f"{page.name} written")
    return int(bool(stale) and "--check" in sys.argv[1:])


# ── pieces ──


def rows(header: Sequence[str], body: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *body]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def prose(text: str | None) -> str:
    """A docstring as one line of Markdown."""
    text = re.sub(r"``(.+?)``", r"`\1`", text or "")
    return " ".join(re.sub(r"(?<!`)<(\w+)>(\S*)", r"`<\1>\2`", text).split())


def code(names: Iterable[object]) -> str:
    """Names in code font, joined by commas."""
    return ", ".join(f"`{name}`" for name in names)


@cache
def field_docs(cls: type) -> Mapping[str, str]:
    """What stands under each field of a class in its source, by field name."""
    module = inspect.getmodule(cls)
    assert module is not None
    tree = ast.parse(inspect.getsource(module))
    body = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == cls.__name__).body
    found: dict[str, str] = {}
    for field, text in pairwise(body):
        if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
                found[field.target.id] = prose(str(text.value.value))
            elif isinstance(field, ast.Assign) and isinstance(field.targets[0], ast.Name):
                found[field.targets[0].id] = prose(str(text.value.value))
    return found


SIZES = ("max_request_head", "max_body", "max_response_head", "max_pipelined", "write_high_water", "replay_limit")
SIZES += ("max_page", "body_limit")


def value(name: str, default: Any) -> str:
    """A default as people write it."""
    if default in ("", b"", ()):
        return "none"
    if name in SIZES:
        return f"{default >> 20} MiB" if default >= 1 << 20 else f"{default >> 10} KiB"
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    if isinstance(default, float):
        return f"{default:g}"
    return f"`{default}`" if isinstance(default, str) else str(default)


def settings_table(cls: type) -> str:
    """Every field of a settings class with its default and its docstring."""
    docs = field_docs(cls)
    fields = getattr(cls, "__struct_fields__", None) or tuple(cls.__dataclass_fields__)  # type: ignore[attr-defined]
    made = cls()
    shown = [name for name in fields if not isinstance(getattr(made, name), msgspec.Struct)]
    body = [(f"`{name}`", value(name, getattr(made, name)), docs.get(name, "")) for name in shown if name in docs]
    return rows(("setting", "value", "meaning"), body)


# ── command line ──


@table("cli")
def _cli() -> str:
    """Every command with its arguments and options."""
    return "\n\n".join(f"## modelyard {name}\n\n{_command(run)}" for name, run in commands(application()))


def commands(group: typer.Typer, prefix: str = "") -> Iterator[tuple[str, Callable[..., Any]]]:
    """Every command with its function, those of groups too."""
    for command in group.registered_commands:
        assert command.callback is not None
        yield prefix + (command.name or command.callback.__name__), command.callback
    for inner in group.registered_groups:
        assert inner.typer_instance is not None
        yield from commands(inner.typer_instance, f"{prefix}{inner.name} ")


def _command(run: Callable[..., Any]) -> str:
    text, _, examples = inspect.cleandoc(run.__doc__ or "").partition("\nExample")
    lines = [line.strip() for line in examples.splitlines()[1:] if line.strip()]
    shown = "```sh\n" + "\n".join(lines) + "\n```"
    paragraphs = "\n\n".join(prose(part) for part in text.split("\n\n")).strip()
    options = rows(("argument or option", "default", "meaning"), parameters(run))
    return "\n\n".join((paragraphs, options, shown))


def parameters(run: Callable[..., Any]) -> list[tuple[str, str, str]]:
    """Name, default and meaning of each argument and option of a command."""
    found = []
    for item in inspect.signature(run, eval_str=True).parameters.values():
        if item.annotation is not typer.Context:
            hint, info = typing.get_args(item.annotation)
            found.append(_parameter(item, hint, info))
    return found


def _parameter(item: inspect.Parameter, hint: Any, info: Any) -> tuple[str, str, str]:
    meaning = prose(info.help) + (f" Environment: `{info.envvar}`." if info.envvar else "")
    if isinstance(info, typer.models.ArgumentInfo):
        missing = item.default is inspect.Parameter.empty
        return f"`{info.metavar or item.name.upper()}`", "required" if missing else "", meaning
    declared = [text for text in (info.default, *(info.param_decls or ())) if isinstance(text, str)]
    names = [name for text in declared for name in text.split("/")] or [f"--{item.name.replace('_', '-')}"]
    if hint is bool:
        switches = "/" in "".join(declared)
        return code(names), (f"`{names[0 if item.default else -1]}`" if switches else "off"), meaning
    long = next(name for name in names if name.startswith("--"))
    shown = [*(name for name in names if name is not long), f"{long} {_kind(hint)}"]
    return code(reversed(shown)), _written(item.default), meaning


def _kind(hint: Any) -> str:
    """What follows an option: the choices, or the type."""
    for part in (hint, *typing.get_args(hint)):
        inner = typing.get_args(part)[0] if typing.get_origin(part) is list else part
        if isinstance(inner, type) and issubclass(inner, Enum):
            return "|".join(str(choice.value) for choice in inner)
        if inner in _KINDS:
            return _KINDS[inner]
    return "TEXT"


_KINDS: dict[Any, str] = {int: "NUMBER", float: "NUMBER", Path: "PATH", str: "TEXT"}


def _written(default: Any) -> str:
    default = getattr(default, "value", default)
    if default in (None, ""):
        return ""
    return f"`{default:g}`" if isinstance(default, float) else f"`{default}`"


@table("exit-codes")
def _exit_codes() -> str:
    docs = field_docs(ExitCode)
    return rows(("code", "meaning"), [(str(int(item)), docs[item.name]) for item in ExitCode])


# ── request handling ──


@table("dialects")
def _dialects() -> str:
    by_name: dict[str, list[str]] = {}
    reader = {}
    for path, dialect in BY_PATH.items():
        by_name.setdefault(dialect.name, []).append(path)
        reader[dialect.name] = prose(type(dialect).__doc__)
    body = [(f"`{name}`", code(paths), reader[name]) for name, paths in by_name.items()]
    return rows(("dialect", "paths (POST)", "how it is read"), body)


@table("model-api")
def _model_api() -> str:
    paths = sorted(set().union(*ALLOWED_PATHS.values()))
    engines = list(ALLOWED_PATHS)
    body = []
    for path in paths:
        takers = [name for name in engines if path in ALLOWED_PATHS[name]]
        body.append((f"`{path}`", "all" if takers == engines else ", ".join(takers)))
    return rows(("path", "engines"), body)


@table("limits")
def _limits() -> str:
    return settings_table(ProxyLimits)


@table("request-settings")
def _request_settings() -> str:
    return settings_table(Settings)


@table("access-log")
def _access_log() -> str:
    docs = field_docs(AccessLine)
    return rows(("field", "meaning"), [(f"`{name}`", docs[name]) for name in AccessLine.__struct_fields__])


@table("metrics")
def _metrics() -> str:
    return _metric_rows(item for item in CATALOGUE if not item.name.startswith(_EXTENSION_NAMES))


_EXTENSION_NAMES = ("inference_", "llm_d_epp_", "bbr_")


@table("picker-flags")
def _picker_flags() -> str:
    told = {name: flag.told or "nothing is lost" for name, flag in PICKER.items()}
    return rows(("flag", "what is said"), [(f"`--{name}`", text) for name, text in sorted(told.items())])


@table("extension-metrics")
def _extension_metrics() -> str:
    return _metric_rows(item for item in CATALOGUE if item.name.startswith(("inference_", "llm_d_epp_")))


@table("other-metric-names")
def _other_metric_names() -> str:
    body = [(f"`{metric.name}`", code(alias.metric.name for alias in found)) for metric, found in OTHER_NAMES.items()]
    return rows(("metric", "also as"), body)


@table("router-metrics")
def _router_metrics() -> str:
    return _metric_rows(item for item in CATALOGUE if item.name.startswith("bbr_"))


def _metric_rows(metrics: Iterable[Metric]) -> str:
    body = [(f"`{item.name}`", item.kind, code(item.labels), item.help) for item in metrics]
    return rows(("metric", "type", "labels", "meaning"), body)


# ── picking ──


@table("filters")
def _filters() -> str:
    return _policies(FILTERS)


@table("scorers")
def _scorers() -> str:
    return _policies(SCORERS)


@table("pickers")
def _pickers() -> str:
    return _policies(PICKERS)


def _policies(found: Mapping[str, type[Any]]) -> str:
    body = []
    for name, policy in found.items():
        module = inspect.getmodule(policy)
        purpose = prose(module.__doc__ if module else "").partition(": ")[2]
        body.append((f"`{name}`", purpose.rstrip("."), prose(inspect.cleandoc(policy.__doc__ or ""))))
    return rows(("type", "in words", "exactly"), body)


@table("policy-parameters")
def _policy_parameters() -> str:
    owners: dict[type, list[str]] = {}
    for name, policy in (*FILTERS.items(), *SCORERS.items(), *PICKERS.items()):
        names = owners.setdefault(policy.Parameters, [])
        if name not in names:
            names.append(name)
    body = [
        (code(names) if names[0] not in PICKERS else "every picker", *row)
        for cls, names in owners.items()
        for row in _parameters(cls)
    ]
    return rows(("plugin", "parameter", "default", "meaning"), body)


@table("other-plugins")
def _other_plugins() -> str:
    body = []
    for name, cls in {**ecosystem.INFRASTRUCTURE, **FLOW_PLUGINS}.items():
        found = list(_parameters(cls))
        body += [(f"`{name}`", *row) for row in found] or [(f"`{name}`", "", "", "no parameters")]
    return rows(("plugin", "parameter", "default", "meaning"), body)


@table("missing-plugins")
def _missing_plugins() -> str:
    return code(sorted(ecosystem.NOT_IMPLEMENTED))


@table("default-profile")
def _default_profile() -> str:
    body = [(f"`{item.name}`", f"{item.weight:g}", _given(item.parameters)) for item in DEFAULT_PROFILE.scorers]
    body.append((f"`{DEFAULT_PROFILE.picker.name}`", "", ""))
    return rows(("plugin", "weight", "parameters"), body)


def _given(parameters: msgspec.Struct) -> str:
    return code(f"{name}: {given}" for name, given in msgspec.to_builtins(parameters).items())


def _parameters(cls: type[Any], prefix: str = "") -> Iterator[tuple[str, str, str]]:
    docs, hints = field_docs(cls), typing.get_type_hints(cls)
    for field in msgspec.structs.fields(cls):
        name = f"{prefix}{field.encode_name}"
        hint = hints[field.name]
        inner = [item for item in typing.get_args(hint) if isinstance(item, type) and issubclass(item, msgspec.Struct)]
        meaning = docs.get(field.name, "")
        choices = typing.get_args(hint) if typing.get_origin(hint) is typing.Literal else ()
        if len(choices) == 1:
            meaning += " No other value is taken."
        elif choices:
            meaning += f" One of {code(map(_literal, choices))}."
        if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
            yield from _parameters(hint, f"{name}.")
            continue
        yield f"`{name}`", _default_of(field), meaning
        if inner and inner[0].__module__.startswith("modelyard.picking"):
            yield from _parameters(inner[0], f"{name}[].")


def _literal(item: Any) -> str:
    return str(item).lower() if isinstance(item, bool) else str(item)


def _default_of(field: Any) -> str:
    if field.default is msgspec.NODEFAULT and field.default_factory is msgspec.NODEFAULT:
        return "required"
    default = field.default if field.default is not msgspec.NODEFAULT else field.default_factory()
    if isinstance(default, tuple | dict):
        return f"`{msgspec.json.encode(default).decode()}`" if default else "none"
    return value(field.name, default)


# ── model servers ──


@table("engines")
def _engines() -> str:
    body = [
        (
            f"`{engine.name}`",
            code(engine.aliases),
            "; ".join(dict.fromkeys(_sign(sign) for sign in engine.signs)),
            _probe(engine.metrics) if engine.metrics else "none",
            f"`{engine.health_path}`",
        )
        for engine in ENGINES
    ]
    return rows(("engine", "other names", "recognised by", "load is read at", "health"), body)


def _sign(sign: Any) -> str:
    text = sign.contains.decode().strip()
    return f"`{text}` in {_probe(sign.probe)}"


def _probe(probe: Any) -> str:
    return f"`{probe.path}`" + (f" on port {probe.port}" if probe.port else "")


@table("engine-metrics")
def _engine_metrics() -> str:
    return rows(("engine", "metrics that are read"), [(f"`{item.name}`", _wanted(item)) for item in ENGINES])


def _wanted(engine: Engine) -> str:
    return code(engine.wanted) if engine.name != "simulator" else "those of the engine that it imitates"


@table("scraping")
def _scraping() -> str:
    return settings_table(ScrapeSettings)


@table("health-check")
def _health_check() -> str:
    return settings_table(HealthCheck)


@table("passive-health")
def _passive_health() -> str:
    return settings_table(PassiveSettings)


@table("cpu-settings")
def _cpu_settings() -> str:
    body = [(row.action, f"`{row.name}`", _cpu_value(row), row.reason) for row in CPU_TABLE]
    return rows(("change", "name", "value", "reason"), body)


def _cpu_value(row: CpuRow) -> str:
    if row.action.startswith("drop"):
        return f"only where it contains `{row.only_if}`" if row.only_if else ""
    unless = f"; not where {code(row.unless)} is set" if row.unless else ""
    small, large = (row.value(_machine(cores, gib)) for cores, gib in ((2, 8), (64, 512)))
    return (
        (f"`{small}`" if small else "switch" if small == large else "") + unless
        if small == large
        else (prose(row.value.__doc__).partition(": ")[0].rstrip(".") + unless)
    )


def _machine(cores: int, gib: int) -> Machine:
    return Machine(has_gpu=False, cores=cores, memory_bytes=gib << 30, node_name="", loopback_range=True)


@table("local-variables")
def _local_variables() -> str:
    body = [(f"`{name}`", f"`{given}`", reason) for name, (given, reason) in LOCAL_VARIABLES.items()]
    return rows(("variable", "value", "reason"), body)


# ── manifests ──


@table("kinds")
def _kinds() -> str:
    by_kind: dict[str, list[Any]] = {}
    for row in KINDS:
        by_kind.setdefault(row.kind, []).append(row)
    body = [
        (
            f"`{kind}`",
            code(version for row in found for version in row.api_versions),
            "an error" if found[0].strict else "ignored",
            prose(found[0].type.__doc__),
        )
        for kind, found in by_kind.items()
    ]
    return rows(("kind", "apiVersion", "unknown fields", "what it is here"), body)


@table("unsupported-kinds")
def _unsupported_kinds() -> str:
    by_reason: dict[str, list[str]] = {}
    for (group, kind), reason in UNSUPPORTED.items():
        name = f"every other kind of {group}" if kind == "*" else f"{kind}.{group}" if group else kind
        by_reason.setdefault(reason, []).append(name)
    body = [
        (", ".join(name if " " in name else f"`{name}`" for name in names), why) for why, names in by_reason.items()
    ]
    return rows(("kind", "why it is not used"), body)


@table("yard-fields")
def _yard_fields() -> str:
    places = {"models[]": YardModel, "models[].adapters[]": YardAdapter, "routes[]": YardRoute, "gateway": YardGateway}
    body = [
        (f"`{place}.{field.encode_name}`", _yard_default(field), field_docs(cls)[field.name])
        for place, cls in places.items()
        for field in msgspec.structs.fields(cls)
        if field.name != "adapters"
    ]
    return rows(("field of `spec`", "default", "meaning"), body)


def _yard_default(field: Any) -> str:
    return "" if field.default is None else _default_of(field)


# ── what was measured ──

_MEASURED = {
    "envoy": "plain Envoy",
    "envoy-filters": "Envoy with this configuration, nobody asked",
    "envoy-minimal": "Envoy and the least picker in Python (gRPC's own server)",
    "envoy-epp": "Envoy and `modelyard epp`",
    "envoy-epp-lean": "the same with `--no-answer-heads`",
    "envoy-epp-bbr": "Envoy, `modelyard epp` and `bbr`",
    "envoy-epp-4-workers": "4 threads of Envoy, `epp --workers 4`",
    "modelyard": "Modelyard's own proxy, no Envoy",
}


@table("envoy-cost")
def _envoy_cost() -> str:
    """Of the last run of ``benchmarks.ext_proc``."""
    results = msgspec.json.decode((DOCS.parent / "benchmarks/results/ext_proc.json").read_bytes())
    one, many, paced = (results["cases"][case] for case in ("one", "many", "paced"))
    body = [_cost_row(peer, one[peer], many[peer], paced.get(peer)) for peer in _MEASURED]
    body.append(("the reference implementation, as published", "", "", "", "", "", "7.0 (picker 4.9, Envoy 2.1)"))
    header = ("CPU µs per request", "together", "Envoy", "picker", "router", "1 connection", "cores at 500 requests/s")
    picks = results["picks"]["envoy-epp"]
    pick = (
        f"The pick itself, at 500 requests/s on the one core that all share: {picks['mean_us']:.0f} µs in the mean, p99"
        f" at most {picks['p99_ms']:g} ms (the picker's own histogram: clocks around reading the body, admission and"
        " scoring)."
    )
    return f"{rows(header, body)}\n\n{pick}"


def _cost_row(peer: str, one: Any, many: Any, paced: Any) -> tuple[str, ...]:
    parts = many["parts_us"] or ({"envoy": [many["cpu_us"]]} if peer == "envoy" else {})
    each = [f"{sum(parts[part]):.0f}" if part in parts else "" for part in ("envoy", "picker", "router")]
    cores = f"{(paced['cpu_us'] + paced['beside_us']) * 500 / 1e6:.2f}" if paced else ""
    return _MEASURED[peer], f"{many['cpu_us']:.0f}", *each, f"{one['cpu_us']:.0f}", cores


if __name__ == "__main__":
    sys.exit(main())
