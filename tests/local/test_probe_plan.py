from __future__ import annotations

from typing import Any

import msgspec
import pytest

from modelyard.local.probe_plan import plan_probe, probe_target
from modelyard.local.probes import Exec, Grpc, HttpGet, Probe, TcpSocket
from modelyard.resources import probes as written
from modelyard.resources.pods import Container

CONTAINER = msgspec.convert({"name": "c", "ports": [{"name": "http", "containerPort": 8000}]}, Container)


def planned(**fields: Any) -> Probe | None:
    target = probe_target(CONTAINER, "127.8.1.1", {8000: 21000}, lambda word: word.replace("/mnt", "/here"))
    return plan_probe(msgspec.convert(fields, written.Probe), target)


@pytest.mark.parametrize(
    ("fields", "action"),
    [
        (
            {
                "httpGet": {
                    "path": "health",
                    "port": "http",
                    "scheme": "HTTPS",
                    "httpHeaders": [{"name": "A", "value": "b"}],
                }
            },
            HttpGet(host="127.8.1.1", port=21000, path="/health", tls=True, headers=(("A", "b"),)),
        ),
        ({"httpGet": {"port": 9, "host": "127.0.0.1"}}, HttpGet(host="127.0.0.1", port=9)),
        ({"tcpSocket": {"port": 8000}}, TcpSocket(host="127.8.1.1", port=21000)),
        ({"grpc": {"port": 8000}}, Grpc(host="127.8.1.1", port=21000)),
        ({"grpc": {"port": 9, "service": "chat"}}, Grpc(host="127.8.1.1", port=9, service="chat")),
        ({"exec": {"command": ["cat", "/mnt/x"]}}, Exec(command=("cat", "/here/x"))),
    ],
)
def test_actions(fields: dict[str, Any], action: object) -> None:
    probe = planned(**fields)
    assert probe is not None
    assert probe.action == action


def test_times_and_thresholds() -> None:
    probe = planned(
        tcpSocket={"port": 1},
        initialDelaySeconds=2,
        periodSeconds=3,
        timeoutSeconds=4,
        successThreshold=5,
        failureThreshold=6,
        terminationGracePeriodSeconds=7,
    )
    assert probe is not None
    assert (probe.initial_delay, probe.period, probe.timeout) == (2, 3, 4)
    assert (probe.success_threshold, probe.failure_threshold, probe.grace) == (5, 6, 7)


def test_no_probe() -> None:
    assert plan_probe(None, probe_target(CONTAINER, "127.8.1.1", {}, str)) is None
    assert planned() is None


def test_an_unknown_port_name_lists_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"names port 'web'; the container's ports are \['http'\]"):
        planned(tcpSocket={"port": "web"})
