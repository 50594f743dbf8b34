"""The documentation's examples, alone and beside a running yard."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from docs.examples import ROOT, Block, Place, blocks
from modelyard.local.envoy import find_envoy

START_LINES = 200
STOP_SECONDS = 60


@pytest.fixture(scope="module")
def yard(tmp_path_factory: pytest.TempPathFactory, own_address: str) -> Iterator[Place]:
    """The quickstart on simulated servers, at an address that no other test uses."""
    home = tmp_path_factory.mktemp("home")
    command = [
        *(sys.executable, "-m", "modelyard.cli.main", "up", "-f", "examples/quickstart/", "--engine", "sim"),
        *("--home", str(home), "--bind", own_address, "--port", f"80={_free_port(own_address)}"),
        *("--admin", f"{own_address}:0", "--output", "json"),
    ]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        addresses = {**_addresses(process), "127.0.0.1": own_address}
        yield Place(env={"MODELYARD_HOME": str(home)}, addresses=addresses)
    finally:
        process.terminate()
        process.communicate(timeout=STOP_SECONDS)
    assert process.returncode == 0


def _addresses(process: subprocess.Popen[str]) -> dict[str, str]:
    """Wait until it is ready; the addresses of the documentation and its own."""
    assert process.stdout is not None
    admin = ""
    for _, line in zip(range(START_LINES), process.stdout, strict=False):
        event = json.loads(line)
        if event["event"] == "starting":
            admin = event["admin"].removeprefix("http://")
        elif event["event"] == "ready":
            return {"127.0.0.1:8080": event["address"].removeprefix("http://"), "127.0.0.1:9901": admin}
    raise AssertionError("the yard did not become ready")


def _free_port(host: str) -> int:
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


@pytest.mark.integration
@pytest.mark.parametrize("block", blocks("run"), ids=str)
def test_it_runs(block: Block) -> None:
    Place().run(block)


@pytest.mark.integration
@pytest.mark.parametrize("block", blocks("run: yard"), ids=str)
def test_it_runs_beside_a_yard(block: Block, yard: Place) -> None:
    yard.run(block)


@pytest.mark.integration
@pytest.mark.envoy
@pytest.mark.timeout(400)
@pytest.mark.parametrize("block", blocks("run: envoy"), ids=str)
def test_it_runs_with_a_real_envoy(block: Block, tmp_path: Path, own_blocks: Callable[[], str]) -> None:
    """At an address and in a folder of its own: others may have the default ports of 127.0.0.1, and one Envoy may have
    shared memory for hot restarts."""
    envoy = find_envoy()
    assert envoy is not None
    host = f"{own_blocks()}.1"
    bound = f"--bind {host}"
    places = {
        "127.0.0.1": host,
        "/tmp/": f"{tmp_path}/",
        " --port 181": f" --host {host} --port 181",
        "modelyard envoy-config": f"modelyard envoy-config {bound} --picker {host}:9002 --router {host}:9004",
        "modelyard epp": f"modelyard epp {bound}",
        "modelyard bbr": f"modelyard bbr {bound}",
        "envoy -c": f"{envoy.path} --disable-hot-restart --log-level error -c",
    }
    assert "demo-alpaca" in Place(addresses=places, seconds=380).run(block)


@pytest.mark.engine
@pytest.mark.timeout(900)
@pytest.mark.parametrize("block", blocks("run: vllm"), ids=str)
def test_it_runs_on_real_vllm(block: Block, tmp_path: Path) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    Place(directory=tmp_path, seconds=880).run(block)
