"""One RayService with an ordinary application through everything that happens to it, on real Ray."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from .ray_yard import RAY, Load, RayYard, greeting, until

pytestmark = RAY


@pytest.fixture(scope="module")
def yard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RayYard]:
    running = RayYard(tmp_path_factory.mktemp("ray"), greeting("one"))
    try:
        running.start()
        print(f"\ncold start: {running.start_seconds:.1f} s")
        yield running
    finally:
        running.end()


def back_to(yard: RayYard, text: str) -> None:
    """The service as the next test needs it."""
    wanted = {"text": text, "colour": "green"}
    yard.write(greeting(text))
    until(lambda: yard.ready() and wanted.items() <= yard.greeting().items(), f"the application says {text}", 180)
    until(lambda: len(yard.clusters()) == 1, "one cluster is left", 120)


def test_it_is_reached_through_its_service(yard: RayYard):
    assert yard.greeting()["text"] == "one"
    assert yard.greeting()["colour"] == "green"
    assert yard.condition("Ready")["reason"] == "NonZeroServeEndpoints"
    assert yard.condition("UpgradeInProgress")["reason"] == "NoPendingCluster"
    assert yard.status()["activeServiceStatus"]["applicationStatuses"]["greeting"]["status"] == "RUNNING"


def test_its_load_is_read(yard: RayYard):
    until(lambda: yard.endpoints()[0]["load"] is not None, "the load of the endpoint", 60)
    assert yard.endpoints()[0]["engine"] == "ray-serve"


def test_ray_listens_on_loopback_only(yard: RayYard):
    heads = {pid for name in ("gcs_server", "raylet/raylet", "dashboard") for pid in yard.processes(name)}
    assert heads
    assert {address for pid in heads for address in listening(pid)} <= {"127.0.0.1", cluster(yard)["address"]}


def test_people_see_it(yard: RayYard):
    shown = run(yard, "ps")
    assert cluster(yard)["name"] in shown
    assert run(yard, "logs", "hello")


def test_a_changed_configuration_is_applied_in_place(yard: RayYard):
    before = cluster(yard)["name"]
    with Load(yard) as load:
        yard.write(greeting("two"))
        took = until(lambda: yard.greeting().get("text") == "two", "the new text", 120)
    print(f"\nchanged in place: {took:.1f} s ({load.asked} requests, {load.streamed} streams)")
    assert load.failures == []
    assert cluster(yard)["name"] == before


def test_a_failed_deployment_says_why_and_recovers(yard: RayYard):
    yard.write(greeting("two", path="nowhere:build"))
    until(lambda: "nowhere" in yard.condition("Ready").get("message", ""), "Ray's reason", 120)
    assert "DEPLOY_FAILED" in yard.condition("Ready")["message"]
    assert yard.greeting()["text"] == "two"
    back_to(yard, "three")
    assert "nowhere" not in yard.condition("Ready")["message"]


def test_a_changed_cluster_is_made_beside_the_old_one(yard: RayYard):
    before = cluster(yard)["name"]
    with Load(yard) as load:
        yard.write(greeting("three", colour="red"))
        until(lambda: yard.condition("UpgradeInProgress").get("status") == "True", "two clusters", 60)
        took = until(lambda: yard.greeting().get("colour") == "red", "the traffic moved", 180)
        until(lambda: list(yard.clusters()) and before not in yard.clusters(), "the old cluster is gone", 120)
    print(f"\nnew cluster: {took:.1f} s ({load.asked} requests, {load.streamed} streams)")
    assert load.failures == []
    assert cluster(yard)["name"] != before
    assert yard.condition("UpgradeInProgress")["reason"] == "NoPendingCluster"


def test_a_killed_replica_comes_back(yard: RayYard):
    pid = yard.greeting()["pid"]
    os.kill(pid, signal.SIGKILL)
    took = until(lambda: yard.greeting().get("pid", pid) != pid, "another replica answers", 120)
    print(f"\nreplica killed: {took:.1f} s")


def test_a_killed_head_comes_back_with_the_application(yard: RayYard):
    (pid,) = yard.processes("src/ray/gcs/gcs_server --")
    os.kill(pid, signal.SIGKILL)
    down = until(lambda: not yard.ready(), "it is noticed", 120)
    assert yard.condition("Ready")["reason"] == "ZeroServeEndpoints"
    took = until(lambda: yard.ready() and yard.greeting().get("text") == "three", "it serves again", 180)
    print(f"\nhead killed: noticed after {down:.1f} s, serving {took:.1f} s later")
    assert cluster(yard)["restarts"] >= 1


def test_a_removed_service_leaves_nothing(yard: RayYard):
    yard.write("# nothing\n")
    until(lambda: not yard.clusters(), "no cluster", 120)
    until(lambda: not yard.processes("gcs_server"), "no process", 60)
    assert yard.get()[0] in (500, 503)
    back_to(yard, "four")


def test_nothing_outlives_a_killed_control_process(yard: RayYard):
    assert yard.temporary_files()
    yard.signal(signal.SIGKILL)
    took = until(lambda: not yard.leftovers(), "no process is left", 60)
    until(lambda: not yard.temporary_files(), "no temporary file is left", 30)
    print(f"\ncontrol process killed: all gone after {took:.1f} s")


def cluster(yard: RayYard) -> dict[str, object]:
    """The one cluster."""
    (only,) = yard.clusters().values()
    found: dict[str, object] = only
    return found


def run(yard: RayYard, *arguments: str) -> str:
    """What a subcommand prints."""
    command = [sys.executable, "-m", "modelyard.cli.main", *arguments, "--home", str(yard.home)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def listening(pid: int) -> set[str]:
    """Addresses on which a process listens."""
    found = subprocess.run(["ss", "-Hltnp"], capture_output=True, text=True, check=True).stdout
    rows = [line.split() for line in found.splitlines() if f"pid={pid}," in line]
    return {row[3].rpartition(":")[0].strip("[]").removeprefix("::ffff:") for row in rows}
