from __future__ import annotations

import random

import msgspec
import pytest

from modelyard.sim.faults import Faults, FaultsError


def test_by_default_nothing_fails() -> None:
    assert not Faults().strikes(random.Random(1))


@pytest.mark.parametrize("fields", [{"status": 200}, {"status_rate": 2.0}, {"reset_after_tokens": -1}])
def test_what_is_out_of_range_is_named(fields: dict[str, float]) -> None:
    with pytest.raises(FaultsError, match=f"{next(iter(fields))} is .*allowed is"):
        Faults(**fields)  # type: ignore[arg-type]


@pytest.mark.parametrize("body", [b'{"refuze": true}', b'{"hang": "sometimes"}', b'{"status": "503"}'])
def test_json_is_read_strictly(body: bytes) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(body, type=Faults)


def test_a_rate_strikes_about_so_often_and_the_same_by_seed() -> None:
    faults = Faults(status=503, status_rate=0.25)

    def struck(seed: int) -> list[bool]:
        dice = random.Random(seed)
        return [faults.strikes(dice) for _ in range(1000)]

    assert 180 < sum(struck(1)) < 320
    assert struck(1) == struck(1)
    assert all(Faults(status=500).strikes(random.Random(1)) for _ in range(10))
