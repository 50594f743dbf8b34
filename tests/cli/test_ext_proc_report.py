from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from modelyard.cli.ext_proc_report import ExtProcReport
from modelyard.cli.output import Output
from modelyard.control.ext_proc.settings import ExtProcSettings, Role

POOLS = [
    {"name": "default/known", "failureMode": "FailOpen", "endpoints": ["1.2.3.4:1"], "ready": []},
    {"name": "default/empty", "failureMode": "FailClose", "endpoints": [], "ready": []},
]


class View:
    def readiness(self) -> tuple[bool, str]:
        return True, ""

    def pools(self) -> list[dict[str, Any]]:
        return POOLS


async def reported(control: Any) -> None:
    """Everything that is there to be said at the start is said before the first wait."""
    task = asyncio.create_task(ExtProcReport(Output.TEXT).run(control, asyncio.Event()))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def test_a_pool_without_endpoints_says_how_to_give_it_some(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = ExtProcSettings(role=Role.PICKER, socket_path=tmp_path)
    control = SimpleNamespace(
        view=View(), settings=settings, metrics_port=9090, snapshot=SimpleNamespace(problems=()), admin_port=0
    )
    asyncio.run(reported(cast(Any, control)))
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert "pool default/known (FailOpen): 0 of 1 endpoints ready" in lines
    at = lines.index("pool default/empty (FailClose): 0 of 0 endpoints ready")
    assert "give --endpoint default/empty=IP:PORT" in lines[at + 1]
    assert sum("no endpoint is known" in line for line in lines) == 1
