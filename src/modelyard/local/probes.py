"""Startup, readiness and liveness probes with Kubernetes' meaning, as values and a step function.

The rules are the kubelet's: a probe waits for its initial delay, counted from the start of the container;
readiness and liveness wait for the startup probe; a verdict changes only after ``success_threshold`` or
``failure_threshold`` equal results in a row; readiness begins as failed, liveness as passed; a failed
startup or liveness probe ends the container, and a new container begins anew. ``probing`` asks the
questions over the network.
"""

from __future__ import annotations

import enum

import msgspec

EARLY_PERIOD = 1.0
"""Seconds between questions during the initial delay: an engine that loads refuses the connection at once."""


class HttpGet(msgspec.Struct, frozen=True, kw_only=True):
    """Passed by any status from 200 to 399."""

    host: str
    port: int
    path: str = "/"
    tls: bool = False
    """``scheme: HTTPS``; the certificate is not verified, as on Kubernetes."""
    headers: tuple[tuple[str, str], ...] = ()


class TcpSocket(msgspec.Struct, frozen=True, kw_only=True):
    """Passed by an accepted connection."""

    host: str
    port: int


class Exec(msgspec.Struct, frozen=True, kw_only=True):
    """Passed by exit code 0."""

    command: tuple[str, ...]


class Grpc(msgspec.Struct, frozen=True, kw_only=True):
    """Passed by ``SERVING`` of gRPC's health service."""

    host: str
    port: int
    service: str = ""


class Probe(msgspec.Struct, frozen=True, kw_only=True):
    """One probe; the defaults are Kubernetes'. Times in seconds."""

    action: HttpGet | TcpSocket | Grpc | Exec
    initial_delay: float = 0.0
    early: bool = False
    """Ask during the initial delay too: an answer counts, a failure does not. A delay is an author's guess of how long
    loading takes; what is loaded earlier is served earlier."""
    period: float = 10.0
    timeout: float = 1.0
    success_threshold: int = 1
    failure_threshold: int = 3
    grace: float | None = None
    """From SIGTERM to SIGKILL where this probe ends the container; None: as at any other end."""


class ProbeState(msgspec.Struct, frozen=True, kw_only=True):
    """The results of one probe so far, in one life of a container."""

    probe: Probe
    passed: bool | None
    """The verdict; None: none yet (a startup probe)."""
    due: float
    """When to ask next: seconds, CLOCK_MONOTONIC."""
    counts_from: float = 0.0
    """Failures before this time are not counted (``Probe.early``)."""
    last: bool | None = None
    """The latest single result."""
    run: int = 0
    """How many results in a row equalled ``last``."""

    def step(self, result: bool, now: float) -> ProbeState:
        """The state after ``result`` was read at ``now``."""
        if self.probe.early and not result and now < self.counts_from:
            return msgspec.structs.replace(self, due=min(now + EARLY_PERIOD, self.counts_from), last=None, run=0)
        run = self.run + 1 if result is self.last else 1
        needed = self.probe.success_threshold if result else self.probe.failure_threshold
        verdict = result if run >= needed else self.passed
        return msgspec.structs.replace(self, passed=verdict, last=result, run=run, due=now + self.probe.period)


def _unasked(probe: Probe | None, passed: bool | None, now: float) -> ProbeState | None:
    """A probe in a container that was started at ``now``, with the verdict that holds until it was asked."""
    if probe is None:
        return None
    counts_from = now + probe.initial_delay
    return ProbeState(probe=probe, passed=passed, due=now if probe.early else counts_from, counts_from=counts_from)


class ProbeKind(enum.Enum):
    """Which question a probe answers."""

    STARTUP = "startup"
    READINESS = "readiness"
    LIVENESS = "liveness"


class ContainerHealth(msgspec.Struct, frozen=True, kw_only=True):
    """The probes of one running container together."""

    startup: ProbeState | None = None
    readiness: ProbeState | None = None
    liveness: ProbeState | None = None

    @classmethod
    def begin(
        cls, *, startup: Probe | None, readiness: Probe | None, liveness: Probe | None, now: float
    ) -> ContainerHealth:
        """The health of a container that was started at ``now``."""
        return cls(
            startup=_unasked(startup, None, now),
            readiness=_unasked(readiness, False, now),
            liveness=_unasked(liveness, True, now),
        )

    @property
    def started(self) -> bool:
        """Passed its startup probe, or has none."""
        return self.startup is None or self.startup.passed is True

    @property
    def ready(self) -> bool:
        """May get requests."""
        return self.started and (self.readiness is None or self.readiness.passed is True)

    @property
    def failed(self) -> ProbeKind | None:
        """The probe that ends this container; None: it lives."""
        if self.startup is not None and self.startup.passed is False:
            return ProbeKind.STARTUP
        if self.liveness is not None and self.liveness.passed is False:
            return ProbeKind.LIVENESS
        return None

    def waiting(self) -> tuple[tuple[ProbeKind, ProbeState], ...]:
        """The probes that are asked at this stage, with when: startup alone, then readiness and liveness."""
        if self.failed is not None:
            return ()
        if self.startup is not None and not self.started:
            return ((ProbeKind.STARTUP, self.startup),)
        later = ((ProbeKind.READINESS, self.readiness), (ProbeKind.LIVENESS, self.liveness))
        return tuple((kind, state) for kind, state in later if state is not None)

    def step(self, kind: ProbeKind, result: bool, now: float) -> ContainerHealth:
        """The health after one result of one probe was read at ``now``."""
        state: ProbeState | None = getattr(self, kind.value)
        return self if state is None else msgspec.structs.replace(self, **{kind.value: state.step(result, now)})
