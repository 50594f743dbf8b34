"""Opens the place that weights come from."""

from __future__ import annotations

from modelyard.resources.weights_source import WeightsSource
from modelyard.weights.errors import WeightsError
from modelyard.weights.limits import FetchLimits
from modelyard.weights.store import Store


def open_store(source: WeightsSource, token: str | None, limits: FetchLimits, revision: str = "") -> Store:
    """The store of this source; ``revision``: the hub's commit to read instead of what the source says.

    Clients are imported when they are needed: the hub's alone takes half a second.

    Raises WeightsError.
    """
    match source.kind:
        case "demo":
            from modelyard.weights.demo_store import DemoStore

            return DemoStore(source)
        case "hub":
            from modelyard.weights.hub_store import HubStore

            return HubStore(source, token, limits, revision)
        case "gs" | "s3":
            from modelyard.weights.bucket_store import BucketStore

            return BucketStore(source, limits)
        case "path":
            raise WeightsError(f"{source} is a path: it is used where it is, not fetched")
