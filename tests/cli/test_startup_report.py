from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace
from typing import Any, cast

import pytest

from modelyard.cli.output import Output
from modelyard.cli.startup_report import StartupReport, models
from modelyard.control.yard import Yard
from modelyard.fleet.endpoints import Endpoint, EndpointState, ServedModel
from modelyard.local.home import Home
from modelyard.lora.condition import AdapterStatus, Reason

VERSION = "food@1a2b3c4d"


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


def yard(*reasons: Reason) -> Any:
    """As far as the report looks at one whose replica is ready."""
    served = (ServedModel(id="m"), ServedModel(id=VERSION, parent="m"))
    endpoint = Endpoint(address="127.8.0.1:8000", engine="vllm")
    state = EndpointState(endpoint=endpoint, models=served, adapter_names={"food": VERSION})
    view = SimpleNamespace(
        gateways=lambda: [{"name": "default/g", "addresses": ["http://127.0.0.1:80"]}],
        skipped=list,
        notes=list,
        readiness=lambda: (True, {}),
    )
    nothing = SimpleNamespace(plans=tuple, statuses=tuple)
    return SimpleNamespace(
        workloads=SimpleNamespace(adapters=Adapters(*reasons), local=nothing, ray=nothing, jobs=nothing),
        view=view,
        replicas=lambda: (),
        current_fleet=SimpleNamespace(backends={"b": SimpleNamespace(endpoints=(state,))}),
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
