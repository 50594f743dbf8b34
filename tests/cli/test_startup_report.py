from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace
from typing import Any, cast

import pytest
from msgspec.structs import replace

from modelyard.cli.output import Output
from modelyard.cli.startup_report import StartupReport, models
from modelyard.control.yard import Yard
from modelyard.fleet.endpoints import Endpoint, EndpointState, ServedModel
from modelyard.local.home import Home
from modelyard.local.status import LocalPod
from modelyard.lora.condition import AdapterStatus, Reason

VERSION = "food@1a2b3c4d"
SERVED = (ServedModel(id="m"), ServedModel(id=VERSION, parent="m"))
FIRST = EndpointState(
    endpoint=Endpoint(address="127.8.0.1:8000", name="m-0", engine="vllm"),
    models=SERVED,
    adapter_names={"food": VERSION},
)
SECOND = EndpointState(
    endpoint=Endpoint(address="127.8.0.2:8000", name="n-0", engine="vllm"), models=(ServedModel(id="n"),)
)
PODS = tuple(LocalPod(name=name, namespace="default", labels={}, ip="127.8.0.1", ready=True) for name in ("m-0", "n-0"))
LOOKS = 50


class Adapters:
    """Gives one status after the other, then the last one again and again."""

    def __init__(self, *reasons: Reason) -> None:
        self._reasons = list(reasons)

    def statuses(self) -> tuple[AdapterStatus, ...]:
        reason = self._reasons.pop(0) if len(self._reasons) > 1 else self._reasons[0]
        loaded, message = reason is Reason.LOADED, "" if reason is Reason.LOADED else "12 of 40 MB"
        return (AdapterStatus(adapter="food", replica="default/m-0", loaded=loaded, reason=reason, message=message),)

    def problems(self) -> tuple[str, ...]:
        return ("ConfigMap default/x is in no manifest",)


class Fleets:
    """One fleet for the first looks at it, then another one."""

    def __init__(self, first: EndpointState, then: EndpointState) -> None:
        self._states, self._looks = (first, then), 0

    def look(self) -> Any:
        self._looks += 1
        endpoints = (FIRST, self._states[self._looks > LOOKS])
        return SimpleNamespace(backends={"b": SimpleNamespace(endpoints=endpoints)})


class FakeYard(SimpleNamespace):
    """As far as the report looks at one whose replicas are ready."""

    fleets: Fleets

    @property
    def current_fleet(self) -> Any:
        return self.fleets.look()


def yard(*reasons: Reason, second: Fleets | None = None, pods: tuple[LocalPod, ...] = PODS) -> Any:
    """``second``: the endpoint beside the first one; the first one again if left out."""
    view = SimpleNamespace(
        gateways=lambda: [{"name": "default/g", "addresses": ["http://127.0.0.1:80"]}],
        skipped=list,
        notes=list,
        readiness=lambda: (True, {}),
    )
    nothing = SimpleNamespace(plans=tuple, statuses=tuple)
    workloads = SimpleNamespace(
        adapters=Adapters(*reasons or (Reason.LOADED,)), local=nothing, ray=nothing, jobs=nothing, pods=lambda: pods
    )
    return FakeYard(
        workloads=workloads,
        view=view,
        replicas=lambda: (),
        fleets=second or Fleets(FIRST, FIRST),
        snapshot=SimpleNamespace(pools={}),
        settings=SimpleNamespace(admin_host="127.0.0.1", home=Home.at(), envoy=None),
        admin_port=9901,
    )


def run(it: Any, output: Output, *, until: str, read: Any) -> str:
    """What is printed up to ``until``."""

    async def scenario() -> str:
        changed = asyncio.Event()
        task = asyncio.create_task(StartupReport(output).run(cast("Yard", it), changed))
        said = ""
        async with asyncio.timeout(30):
            while until not in said:
                assert not task.done(), task
                changed.set()
                await asyncio.sleep(0)
                said += read().out
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return said + str(read().out)

    return asyncio.run(scenario())


def test_ready_comes_when_the_wanted_adapters_are_loaded(capsys: pytest.CaptureFixture[str]) -> None:
    it = yard(*(Reason.FETCHING,) * 5, *(Reason.LOADING,) * 5, Reason.LOADED)
    events = [json.loads(line) for line in run(it, Output.JSON, until='"ready"', read=capsys.readouterr).splitlines()]
    assert [event["event"] for event in events] == ["starting", "adapterProblem", "adapter", "ready"]
    assert (events[2]["adapter"], events[2]["loaded"]) == ("food", True)
    assert events[3]["models"] == ["food", "m"]
    assert [(one["adapter"], one["loaded"]) for one in events[3]["adapters"]] == [("food", True)]


def test_what_is_refused_is_not_waited_for(capsys: pytest.CaptureFixture[str]) -> None:
    said = run(yard(Reason.RANK_TOO_HIGH), Output.TEXT, until="ready", read=capsys.readouterr)
    assert "adapters: ConfigMap default/x is in no manifest" in said
    assert "adapter food on default/m-0: not loaded (RankTooHigh): 12 of 40 MB" in said
    assert "still on its way" not in said


def test_the_wait_has_an_end_and_says_what_is_still_coming(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("modelyard.cli.startup_report._ADAPTER_SECONDS", 0.05)
    said = run(yard(Reason.FETCHING), Output.TEXT, until="Ctrl-C", read=capsys.readouterr)
    assert said.index("waiting for food") < said.index("ready  models") < said.index("still on its way: adapter food")
    assert "12 of 40 MB" in said


def test_models_are_named_as_clients_name_them() -> None:
    assert models(cast("Yard", yard(Reason.LOADED))) == ["food", "m"]


def models_when_ready(it: Any, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """What the event ``ready`` has."""
    events = [json.loads(line) for line in run(it, Output.JSON, until='"ready"', read=capsys.readouterr).splitlines()]
    return list(events[-1]["models"])


NOT_READY = replace(SECOND, ready=False, reason="/health answers HTTP 503")
UNKNOWN = replace(SECOND, models=None)
APPLICATION = replace(UNKNOWN, endpoint=replace(SECOND.endpoint, engine=""))


@pytest.mark.parametrize("before", [NOT_READY, UNKNOWN], ids=["not ready", "models not known"])
def test_ready_waits_for_the_endpoints_of_replicas_that_run_here(
    before: EndpointState, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A policy may want several checks in a row, seconds apart, of a replica that is ready by its own probe."""
    monkeypatch.setattr("modelyard.cli.startup_report._REST_SECONDS", -1.0)
    assert models_when_ready(yard(second=Fleets(before, SECOND)), capsys) == ["food", "m", "n"]


@pytest.mark.parametrize(
    ("seconds", "pods", "state"),
    [
        ("_SETTLE_SECONDS", PODS, NOT_READY),
        ("_REST_SECONDS", PODS[:1], NOT_READY),
        ("_REST_SECONDS", PODS, APPLICATION),
    ],
    ids=["down here", "down elsewhere", "an application without models"],
)
def test_an_endpoint_that_is_not_settled_does_not_keep_ready_back_for_ever(
    seconds: str,
    pods: tuple[LocalPod, ...],
    state: EndpointState,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("_SETTLE_SECONDS", "_REST_SECONDS"):
        monkeypatch.setattr(f"modelyard.cli.startup_report.{name}", 0.05 if name == seconds else 30.0)
    assert models_when_ready(yard(second=Fleets(state, state), pods=pods), capsys) == ["food", "m"]


def test_what_can_be_tried_is_printed_in_one_piece_with_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who reads the output up to ``ready`` finds the rest there."""
    pieces: list[str] = []
    monkeypatch.setattr("sys.stdout", SimpleNamespace(write=pieces.append, flush=lambda: None, encoding="utf-8"))
    said = run(yard(), Output.TEXT, until="Ctrl-C", read=lambda: SimpleNamespace(out="".join(pieces)))
    assert "Try:" in said
    [piece] = [one for one in pieces if "ready  models" in one]
    assert "Try:" in piece
    assert piece.rstrip().endswith("Ctrl-C stops everything")
