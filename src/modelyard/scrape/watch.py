"""Everything that is asked of one address, and what follows from the answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from modelyard.fleet import engines
from modelyard.fleet.backends import EndpointSpec
from modelyard.fleet.delta import same_load
from modelyard.fleet.endpoints import Endpoint, EngineLoad, ServedModel
from modelyard.fleet.engine import Engine, Probe
from modelyard.fleet.health import HealthCheck, PassiveState, set_aside, traffic_failed
from modelyard.fleet.metric_names import read_by
from modelyard.scrape.believed_models import BelievedModels
from modelyard.scrape.check_job import CheckJob, CheckResult
from modelyard.scrape.jobs import Shared
from modelyard.scrape.metrics_job import MetricsJob
from modelyard.scrape.models_job import ModelsJob
from modelyard.scrape.recognition_job import Recognised, RecognitionJob

HURRY = 0.5
"""Seconds between two checks that failures in traffic cause, at least."""


class Verdict(NamedTuple):
    """Whether an endpoint takes traffic."""

    ready: bool
    reason: str = ""
    aside: bool = False
    """Only failures in traffic keep it out: where nothing else is left, it is still better than nothing."""


class Watch:
    """One address. ``changed`` is called when something that a fleet shows may have changed."""

    def __init__(self, shared: Shared, endpoint: Endpoint, changed: Callable[[Watch], None]) -> None:
        self.endpoint = endpoint
        self.engine: Engine | None = engines.named(endpoint.engine) if endpoint.engine else None
        self._shared = shared
        self._changed = changed
        self._named = self.engine is not None
        self._recognised: Recognised | None = None
        self._recognition = RecognitionJob(shared, endpoint, ended=self._on_recognised)
        self._metrics: MetricsJob | None = None
        self._metrics_broken = ""
        self._models = ModelsJob(shared, endpoint, take=self._on_models)
        self._believed = BelievedModels()
        self._checks: dict[HealthCheck | None, CheckJob] = {}
        self._passive = PassiveState()
        self._hurried = float("-inf")
        self._shown: EngineLoad | None = None
        self._shown_problem = ""
        self._unlisted: frozenset[str] = frozenset()
        self.adapter_names: Mapping[str, str] = {}
        self.expected: frozenset[str] = frozenset()
        self._withdrawn: Mapping[str, str] = {}
        """Name of an adapter that is not to be used any more -> the engine's name for it, where that was ever told."""
        if self.engine is not None:
            self._adopt(self.engine, self.engine.metrics)
        else:
            self._recognition.soon()

    @property
    def load(self) -> EngineLoad | None:
        return self._metrics.load if self._metrics is not None else None

    @property
    def models(self) -> tuple[ServedModel, ...] | None:
        return self._believed.models

    @property
    def metrics_error(self) -> str:
        return self._metrics.problem if self._metrics is not None else self._metrics_broken

    @property
    def looked(self) -> bool:
        """Every check has had its first result."""
        return all(job.state.ready is not None for job in self._checks.values())

    def use_checks(self, checks: Iterable[HealthCheck | None]) -> None:
        """Check in exactly these ways; None: as the engine wants to be checked."""
        wanted = set(checks)
        for check in [check for check in self._checks if check not in wanted]:
            self._checks.pop(check).close()
        for check in wanted - self._checks.keys():
            how = check or self._default_check()
            job = CheckJob(self._shared, self.endpoint, how, changed=self._on_check)
            self._checks[check] = job
            if check is not None or self._settled:
                job.soon()

    def verdict(self, spec: EndpointSpec, now: float) -> Verdict:
        """Whether the endpoint, as ``spec`` has it, takes traffic."""
        if not spec.ready:
            return Verdict(False, spec.reason or "not ready")
        job = self._checks.get(spec.health)
        if job is None:
            return Verdict(False, "not checked yet")
        if job.state.ready is None and spec.from_service and spec.health is None:
            return Verdict(True)
        if not job.state.ready:
            return Verdict(False, job.state.reason)
        if set_aside(self._passive, job.state, now):
            return Verdict(False, "set aside after failures in traffic", aside=True)
        return Verdict(True)

    def traffic_failed(self, now: float) -> None:
        """A request could not be sent to it, or nothing came back. Counts while the checks let it take traffic."""
        if not any(job.state.ready for job in self._checks.values()):
            return
        before = self._passive.until
        self._passive = traffic_failed(self._passive, self._shared.settings.passive, now)
        if now - self._hurried >= HURRY:
            self._hurried = now
            self._check_now()
            if self.engine is not None:
                self._models.soon()
        if self._passive.until > before:
            self._shared.wheel.add(self._passive.until, self._after_aside)
            self._changed(self)

    def hurry(self) -> None:
        """Ask everything again at once: its Pod has become ready, or an adapter was loaded."""
        if self._settled:
            self._check_now()
            self._ask_engine()
        else:
            self._recognition.soon()

    def refresh_models(self) -> None:
        """Read the model list at once."""
        self._models.soon()

    def set_adapters(self, names: Mapping[str, str], expected: frozenset[str]) -> None:
        """What the engine calls its adapters, and which it will have soon (``EndpointState``)."""
        if names == self.adapter_names and expected == self.expected:
            return
        before, self.adapter_names, self.expected = self.adapter_names, dict(names), expected
        self._doubt_unloaded(before)
        loaded = [engine_name for name, engine_name in names.items() if engine_name and before.get(name) != engine_name]
        self._believed.vouch(loaded, self._shared.clock())
        self._note_expectations()
        self._models.soon()

    def _doubt_unloaded(self, before: Mapping[str, str]) -> None:
        """What was not to be used and is not spoken of any more is unloaded: the list from before still has it."""
        withdrawn, names = self._withdrawn, self.adapter_names
        self._withdrawn = {
            name: before.get(name) or withdrawn.get(name, name)
            for name, engine_name in names.items()
            if not engine_name
        }
        for name in withdrawn.keys() - names.keys():
            for listed in {name, withdrawn[name]}.difference(names.values()):  # else another name still stands for it
                self._believed.doubt(listed, self._shared.clock())

    def model_missing(self, engine_name: str) -> None:
        """A request found that the engine does not have this adapter."""
        if self._believed.doubt(engine_name, self._shared.clock()):
            self._note_expectations()
            self._changed(self)
        self._models.soon()

    def went_away(self) -> None:
        """It was not to be reached, or not ready: what it had in memory may be gone."""
        if self._believed.doubt_adapters(self._shared.clock()):
            self._note_expectations()
            self._changed(self)

    def close(self) -> None:
        for job in (self._recognition, self._models, self._metrics, *self._checks.values()):
            if job is not None:
                job.close()

    @property
    def _settled(self) -> bool:
        """The engine is known, or known to be none of ours."""
        return self._named or self._recognised is not None

    def _default_check(self) -> HealthCheck:
        if self.engine is None:
            return HealthCheck(kind="tcp")
        sign = self._recognised.sign if self._recognised is not None else None
        return HealthCheck(path=(sign.health_path if sign is not None else "") or self.engine.health_path)

    def _on_recognised(self, result: Recognised) -> None:
        if result.unreachable:
            self._recognition.again(HealthCheck().retry_period)
            default = self._checks.get(None)
            if default is not None and not self._settled:
                default.record(f"not reachable: {result.unreachable}")
        elif result.engine is None:
            self._recognition.again(self._shared.settings.recognise_again)
            if not self._settled:  # else it was recognised before: one odd answer does not undo that
                self._settle(result)
        else:
            self._recognition.rest()
            if result != self._recognised:
                sign = result.sign
                self._adopt(result.engine, (sign.metrics if sign else None) or result.engine.metrics)
                self._settle(result)

    def _settle(self, result: Recognised) -> None:
        """The engine is known (or known to be none of ours): check it in its own way."""
        self._recognised = result
        default = self._checks.get(None)
        if default is not None:
            default.use(self.endpoint, self._default_check())
            default.soon()
        self._changed(self)

    def _adopt(self, engine: Engine, source: Probe | None) -> None:
        """Read what this engine shows from now on."""
        names = self._shared.settings.metric_names
        if names is not None:
            engine = read_by(engine, names)
            source = source or engine.metrics
        self.engine = engine
        if self._metrics is not None:
            self._metrics.close()
        self._metrics, self._metrics_broken = None, ""
        if source is not None or self.endpoint.metrics_url:
            try:
                self._metrics = self._metrics_job(engine, source)
            except ValueError as error:
                self._metrics_broken = f"metrics cannot be asked for: {error}"
        self._ask_engine()

    def _metrics_job(self, engine: Engine, source: Probe | None) -> MetricsJob:
        return MetricsJob(
            self._shared,
            self.endpoint,
            engine,
            source,
            changed=self._on_load,
            failed=lambda: self.traffic_failed(self._shared.clock()),
        )

    def _ask_engine(self) -> None:
        if self._metrics is not None:
            self._metrics.soon()
        if self.engine is not None:
            self._models.soon()

    def _check_now(self) -> None:
        for check, job in self._checks.items():
            if check is not None or self._settled:
                job.soon()

    def _after_aside(self, now: float) -> None:
        self._check_now()
        self._changed(self)

    def _on_check(self, result: CheckResult) -> None:
        if result.came_back:  # perhaps as another process: with other models, even another engine
            self._passive = PassiveState()
            self._ask_engine()
            if not self._named:
                self._recognition.soon()
        else:
            if any(job.state.ready is False for job in self._checks.values()):
                self.went_away()
            if result.silent:
                self.traffic_failed(self._shared.clock())
        self._changed(self)

    def _on_models(self, listed: tuple[ServedModel, ...] | None, asked_at: float) -> None:
        if self._believed.read(listed, asked_at):
            self._changed(self)
        self._note_expectations()

    def _note_expectations(self) -> None:
        listed = {model.id for model in self.models or ()}
        self._models.expecting = bool(self.expected) or any(
            engine_name and engine_name not in listed for engine_name in self.adapter_names.values()
        )

    def _on_load(self) -> None:
        """A busy endpoint's load changes with every reading; an idle one's is shown again only for its
        age.
        """
        load, shown, problem = self.load, self._shown, self.metrics_error
        if load is not None and shown is not None and problem == self._shown_problem:
            if load.at - shown.at < self._shared.settings.refresh and same_load(shown, load):
                return
        elif load is shown and problem == self._shown_problem:
            return
        self._note_new_adapters(load)
        self._shown, self._shown_problem = load, problem
        self._changed(self)

    def _note_new_adapters(self, load: EngineLoad | None) -> None:
        """A running adapter that the model list lacks was loaded since: the list is read again, once for
        it."""
        if load is None or self.models is None:
            return
        unknown = load.running_loras.difference(model.id for model in self.models) - self._unlisted
        if unknown:
            self._unlisted |= unknown
            self._models.soon()
