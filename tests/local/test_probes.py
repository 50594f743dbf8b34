from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from modelyard.local.probes import ContainerHealth, Probe, ProbeKind, ProbeState, TcpSocket

ACTION = TcpSocket(host="127.0.0.1", port=1)
RESULTS = st.lists(st.booleans(), max_size=40)
THRESHOLDS = st.integers(1, 5)


def probe(success: int = 1, failure: int = 3, delay: float = 0.0, period: float = 10.0) -> Probe:
    return Probe(
        action=ACTION, success_threshold=success, failure_threshold=failure, initial_delay=delay, period=period
    )


def expected_verdict(results: list[bool], success: int, failure: int, first: bool | None) -> bool | None:
    """Kubernetes' words, literally: the latest run of equal results that was long enough decides."""
    verdict = first
    for end in range(1, len(results) + 1):
        last, needed = results[end - 1], success if results[end - 1] else failure
        if end >= needed and all(one == last for one in results[end - needed : end]):
            verdict = last
    return verdict


@given(RESULTS, THRESHOLDS, THRESHOLDS, st.sampled_from([None, True, False]))
def test_the_verdict_follows_runs_of_equal_results(
    results: list[bool], success: int, failure: int, first: bool | None
) -> None:
    state = ProbeState(probe=probe(success, failure), passed=first, due=0.0)
    for at, result in enumerate(results):
        state = state.step(result, float(at))
    assert state.passed == expected_verdict(results, success, failure, first)


@given(st.floats(0, 100), st.floats(1, 60))
def test_the_next_question_is_a_period_later(now: float, period: float) -> None:
    assert ProbeState(probe=probe(period=period), passed=None, due=0.0).step(True, now).due == now + period


def begun(**probes: Probe) -> ContainerHealth:
    every: dict[str, Probe | None] = {"startup": None, "readiness": None, "liveness": None, **probes}
    return ContainerHealth.begin(**every, now=100.0)


def test_without_probes_a_container_is_ready_at_once() -> None:
    assert begun().ready
    assert begun().waiting() == ()


def test_readiness_begins_as_failed_and_liveness_as_passed() -> None:
    health = begun(readiness=probe(), liveness=probe())
    assert not health.ready
    assert health.failed is None


def test_readiness_and_liveness_wait_for_startup() -> None:
    health = begun(startup=probe(), readiness=probe(), liveness=probe())
    assert [kind for kind, _ in health.waiting()] == [ProbeKind.STARTUP]
    health = health.step(ProbeKind.STARTUP, True, 101.0)
    assert [kind for kind, _ in health.waiting()] == [ProbeKind.READINESS, ProbeKind.LIVENESS]
    assert not health.ready
    assert health.step(ProbeKind.READINESS, True, 102.0).ready


def test_the_initial_delay_counts_from_the_start_of_the_container() -> None:
    health = begun(readiness=probe(delay=7.0))
    assert health.waiting()[0][1].due == 107.0


def test_a_failed_startup_probe_ends_the_container() -> None:
    health = begun(startup=probe(failure=2), liveness=probe())
    health = health.step(ProbeKind.STARTUP, False, 1.0)
    assert health.failed is None
    health = health.step(ProbeKind.STARTUP, False, 2.0)
    assert health.failed is ProbeKind.STARTUP
    assert health.waiting() == ()


def test_a_failed_liveness_probe_ends_it_and_a_failed_readiness_probe_does_not() -> None:
    health = begun(readiness=probe(failure=1), liveness=probe(failure=1))
    assert health.step(ProbeKind.LIVENESS, False, 1.0).failed is ProbeKind.LIVENESS
    unready = health.step(ProbeKind.READINESS, True, 1.0).step(ProbeKind.READINESS, False, 2.0)
    assert unready.failed is None
    assert not unready.ready


@given(st.lists(st.tuples(st.sampled_from(list(ProbeKind)), st.booleans()), max_size=30))
def test_ready_always_means_started_and_passed(steps: list[tuple[ProbeKind, bool]]) -> None:
    health = begun(startup=probe(success=2), readiness=probe(success=2), liveness=probe())
    for at, (kind, result) in enumerate(steps):
        if kind in dict(health.waiting()):
            health = health.step(kind, result, float(at))
        assert not health.ready or (health.started and health.readiness is not None and health.readiness.passed)
        assert (health.failed is None) or health.waiting() == ()


def test_an_early_probe_takes_an_answer_before_its_delay_is_over_and_no_failure() -> None:
    early = Probe(action=ACTION, initial_delay=300, early=True, period=10, failure_threshold=1)
    health = ContainerHealth.begin(startup=early, readiness=None, liveness=None, now=0.0)
    assert health.startup is not None
    assert health.startup.due == 0.0
    waiting = health.step(ProbeKind.STARTUP, False, 5.0)
    assert waiting.startup is not None
    assert (waiting.failed, waiting.startup.due) == (None, 6.0)
    assert waiting.step(ProbeKind.STARTUP, True, 6.0).started
    assert waiting.step(ProbeKind.STARTUP, False, 299.5).startup.due == 300.0  # type: ignore[union-attr]
    assert waiting.step(ProbeKind.STARTUP, False, 300.0).failed is ProbeKind.STARTUP
