"""Settings of the scraper. Times in seconds."""

from __future__ import annotations

import msgspec

from modelyard.fleet.health import PassiveSettings
from modelyard.fleet.metric_names import MetricNames


class ScrapeSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How often endpoints are read and how much an answer may cost."""

    period: float = 0.2
    """Between two metric readings of an endpoint. Five a second follows a queue closely enough for picking;
    the time between is covered by the gateway's own in-flight counts."""
    jitter: float = 0.1
    """Share of a period by which each reading is moved at random, so that endpoints are not read in step."""
    timeout: float = 0.75
    """For one reading, connection included. Three silent readings take an endpoint out in under 2 s."""
    max_back_off: float = 5.0
    """Longest pause after failed readings; the pause doubles from ``period``."""
    max_page: int = 8 * 1024 * 1024
    """Bytes of one answer. vLLM's page has 0.1 MB; that of a Ray node with two models has 1.3 MB."""
    models_period: float = 5.0
    """Between two readings of the model list."""
    models_timeout: float = 2.0
    expecting_period: float = 0.5
    """Instead of ``models_period`` while an adapter is to be loaded: someone else (a sidecar) may load it."""
    batch: float = 0.05
    """Shortest time between two fleets: changes within it are reported together."""
    refresh: float = 0.5
    """An unchanged load is reported anew when its published reading is this old, so that its age stays
    known."""
    recognise_timeout: float = 2.0
    """For each question that tells engines apart."""
    recognise_again: float = 60.0
    """Between attempts on an endpoint that answered but is no known engine."""
    tick: float = 0.02
    """Granularity of the schedule: what falls into one tick is done together."""
    passive: PassiveSettings = PassiveSettings()
    metric_names: MetricNames | None = None
    """Metrics that are read instead of the engines' own; None: those of the engines."""
