from __future__ import annotations

from modelyard.routing.filters.cors import Cors
from modelyard.routing.filters.origins import OriginSet

ORIGIN = "https://a.test"
PREFLIGHT = {"origin": ORIGIN, "access-control-request-method": "PUT", "access-control-request-headers": "x-a"}


def test_preflight_of_a_listed_policy() -> None:
    cors = Cors(OriginSet([ORIGIN]), methods=("GET", "PUT"), headers=("x-a", "x-b"), expose=("x-c",), credentials=True)
    assert cors.preflight("OPTIONS", PREFLIGHT) == [
        ("access-control-allow-origin", ORIGIN),
        ("vary", "Origin"),
        ("access-control-allow-credentials", "true"),
        ("access-control-expose-headers", "x-c"),
        ("access-control-allow-methods", "GET, PUT"),
        ("access-control-allow-headers", "x-a, x-b"),
        ("access-control-max-age", "5"),
    ]


def test_wildcards_echo_what_is_asked() -> None:
    cors = Cors(OriginSet(["*"]), methods=("*",), headers=("*",), expose=("*",), credentials=True, max_age=60)
    answer = dict(cors.preflight("OPTIONS", PREFLIGHT) or ())
    assert answer["access-control-allow-origin"] == ORIGIN
    assert answer["access-control-allow-methods"] == "PUT"
    assert answer["access-control-allow-headers"] == "x-a"
    assert answer["access-control-max-age"] == "60"
    assert "access-control-expose-headers" not in answer


def test_nothing_listed_nothing_sent() -> None:
    answer = dict(Cors(OriginSet(["*"])).preflight("OPTIONS", PREFLIGHT) or ())
    assert set(answer) == {"access-control-allow-origin", "vary", "access-control-max-age"}


def test_what_is_no_preflight_is_forwarded() -> None:
    cors = Cors(OriginSet(["*"]))
    assert cors.preflight("GET", PREFLIGHT) is None
    assert cors.preflight("OPTIONS", {"origin": ORIGIN}) is None
    assert cors.preflight("OPTIONS", {"access-control-request-method": "PUT"}) is None


def test_another_origin_gets_no_field() -> None:
    cors = Cors(OriginSet([ORIGIN]), credentials=True)
    assert cors.preflight("OPTIONS", {**PREFLIGHT, "origin": "https://b.test"}) == [("vary", "Origin")]
    answered = cors.apply("https://b.test", [("access-control-allow-origin", "*"), ("x", "1")])
    assert answered == [("x", "1"), ("vary", "Origin")]


def test_the_policy_replaces_the_backends() -> None:
    cors = Cors(OriginSet([ORIGIN]), expose=("x-c",))
    answered = cors.apply(ORIGIN, [("access-control-allow-origin", "*"), ("vary", "Accept")])
    assert answered == [
        ("vary", "Accept"),
        ("access-control-allow-origin", ORIGIN),
        ("vary", "Origin"),
        ("access-control-expose-headers", "x-c"),
    ]
    assert cors.apply(None, []) == [("vary", "Origin")]
