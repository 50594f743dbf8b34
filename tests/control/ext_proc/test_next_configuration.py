"""A given config that breaks while the picker serves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from modelyard.control.ext_proc.next_configuration import next_configuration
from modelyard.control.ext_proc.process import ExtProcControl
from modelyard.control.ext_proc.serving import given_config
from modelyard.control.ext_proc.sources import ManifestSource
from modelyard.manifests.reading import ReadResult, read_manifests
from modelyard.resources.errors import ResourceError
from modelyard.worker.protocol import PickerSettings

from .conftest import POOLS, resources_of, settings_of

POD = """
---
apiVersion: v1
kind: Pod
metadata: {name: chat-0, labels: {app: chat}}
status: {podIP: 10.0.0.1, phase: Running}
"""
CONFIG = """
apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
plugins: [{type: queue-scorer}]
"""


class Files:
    """A manifest and a config, and the control process that follows them."""

    def __init__(self, folder: Path) -> None:
        self.manifest, self.config = folder / "pool.yaml", folder / "config.yaml"
        self.manifest.write_text(POOLS + POD)
        self.config.write_text(CONFIG)
        paths = [self.manifest, self.config]
        self._source = ManifestSource(paths, None, read_manifests(paths))
        settings = settings_of(picker=PickerSettings(), config_source=str(self.config))
        self.control = ExtProcControl(settings, [self._source])

    def change(self, file: Path, text: str | None) -> None:
        """Write it (None: remove it), and let the process know of it."""
        if text is None:
            file.unlink()
        else:
            file.write_text(text)
        source = self._source
        latest = ManifestSource([], None, read_manifests([self.manifest, self.config])).latest
        source.latest = latest
        self.control._sources_changed()

    @property
    def plugins(self) -> list[str]:
        config = given_config(self.control.configuration.resources, self.control.settings)
        assert config is not None
        return [plugin.type for plugin in config.plugins]


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ("plugins: [", "config.yaml"),
        (CONFIG.replace("queue-scorer", "of-mine"), "of-mine"),
        (CONFIG.replace("plugins:", "plugin:"), "unknown field"),
        ("", "has no EndpointPickerConfig any more"),
        (None, "config.yaml"),
    ],
)
def test_a_broken_config_keeps_the_policies_and_lets_endpoints_go(
    files: Files, broken: str | None, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    files.change(files.config, broken)
    control = files.control
    assert (control.configuration.generation, control.configuration.stale) == (1, True)
    assert said in caplog.text
    assert len(control.resources.pods) == 1
    files.change(files.manifest, POOLS)
    assert control.resources.pods == {}
    assert (control.configuration.generation, control.configuration.stale) == (2, True)
    assert files.plugins == ["queue-scorer"]
    files.change(files.config, CONFIG.replace("queue-scorer", "random-picker"))
    assert (control.configuration.generation, control.configuration.stale) == (3, False)
    assert files.plugins == ["random-picker"]


def test_a_broken_manifest_beside_it_withholds_everything(files: Files) -> None:
    files.change(files.config, "plugins: [")
    files.change(files.manifest, POOLS + "---\nkind: [")
    assert files.control.configuration.generation == 1
    assert len(files.control.resources.pods) == 1
    assert len(files.control.configuration.errors) == 2


@pytest.mark.parametrize(
    "broken",
    [
        CONFIG + "---" + POOLS.replace("targetPorts", "ports") + POD,
        CONFIG.replace("plugins:", "plugin:") + "---" + POOLS + POD,
        CONFIG + "---" + POOLS.replace("targetPorts: [", "targetPorts: [[") + POD,
        "",
        None,
    ],
)
def test_what_else_the_config_s_file_holds_stays_while_it_cannot_be_read(files: Files, broken: str | None) -> None:
    files.change(files.config, CONFIG + "---" + POOLS + POD)
    files.change(files.manifest, "")
    control = files.control
    assert len(control.resources.inference_pools) == 2
    files.change(files.config, broken)
    assert control.configuration.stale
    assert (len(control.resources.inference_pools), len(control.resources.pods)) == (2, 1)
    assert files.plugins == ["queue-scorer"]
    files.change(files.manifest, POD.replace("chat-0", "chat-1"))
    assert {name for _, name in control.resources.pods} == {"chat-0", "chat-1"}
    assert len(control.resources.inference_pools) == 2
    files.change(files.config, CONFIG + "---" + POOLS)
    assert not control.configuration.stale
    assert {name for _, name in control.resources.pods} == {"chat-1"}


def test_what_else_the_config_s_file_holds_is_followed_while_only_the_policies_are_wrong(files: Files) -> None:
    files.change(files.config, CONFIG + POD.replace("chat-0", "chat-1"))
    assert len(files.control.resources.pods) == 2
    files.change(files.config, CONFIG.replace("queue-scorer", "of-mine"))
    assert {name for _, name in files.control.resources.pods} == {"chat-0"}
    assert files.control.configuration.stale
    assert files.plugins == ["queue-scorer"]


def test_without_a_given_config_errors_withhold_as_ever() -> None:
    read = ReadResult(resource_set=resources_of(POOLS))
    control = ExtProcControl(settings_of(picker=PickerSettings()), [_Fixed(read)])
    broken = ReadResult(errors=(ResourceError(source="x.yaml", message="is broken"),))
    after = next_configuration(control.configuration, broken, control.settings)
    assert after.served is None
    assert after.configuration.resources == control.configuration.resources
    assert after.configuration.errors == broken.errors


class _Fixed(ManifestSource):
    def __init__(self, read: ReadResult) -> None:
        super().__init__([], None, read)

    async def follow(self, changed: Callable[[], None]) -> None:
        await asyncio.Event().wait()
