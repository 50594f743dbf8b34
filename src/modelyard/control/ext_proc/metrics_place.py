"""Where endpoints show their metrics, as the command line says it for all of them."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from modelyard.fleet.backends import BackendSpec, EndpointSpec
from modelyard.fleet.fleet import BackendKey


class MetricsPlace(msgspec.Struct, frozen=True, kw_only=True):
    """On every endpoint's own host."""

    port: int = 0
    """0: the endpoint's own."""
    path: str = "/metrics"
    scheme: str = "http"

    def of_all(self, backends: Mapping[BackendKey, BackendSpec]) -> dict[BackendKey, BackendSpec]:
        """The same backends, their load read here."""
        return {
            key: msgspec.structs.replace(spec, endpoints=tuple(self._of(one) for one in spec.endpoints))
            for key, spec in backends.items()
        }

    def _of(self, spec: EndpointSpec) -> EndpointSpec:
        host, _, port = spec.endpoint.address.rpartition(":")
        url = f"{self.scheme}://{host}:{self.port or port}{self.path}"
        return msgspec.structs.replace(spec, endpoint=msgspec.structs.replace(spec.endpoint, metrics_url=url))
