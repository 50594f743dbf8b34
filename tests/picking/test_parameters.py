"""Parameters out of free mappings."""

from __future__ import annotations

from typing import Any, Literal

import pytest

from modelyard.picking.parameters import decode_parameters
from modelyard.picking.policy import Parameters
from modelyard.resources.endpoint_picker_config import PluginSpec
from modelyard.resources.faults import Report


class Inner(Parameters, frozen=True, kw_only=True):
    kind: Literal["big", "small"] = "big"


class Outer(Parameters, frozen=True, kw_only=True):
    some_count: int = 1
    ratio: float = 0.5
    inner: tuple[Inner, ...] = ()

    def __post_init__(self) -> None:
        if self.some_count < 0:
            raise ValueError("someCount must not be negative")


def decode(**parameters: Any) -> tuple[Outer | None, list[str]]:
    report = Report(("parameters",))
    decoded = decode_parameters(PluginSpec(type="outer", parameters=parameters), Outer, report)
    lines = [f"{fault.path} {fault.message} {fault.allowed} {fault.suggestion}" for fault in report.faults]
    return decoded, lines


def test_names_are_those_of_the_api() -> None:
    assert decode(someCount=3, ratio=1, inner=({"kind": "small"},)) == (
        Outer(some_count=3, ratio=1.0, inner=(Inner(kind="small"),)),
        [],
    )


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"some_count": 3}, "('parameters', 'some_count') outer has no parameter 'some_count'"),
        ({"sumCount": 3}, "someCount"),
        ({"someCount": "3"}, "('parameters',) outer: someCount = '3': Expected `int`, got `str`"),
        ({"someCount": -1}, "someCount must not be negative"),
        ({"inner": [{}, {"kind": "tiny"}]}, "inner[1].kind = 'tiny': Invalid enum value 'tiny' ('big', 'small')"),
        ({"inner": [{"kid": "big"}]}, "unknown field `kid`"),
        ({"inner": 7}, "inner = 7"),
        ({"ratio": None}, "ratio = None"),
        ({3: 4}, "'3'"),
    ],
)
def test_faults_name_path_value_and_what_is_allowed(parameters: dict[Any, Any], message: str) -> None:
    report = Report(("parameters",))
    spec = PluginSpec(type="outer", parameters=parameters)
    assert decode_parameters(spec, Outer, report) is None
    (fault,) = report.faults
    assert message in f"{fault.path} {fault.message} {fault.allowed} {fault.suggestion}"
