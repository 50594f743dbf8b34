"""What Modelyard's own Envoy is told of the machine that it runs on."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from modelyard.control.envoy_edge import EnvoyEdge
from modelyard.control.settings import ControlSettings
from modelyard.local.envoy import Envoy
from modelyard.local.home import Home


@pytest.mark.parametrize(("platform", "wanted"), [("linux", True), ("darwin", False)])
def test_socket_options_of_linux_are_set_there_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, platform: str, wanted: bool
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    settings = ControlSettings(home=Home(tmp_path))
    edge = EnvoyEdge(settings, Envoy(path="envoy", version="1.40.0", found_by="test"), lambda: None, lambda: True)
    assert edge._settings.linux_sockets is wanted
