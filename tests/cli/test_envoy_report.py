from __future__ import annotations

from pathlib import Path
from typing import Any

from modelyard.cli.envoy_addresses import Place
from modelyard.cli.envoy_report import Written, next_commands
from modelyard.envoy.settings import Processor

PICKER = Processor(addresses=(("127.0.0.1", 9002),))
ROUTER = Processor(addresses=(("127.0.0.1", 9004),))


def commands(**fields: Any) -> list[str]:
    return next_commands(Written(config=Path("envoy.yaml"), manifests=[Path("m")], **fields))


def test_the_three_with_different_metrics_ports() -> None:
    assert commands(picker=PICKER, router=ROUTER, endpoints=["llm=1.2.3.4:1"]) == [
        "modelyard epp -f m --endpoint llm=1.2.3.4:1 --no-secure-serving",
        "modelyard bbr -f m --metrics-port 9091 --no-secure-serving",
        "envoy -c envoy.yaml",
    ]


def test_who_is_not_asked_is_not_started() -> None:
    assert commands() == ["envoy -c envoy.yaml"]
    assert commands(router=ROUTER)[0] == "modelyard bbr -f m --no-secure-serving"


def test_ports_that_the_configuration_has_are_left_alone() -> None:
    places = [Place("--admin", "127.0.0.1", 9090), Place("the listener", "127.0.0.1", 9003)]
    epp, *_ = commands(picker=PICKER, places=places)
    assert epp == "modelyard epp -f m --grpc-health-port 9004 --metrics-port 9091 --no-secure-serving"


def test_addresses_ports_and_bodies_as_given() -> None:
    picker = Processor(addresses=(("127.0.0.3", 9102), ("epp.test", 9002)), health_port=9103)
    here, there, _ = commands(picker=picker, max_body=128)
    assert here == (
        "modelyard epp -f m --max-body 128 --bind 127.0.0.3 --grpc-port 9102 --grpc-health-port 9103"
        " --no-secure-serving"
    )
    assert there == (
        "modelyard epp -f m --max-body 128 --bind 0.0.0.0 --grpc-health-port 9103 --no-secure-serving  # at epp.test"
    )


def test_tls_as_given() -> None:
    unchecked = Processor(addresses=(("127.0.0.1", 9002),), unchecked_tls=True)
    checked = Processor(addresses=(("127.0.0.1", 9004),), ca_file="/ca.crt")
    epp, bbr, _ = commands(picker=unchecked, router=checked)
    assert epp == "modelyard epp -f m"
    assert bbr == "modelyard bbr -f m --metrics-port 9091 --cert-path DIR"
