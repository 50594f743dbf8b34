from __future__ import annotations

from modelyard.flow.config import BandConfig, FlowConfig


def test_a_priority_has_its_own_band_or_one_of_the_templates() -> None:
    config = FlowConfig(
        bands=(BandConfig(priority=5, max_requests=1),),
        default_band=BandConfig(max_requests=2),
        default_negative_band=BandConfig(max_requests=3),
    )
    assert config.band(5) == BandConfig(priority=5, max_requests=1)
    assert config.band(0) == BandConfig(priority=0, max_requests=2)
    assert config.band(-7) == BandConfig(priority=-7, max_requests=3)
    assert FlowConfig(default_band=BandConfig(max_requests=2)).band(-1).max_requests == 2
