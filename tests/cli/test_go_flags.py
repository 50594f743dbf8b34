from __future__ import annotations

import pytest

from modelyard.cli.go_flags import Foreign, Spelling, own_spelling

SPELLING = Spelling(
    known={"grpc-port", "pool-name", "secure-serving", "no-secure-serving", "subset", "disable-subset", "v", "f"},
    short={"f"},
    switches={
        "secure-serving": "no-secure-serving",
        "no-secure-serving": "secure-serving",
        "subset": "disable-subset",
        "disable-subset": "subset",
    },
    foreign={
        "tracing": Foreign(switch=True),
        "zap-encoder": Foreign(),
        "name": Foreign(told="is always Default", usual="Default"),
        "auth": Foreign(switch=True, told="there is none"),
    },
)


@pytest.mark.parametrize(
    ("given", "own"),
    [
        ("-grpcPort 9002 -poolName p", "--grpc-port=9002 --pool-name=p"),
        ("--grpcPort=9002 --pool_name p", "--grpc-port=9002 --pool-name=p"),
        ("--grpc-port 9002", "--grpc-port=9002"),
        ("-v 4 -f x", "--v=4 -f x"),
        ("-v=4", "--v=4"),
        ("--v=4", "--v=4"),
        ("--secure-serving=false", "--no-secure-serving"),
        ("-secureServing=true", "--secure-serving"),
        ("--secure-serving false --v 1", "--no-secure-serving --v=1"),
        ("--secure-serving -f x", "--secure-serving -f x"),
        ("--disable-subset=false", "--subset"),
        ("--disable-subset -f x", "--disable-subset -f x"),
        ("--zap-encoder json -v 1", "--v=1"),
        ("--zap-encoder=json", ""),
        ("--tracing=false --tracing false --tracing -f a", "-f a"),
        ("--unknown -x value", "--unknown -x value"),
        ("-destinationKey x -fx", "--destinationKey x -fx"),
        ("--name default", ""),
        ("-- -grpcPort", "-- -grpcPort"),
        ("-poolName -grpcPort", "--pool-name=-grpcPort"),
    ],
)
def test_go_spelling(given: str, own: str) -> None:
    assert own_spelling(given.split(), SPELLING) == own.split()


def test_an_empty_value_is_a_value() -> None:
    assert own_spelling(["--zap-encoder", "", "-v", "1"], SPELLING) == ["--v=1"]


def test_what_would_be_missed_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert own_spelling(["--auth", "--auth=false"], SPELLING) == []
    assert capsys.readouterr().err.count("there is none") == 1
