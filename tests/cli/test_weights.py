from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from modelyard.cli.commands import application
from modelyard.cli.exit_codes import ExitCode
from modelyard.control.yard_file import only_yard
from modelyard.local.home import Home
from modelyard.local.replica_plan import AppliedSetting
from modelyard.local.state_file import StateFile
from modelyard.local.status import Phase, ReplicaStatus

RUNNER = CliRunner()


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MODELYARD_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("MODELYARD_HOME", str(tmp_path / "home"))
    return tmp_path


def run(*arguments: str, code: int = ExitCode.OK) -> str:
    done = RUNNER.invoke(application(), ["weights", *arguments])
    assert done.exit_code == code, done.output
    return done.stdout


def test_from_pull_to_rm(root: Path) -> None:
    pulled = json.loads(run("pull", "demo://food-review", "--keep-free", "0", "-o", "json"))
    assert pulled["path"] == str(root / "demo--food-review")
    assert json.loads(run("ls", "-o", "json"))["weights"][0]["digest"] == pulled["digest"]
    assert json.loads(run("verify", "-o", "json"))["demo://food-review"]["sound"]
    assert json.loads(run("prefetch", "demo://food-review", "-o", "json"))["files"] == 1
    assert json.loads(run("rm", "demo://food-review", "-o", "json"))["removed"]["demo://food-review"] > pulled["size"]
    assert json.loads(run("ls", "-o", "json")) == {"weights": []}


def test_what_cannot_be_reached_comes_with_a_next_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", "/nowhere/hub")
    done = RUNNER.invoke(application(), ["weights", "pull", "acme/tiny"])
    assert done.exit_code == ExitCode.FAILED
    said = " ".join(done.stderr.split())
    assert "HF_HUB_OFFLINE forbids to ask the hub, and the hub's cache /nowhere/hub does not have it." in said
    assert "modelyard up --source NAME=/a/folder" in said


def test_a_root_whose_disk_is_not_mounted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "weights").symlink_to("/nowhere/disk")
    monkeypatch.setenv("MODELYARD_WEIGHTS", str(tmp_path / "weights"))
    done = RUNNER.invoke(application(), ["weights", "ls"])
    assert done.exit_code == ExitCode.FAILED
    assert "is a link to /nowhere/disk" in " ".join(done.stderr.split())


def test_damage_is_named_and_repaired(root: Path) -> None:
    run("pull", "demo://food-review", "--keep-free", "0")
    with (root / "demo--food-review" / "adapter_config.json").open("a") as file:
        file.write(" ")
    assert "corrupted: adapter_config.json" in run("verify", "demo://food-review", code=ExitCode.FAILED)
    assert "sound" in run("verify", "demo://food-review", "--repair")


def test_weights_in_use_stay(root: Path) -> None:
    run("pull", "demo://food-review", "--keep-free", "0")
    command = [sys.executable, "-c", "input()", str(root / "demo--food-review")]
    user = subprocess.Popen(command, stdin=subprocess.PIPE)
    try:
        assert str(user.pid) in RUNNER.invoke(application(), ["weights", "rm", "demo://food-review"]).output
        assert (root / "demo--food-review").exists()
        run("rm", "demo://food-review", "--force")
        assert not (root / "demo--food-review").exists()
    finally:
        user.communicate(b"\n")


def test_what_a_ray_cluster_is_set_up_with_is_not_removed(root: Path, tmp_path: Path) -> None:
    run("pull", "demo://food-review", "--keep-free", "0")
    home, folder = Home.at(tmp_path / "home"), root / "demo--food-review"
    setting = AppliedSetting(setting="model_source", change=f"{folder} (was org/m)", reason="the files are here")
    cluster = ReplicaStatus(
        name="chat-x7k2p",
        namespace="default",
        deployment="chat",
        labels={},
        engine="ray-serve",
        address="127.8.1.1",
        ports=(),
        phase=Phase.RUNNING,
        ready=True,
        since=1.0,
        message="",
        settings=(setting,),
    )
    with only_yard(home):
        StateFile(home).put("ray", (cluster,))
        run("rm", "demo://food-review", "--home", str(home.root), code=ExitCode.FAILED)
        assert folder.exists()


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["pull", "nonsense!"], ExitCode.USAGE),
        (["pull", "demo://nobody"], ExitCode.FAILED),
        (["rm", "acme/tiny"], ExitCode.FAILED),
        (["verify", "acme/tiny"], ExitCode.FAILED),
        (["prefetch", "acme/tiny"], ExitCode.FAILED),
    ],
)
def test_errors_have_exit_codes(arguments: list[str], code: ExitCode) -> None:
    run(*arguments, code=code)
