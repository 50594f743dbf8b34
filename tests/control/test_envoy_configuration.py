"""Files for Envoy: replaced whole, and only where something changed; keys for this user alone."""

from __future__ import annotations

from pathlib import Path

from modelyard.control.envoy_configuration import fleet_endpoints, replace_file, write_config
from modelyard.envoy.pools import PoolEndpoint
from modelyard.fleet.backends import BackendSpec, EndpointSpec
from modelyard.fleet.endpoints import Endpoint, EndpointState
from modelyard.fleet.fleet import BackendFleet, BackendKey, Fleet

KEY = BackendKey(kind="InferencePool", namespace="default", name="p")


def test_a_file_changes_only_with_its_content(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    assert write_config(path, {"a": 1})
    before = path.stat()
    assert not write_config(path, {"a": 1})
    assert path.stat().st_ino == before.st_ino
    assert write_config(path, {"a": 2})
    assert path.stat().st_ino != before.st_ino
    assert [item.name for item in tmp_path.iterdir()] == ["a.json"]


def test_a_key_is_for_this_user_alone(tmp_path: Path) -> None:
    replace_file(tmp_path / "key", b"secret", mode=0o600)
    assert (tmp_path / "key").stat().st_mode & 0o077 == 0


def test_endpoints_are_known_before_they_are_ready() -> None:
    endpoints = [Endpoint(address=f"192.0.2.{number}:8000", name=str(number)) for number in (1, 2)]
    backends = {KEY: BackendSpec(key=KEY, endpoints=tuple(EndpointSpec(endpoint=item) for item in endpoints))}
    states = (EndpointState(endpoint=endpoints[0], ready=True),)
    fleet = Fleet(backends={KEY: BackendFleet(key=KEY, endpoints=states)})
    assert fleet_endpoints(backends, fleet)[KEY] == (
        PoolEndpoint("192.0.2.1:8000", True),
        PoolEndpoint("192.0.2.2:8000", False),
    )
    assert fleet_endpoints(backends, Fleet())[KEY][0].ready is False
