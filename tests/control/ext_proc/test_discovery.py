from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from modelyard.control.ext_proc.discovery import (
    MAX_BYTES,
    BadDiscovery,
    FileDiscovery,
    addresses_of,
    endpoint_address,
    read_endpoints,
    without_discovery,
)
from modelyard.picking.config import scheduler_config
from modelyard.resources.bases import Origin
from modelyard.resources.endpoint_picker_config import EndpointPickerConfig
from modelyard.resources.loading import load_value


def config(parameters: dict[str, Any], type_: str = "file-discovery") -> EndpointPickerConfig:
    (loaded,) = load_value(
        {
            "apiVersion": "llm-d.ai/v1alpha1",
            "kind": "EndpointPickerConfig",
            "plugins": [{"type": "queue-scorer"}, {"name": "files", "type": type_, "parameters": parameters}],
            "schedulingProfiles": [{"name": "default", "plugins": [{"pluginRef": "queue-scorer", "weight": 2}]}],
            "dataLayer": {"discovery": {"pluginRef": "files"}},
        },
        Origin(),
    ).objects
    assert isinstance(loaded, EndpointPickerConfig)
    return loaded


def test_what_is_left_is_a_config_that_the_scheduler_takes() -> None:
    rest, discovery = without_discovery(config({"path": "/etc/epp/endpoints.yaml", "watchFile": True}))
    assert discovery == FileDiscovery(path="/etc/epp/endpoints.yaml", watch_file=True)
    assert [scorer.type for scorer in scheduler_config(rest).profiles[0].scorers] == ["queue-scorer"]


def test_another_discovery_is_left_for_the_scheduler_to_refuse() -> None:
    given = config({}, "multicluster-discovery")
    assert without_discovery(given) == (given, None)
    plain = msgspec.structs.replace(given, data_layer=None)
    assert without_discovery(plain) == (plain, None)


@pytest.mark.parametrize(
    ("parameters", "told"),
    [({}, "path"), ({"path": "relative"}, "absolute"), ({"path": "/a", "watch": True}, "watch"), ({"path": 3}, "str")],
)
def test_wrong_parameters_are_told(parameters: dict[str, Any], told: str) -> None:
    with pytest.raises(BadDiscovery, match=told):
        without_discovery(config(parameters))


def written(tmp_path: Path, value: object) -> str:
    path = tmp_path / "endpoints.yaml"
    path.write_text(value if isinstance(value, str) else yaml.safe_dump(value))
    return str(path)


def test_endpoints_of_a_file(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        {
            "endpoints": [
                {"name": "a", "address": "10.0.0.1", "port": "8000", "labels": {"role": "decode"}},
                {"name": "b", "namespace": "x", "address": "fd00::1", "port": "8000"},
                {"name": "again", "address": "10.0.0.1", "port": "8000"},
            ]
        },
    )
    found, errors = read_endpoints(path)
    assert errors == ()
    assert [(item.address, item.name, item.namespace) for item in found] == [
        ("10.0.0.1:8000", "a", "default"),
        ("[fd00::1]:8000", "b", "x"),
    ]
    assert found[0].labels == {"role": "decode"}


def test_a_wrong_entry_is_told_and_the_others_count(tmp_path: Path) -> None:
    good = {"name": "good", "address": "10.0.0.1", "port": "8000"}
    bad = [{**good, "address": "host"}, {**good, "port": "0"}, {**good, "port": True}, {"name": "x"}, "text"]
    found, errors = read_endpoints(written(tmp_path, {"endpoints": [*bad, good]}))
    assert [item.name for item in found] == ["good"]
    assert [error.path for error in errors] == [f"endpoints[{index}]" for index in range(5)]


@pytest.mark.parametrize("content", ["", "[]", "endpoints: 3", "a: [", "x" * (MAX_BYTES + 1)])
def test_a_file_that_cannot_be_used(tmp_path: Path, content: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        read_endpoints(written(tmp_path, content))


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot be read"):
        read_endpoints(str(tmp_path / "none"))


@pytest.mark.parametrize(
    ("text", "address"),
    [("10.0.0.1:80", "10.0.0.1:80"), (" 10.0.0.1:80 ", "10.0.0.1:80"), ("[FD00::0:1]:80", "[fd00::1]:80")],
)
def test_addresses_have_one_spelling(text: str, address: str) -> None:
    assert endpoint_address(text) == address


@pytest.mark.parametrize("text", ["", "10.0.0.1", "host:80", "10.0.0.1:", "10.0.0.1:x", "10.0.0.1:65536", "1.2.3:80"])
def test_what_is_no_address_is_told(text: str) -> None:
    with pytest.raises(ValueError, match=r"IP:PORT|port"):
        endpoint_address(text)


def test_lists_of_addresses() -> None:
    assert addresses_of(["10.0.0.1:1,10.0.0.2:2", "10.0.0.1:1", "10.0.0.3:3,"]) == (
        "10.0.0.1:1",
        "10.0.0.2:2",
        "10.0.0.3:3",
    )


def test_a_port_may_be_a_number(tmp_path: Path) -> None:
    entries = [{"name": "a", "address": "10.0.0.1", "port": 8000}, {"name": "b", "address": "::1", "port": "8001"}]
    found, errors = read_endpoints(written(tmp_path, {"endpoints": entries}))
    assert ([item.address for item in found], errors) == (["10.0.0.1:8000", "[::1]:8001"], ())
