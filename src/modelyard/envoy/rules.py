"""One match of one rule as Envoy routes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from modelyard.envoy.api import Config
from modelyard.envoy.forwarding import CORS_FILTER, Unmapped, forwarding, route_rewrite
from modelyard.envoy.local_replies import fixed_answer
from modelyard.envoy.matches import route_match
from modelyard.envoy.model_paths import ANY_PATH, paths_before
from modelyard.envoy.pools import Pool
from modelyard.envoy.route_filters import cors_policy, redirect_action, refused_edits
from modelyard.envoy.settings import EdgeSettings
from modelyard.routing.backends import BackendRef, CompiledBackend
from modelyard.routing.rules import CompiledRule
from modelyard.routing.table import RouteEntry


@dataclass(slots=True)
class RuleCompiler:
    """Compiles matches into routes and notes what Envoy cannot do as it is written."""

    settings: EdgeSettings
    pool_of: Callable[[BackendRef, bool], Pool]
    """The cluster for a backend; True: for copies of requests."""
    model_headers: frozenset[str] = frozenset()
    """Headers that are set from the body."""
    remarks: dict[str, None] = field(default_factory=dict)
    """What does not map, one sentence each, in order and without repetition."""

    def routes(self, entry: RouteEntry, *, tls: bool, listener_port: int) -> Iterator[Config]:
        """The routes of one match, in the order in which Envoy has to try them. ``listener_port``: the Gateway's."""
        rule = entry.rule
        usable = [backend for backend in rule.backends.all if backend.weight > 0]
        named = {"name": f"{rule.route}/{rule.rule_name or rule.rule_index}"}
        whole = {**named, "match": route_match(entry.path, entry.conditions)}
        redirect = rule.filters.redirect or (usable[0].filters.redirect if len(usable) == 1 else None)
        self._note_unmapped(rule, usable)
        if rule.error:
            yield {**whole, **fixed_answer(500, "route_invalid", f"HTTPRoute {rule.route}: {rule.error}")}
        elif redirect is not None:
            action = redirect_action(redirect, tls=tls, listener_port=listener_port, matched_prefix=rule.matched_prefix)
            yield {**whole, "redirect": action, **_with_cors(rule, {})}
        elif all(backend.error for backend in usable):
            reason = usable[0].error if usable else "no backend takes traffic"
            yield {**whole, **fixed_answer(500, "backend_invalid", f"HTTPRoute {rule.route}: {reason}.")}
        else:
            yield from self._forwarding(entry, whole, usable)

    def _forwarding(self, entry: RouteEntry, whole: Config, usable: Sequence[CompiledBackend]) -> Iterator[Config]:
        by_model = not self.model_headers.isdisjoint(entry.conditions.reads_headers)
        rule = entry.rule
        try:
            route = forwarding(rule, usable, self.pool_of, self.settings, by_model=by_model)
            rewrite = route_rewrite(rule, usable)
        except Unmapped as problem:
            self.remark(rule, f"{problem}; its requests get 500")
            yield {**whole, **fixed_answer(500, "route_invalid", f"HTTPRoute {rule.route}: {problem}.")}
            return
        route |= _with_cors(rule, route.pop("typed_per_filter_config", {}))
        if not any(backend.ref.kind == "InferencePool" and not backend.error for backend in usable):
            yield {**whole, **route}
            return
        paths = paths_before(None if rewrite is None else rewrite.path_change, rule.matched_prefix)
        if paths == ANY_PATH:
            yield {**whole, **route}
            return
        if paths is not None:
            yield {**whole, "match": route_match(entry.path, entry.conditions, paths), **route}
        message = "This path is not part of the model API that is served here."
        yield {**whole, "name": f"{whole['name']}/closed", **fixed_answer(404, "path_not_served", message)}

    def _note_unmapped(self, rule: CompiledRule, usable: Sequence[CompiledBackend]) -> None:
        for filters in (rule.filters, *(backend.filters for backend in usable)):
            for name in refused_edits(filters):
                self.remark(rule, f"Envoy lets no route change the header {name}; it stays as it is")
        for backend in usable:
            if backend.filters.cors is not None:
                self.remark(
                    rule, f"CORS of backend {backend.ref} alone has no counterpart in Envoy; give it to the rule"
                )
            if backend.filters.redirect is not None and len(usable) > 1:
                self.remark(rule, f"a redirect of backend {backend.ref} alone has no counterpart in Envoy")

    def remark(self, rule: CompiledRule, text: str) -> None:
        """Note something about a rule."""
        self.remarks[f"HTTPRoute {rule.route}, rule {rule.rule_name or rule.rule_index}: {text}"] = None


def _with_cors(rule: CompiledRule, filters: Config) -> Config:
    found = dict(filters)
    if rule.filters.cors is not None:
        found[CORS_FILTER] = cors_policy(rule.filters.cors)
    return {"typed_per_filter_config": found} if found else {}
