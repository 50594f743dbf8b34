from __future__ import annotations

import pytest
import typer

from modelyard.cli.envoy_addresses import Place, refuse_clashes

LISTENER = Place("the listener of Gateway default/gw:80", "127.0.0.1", 8080)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (LISTENER, Place("--admin", "127.0.0.1", 8080)),
        (LISTENER, Place("--picker", "localhost", 8080, ours=False)),
        (LISTENER._replace(host="0.0.0.0"), Place("--router", "127.0.0.1", 8080, ours=False)),
        (LISTENER._replace(host="::"), Place("--admin", "192.0.2.1", 8080)),
        (Place("--picker", "epp.test", 9002, ours=False), Place("--router", "epp.test", 9002, ours=False)),
    ],
)
def test_two_of_one_address(one: Place, other: Place, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit):
        refuse_clashes([one, other])
    told = " ".join(capsys.readouterr().err.split())
    assert f"{one.what} and {other.what} are both {other.host}:{other.port}" in told
    assert "Give one of them another port" in told


@pytest.mark.parametrize(
    "other",
    [
        LISTENER._replace(what="the listener of Gateway default/other:80"),
        Place("--admin", "127.0.0.1", 8081),
        Place("--admin", "127.0.0.2", 8080),
        Place("--picker", "192.0.2.1", 8080, ours=False),
        Place("--picker", "epp.test", 8080, ours=False),
    ],
)
def test_neighbours(other: Place) -> None:
    refuse_clashes([LISTENER, other])


def test_a_picker_elsewhere_may_have_the_port_of_a_wildcard() -> None:
    refuse_clashes([LISTENER._replace(host="0.0.0.0"), Place("--picker", "192.0.2.1", 8080, ours=False)])
