from __future__ import annotations

import pytest

from modelyard.local.spare_lora_slots import with_spare_slots


@pytest.mark.parametrize(
    ("given", "changed"),
    [
        (("--model=m",), ("--model=m",)),
        (("--enable-lora",), ("--enable-lora", "--max-loras=16")),
        (("--enable-lora", "--max-loras", "2"), ("--enable-lora", "--max-loras=16")),
        (
            ("--enable-lora", "--max-loras=2", "--max-cpu-loras=12"),
            ("--enable-lora", "--max-loras=16", "--max-cpu-loras=16"),
        ),
        (("--enable-lora", "--max-loras=40", "--max-cpu-loras=50"), None),
        (("--enable-lora", "--max-cpu-loras=50"), ("--enable-lora", "--max-cpu-loras=50", "--max-loras=16")),
    ],
)
def test_the_last_slot_is_out_of_reach(given: tuple[str, ...], changed: tuple[str, ...] | None) -> None:
    arguments, settings = with_spare_slots(given)
    assert arguments == (given if changed is None else changed)
    assert all(one.change.startswith("16") for one in settings)
    assert bool(settings) == (arguments != given)
