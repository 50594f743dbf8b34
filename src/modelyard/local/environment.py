"""A container's environment as Kubernetes builds it: literals, ``$(NAME)``, Secrets, ConfigMaps, downward
fields.

The variables of ``envFrom`` come first, then ``env`` in order; a later one wins. ``$(NAME)`` refers to a
variable that stands before it, ``$$`` is one dollar sign, and a reference to nothing stays as it is
written.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from modelyard.resources.quantities import parse_quantity

if TYPE_CHECKING:
    from modelyard.resources.core import ConfigMap, Secret
    from modelyard.resources.pods import Container, EnvFromSource, EnvVarSource, ResourceFieldSelector

_REFERENCE = re.compile(r"\$\$|\$\(([-._a-zA-Z][-._a-zA-Z0-9]*)\)")
_KEYED_FIELD = re.compile(r"^metadata\.(labels|annotations)\['([^']*)'\]$")


class PodFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What a replica can be told about itself (the downward API)."""

    fields: Mapping[str, str]
    """By field path, for example ``status.podIP``."""
    labels: Mapping[str, str] = {}
    annotations: Mapping[str, str] = {}

    def field(self, path: str) -> str | None:
        """The value of a field path; None: there is no such field here."""
        keyed = _KEYED_FIELD.match(path)
        if keyed:
            source = self.labels if keyed[1] == "labels" else self.annotations
            return source.get(keyed[2], "")
        return self.fields.get(path)


class Sources(msgspec.Struct, frozen=True, kw_only=True):
    """The objects of one namespace that an environment or a volume may refer to, by name."""

    namespace: str
    secrets: Mapping[str, Secret]
    config_maps: Mapping[str, ConfigMap]


class Environment(msgspec.Struct, frozen=True, kw_only=True):
    """The result."""

    values: Mapping[str, str]
    secret: frozenset[str] = frozenset()
    """Names whose value came from a Secret, or contains one."""
    missing: Mapping[str, str] = {}
    """Variables that could not be filled: name -> what is missing."""


def expand(text: str, values: Mapping[str, str]) -> str:
    """``text`` with its ``$(NAME)`` references replaced from ``values``."""

    def replaced(found: re.Match[str]) -> str:
        name = found[1]
        return "$" if name is None else values.get(name, found[0])

    return _REFERENCE.sub(replaced, text)


def references(text: str) -> set[str]:
    """The names that ``text`` refers to."""
    return {found[1] for found in _REFERENCE.finditer(text) if found[1]}


def build_environment(container: Container, sources: Sources, pod: PodFacts) -> Environment:
    """The environment of ``container``."""
    values: dict[str, str] = {}
    secret: set[str] = set()
    missing: dict[str, str] = {}
    for source in container.env_from:
        _add_all(source, sources, values, secret, missing)
    for variable in container.env:
        if variable.value_from is None:
            if references(variable.value) & secret:
                secret.add(variable.name)
            else:
                secret.discard(variable.name)
            values[variable.name] = expand(variable.value, values)
            continue
        found = _look_up(variable.value_from, container, sources, pod)
        if isinstance(found, _Absent):
            if found.why:
                missing[variable.name] = found.why
            continue
        values[variable.name] = found
        if variable.value_from.secret_key_ref is not None:
            secret.add(variable.name)
    return Environment(values=values, secret=frozenset(secret & values.keys()), missing=missing)


class _Absent(msgspec.Struct, frozen=True):
    """No value; ``why`` is empty where that is allowed (``optional``)."""

    why: str = ""


def _look_up(source: EnvVarSource, container: Container, sources: Sources, pod: PodFacts) -> str | _Absent:
    if source.secret_key_ref is not None:
        ref = source.secret_key_ref
        secret = sources.secrets.get(ref.name)
        value = secret.value(ref.key) if secret is not None else None
        if value is not None:
            return value.decode("utf-8", "replace")
        return _Absent("" if ref.optional else _no_key("Secret", sources.namespace, ref.name, ref.key, secret))
    if source.config_map_key_ref is not None:
        ref = source.config_map_key_ref
        config = sources.config_maps.get(ref.name)
        if config is not None and ref.key in config.data:
            return config.data[ref.key]
        return _Absent("" if ref.optional else _no_key("ConfigMap", sources.namespace, ref.name, ref.key, config))
    if source.field_ref is not None:
        field = pod.field(source.field_ref.field_path)
        return _Absent(f"field {source.field_ref.field_path} is not known here") if field is None else field
    if source.resource_field_ref is not None:
        return _resource(source.resource_field_ref, container)
    return _Absent("valueFrom names no source; give secretKeyRef, configMapKeyRef, fieldRef or resourceFieldRef")


def _no_key(kind: str, namespace: str, name: str, key: str, found: object) -> str:
    if found is None:
        return f"{kind} {namespace}/{name} is in no manifest; add it (key {key})"
    return f"{kind} {namespace}/{name} has no key {key}"


def _resource(ref: ResourceFieldSelector, container: Container) -> str | _Absent:
    """A request or limit in units of the divisor, rounded up, as Kubernetes does."""
    which, _, resource = ref.resource.partition(".")
    quantities = container.resources.limits if which == "limits" else container.resources.requests
    if resource not in quantities:
        return _Absent(f"container {container.name} has no {ref.resource}")
    try:
        return str(math.ceil(parse_quantity(quantities[resource]) / parse_quantity(ref.divisor)))
    except (ValueError, ArithmeticError) as error:
        return _Absent(f"{ref.resource}: {error}")


def _add_all(
    source: EnvFromSource, sources: Sources, values: dict[str, str], secret: set[str], missing: dict[str, str]
) -> None:
    if source.config_map_ref is not None:
        ref = source.config_map_ref
        config = sources.config_maps.get(ref.name)
        if config is not None:
            values.update({source.prefix + key: text for key, text in config.data.items()})
        elif not ref.optional:
            missing[f"envFrom {ref.name}"] = f"ConfigMap {sources.namespace}/{ref.name} is in no manifest"
    if source.secret_ref is not None:
        ref = source.secret_ref
        found = sources.secrets.get(ref.name)
        if found is not None:
            for key in found.keys():  # noqa: SIM118 - a method of Secret, not of a mapping
                values[source.prefix + key] = (found.value(key) or b"").decode("utf-8", "replace")
                secret.add(source.prefix + key)
        elif not ref.optional:
            missing[f"envFrom {ref.name}"] = f"Secret {sources.namespace}/{ref.name} is in no manifest"
