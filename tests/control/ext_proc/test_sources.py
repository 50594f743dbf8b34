from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from modelyard.control.ext_proc.discovery import FileDiscovery, ListedEndpoint
from modelyard.control.ext_proc.sources import AddressSource, EndpointsFileSource, ManifestSource, Source, of_pools
from modelyard.manifests.reading import read_manifests

from .conftest import POOLS, resources_of


def endpoint(address: str, app: str = "chat", namespace: str = "default") -> ListedEndpoint:
    return ListedEndpoint(address=address, name=f"{app}-0", namespace=namespace, labels={"app": app})


def test_endpoints_go_to_the_pools_that_select_them() -> None:
    pools = resources_of(POOLS).inference_pools.values()
    listed = [
        endpoint("10.0.0.1:8000"),
        endpoint("10.0.0.1:8001"),
        endpoint("10.0.0.1:9000"),
        endpoint("10.0.0.2:8000", "code"),
        endpoint("10.0.0.3:8000", "code", "dev"),
    ]
    found = of_pools(listed, pools, None)
    assert [(str(item.backend), item.address) for item in found] == [
        ("InferencePool/default/chat", "10.0.0.1:8000"),
        ("InferencePool/default/chat", "10.0.0.1:8001"),
        ("InferencePool/dev/code", "10.0.0.3:8000"),
    ]
    assert (found[0].name, found[0].labels) == ("chat-0", {"app": "chat"})


def test_the_only_pool_gets_every_endpoint() -> None:
    found = of_pools([endpoint("10.0.0.1:1", "x", "y")], (), ("dev", "code"))
    assert [str(item.backend) for item in found] == ["InferencePool/dev/code"]


def test_addresses_never_change() -> None:
    source = AddressSource(["10.0.0.1:1", "10.0.0.2:1", "10.0.0.1:1"])
    assert [item.address for item in source.latest.endpoints] == ["10.0.0.1:1", "10.0.0.2:1"]
    assert not source.latest.withheld


async def followed(source: Source, change: object) -> None:
    """Follow until the first change after ``change()``."""
    changed = asyncio.Event()
    task = asyncio.create_task(source.follow(changed.set))
    await asyncio.sleep(0.05)  # the watch is in place
    change()  # type: ignore[operator]
    async with asyncio.timeout(10):
        await changed.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def replace(path: Path, text: str) -> None:
    """In one step: a file that is written in place is empty for a moment, and may be read then."""
    draft = path.with_name(".draft")
    draft.write_text(text)
    draft.replace(path)


def test_a_file_is_read_again_and_a_broken_one_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(EndpointsFileSource, "_LOOK_SECONDS", 0.01)
    path = tmp_path / "endpoints.yaml"
    path.write_text("endpoints: [{name: a, address: 10.0.0.1, port: '1'}]")

    async def test() -> None:
        source = EndpointsFileSource(FileDiscovery(path=str(path), watch_file=True))
        await followed(source, lambda: replace(path, "endpoints: [{name: a, address: 10.0.0.2, port: '1'}]"))
        assert [item.address for item in source.latest.endpoints] == ["10.0.0.2:1"]
        await followed(source, path.unlink)
        assert [item.address for item in source.latest.endpoints] == ["10.0.0.2:1"]
        assert "cannot be read" in str(source.latest.errors[0])
        assert not source.latest.withheld

    asyncio.run(test())


def test_manifests_are_followed_and_broken_ones_withheld(tmp_path: Path) -> None:
    path = tmp_path / "pools.yaml"
    path.write_text(POOLS)

    async def test() -> None:
        source = ManifestSource([path], None, read_manifests([path]))
        assert len(source.latest.resources.inference_pools) == 2
        await followed(source, lambda: replace(path, POOLS.replace("targetPorts", "ports")))
        assert source.latest.withheld

    asyncio.run(test())


def test_addresses_of_a_named_pool_are_of_no_other() -> None:
    pools = resources_of(POOLS).inference_pools.values()
    source = AddressSource(["10.0.0.1:8000"], ("dev", "code"))
    found = of_pools(source.latest.endpoints, pools, None)
    assert [(str(item.backend), item.address) for item in found] == [("InferencePool/dev/code", "10.0.0.1:8000")]
    assert of_pools(source.latest.endpoints, (), None) == []
