"""Plugins of the ecosystem that are not policies: those that name what Modelyard does anyway, and those it has not.

A config written for another endpoint picker lists parsers, data sources and producers. Where Modelyard does the same
by itself they are accepted, with parameters checked against what it does; everything else is refused by name, so that
nobody runs a config that means less than it says.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from modelyard.picking.engine_configs import ExtractorParameters
from modelyard.picking.policy import NoParameters, Parameters
from modelyard.picking.prefix_index import PrefixSettings


class PrefixProducerParameters(Parameters, frozen=True, kw_only=True):
    """Parameters of ``approx-prefix-cache-producer``: the prefix index."""

    auto_tune: bool = True
    """No effect: blocks grow with their depth, so there is no size to tune."""
    block_size_tokens: int = PrefixSettings().block_tokens
    """Tokens of the first blocks."""
    max_prefix_blocks_to_match: int = PrefixSettings().max_blocks
    """Blocks of a prompt that are compared."""
    max_prefix_tokens_to_match: int = PrefixSettings().max_tokens
    """Tokens of a prompt that are compared."""
    lru_capacity_per_server: int = PrefixSettings().capacity_per_endpoint
    """Blocks remembered per endpoint, as far as a worker's million of a pool goes."""

    def __post_init__(self) -> None:
        for name, value, most in (
            ("blockSizeTokens", self.block_size_tokens, 65_536),
            ("maxPrefixBlocksToMatch", self.max_prefix_blocks_to_match, 65_536),
            ("maxPrefixTokensToMatch", self.max_prefix_tokens_to_match, 16_777_216),
            ("lruCapacityPerServer", self.lru_capacity_per_server, 16_777_216),
        ):
            if not 1 <= value <= most:
                raise ValueError(f"{name} must be 1 to {most}")

    def settings(self) -> PrefixSettings:
        return PrefixSettings(
            block_tokens=self.block_size_tokens,
            max_tokens=self.max_prefix_tokens_to_match,
            max_blocks=self.max_prefix_blocks_to_match,
            capacity_per_endpoint=self.lru_capacity_per_server,
        )


class HeaderProfileParameters(Parameters, frozen=True, kw_only=True):
    """Parameters of ``header-profile-handler``."""

    header_name: str = "EPP-Profile"
    """Header that names the profile."""
    default_profile: str = "decode"
    """Profile of requests without it."""

    def __post_init__(self) -> None:
        if not self.header_name:
            raise ValueError("headerName must not be empty")


class MetricsSourceParameters(Parameters, frozen=True, kw_only=True):
    """Parameters of ``metrics-data-source``: only what the scraper does."""

    scheme: Literal["http"] = "http"
    """Metrics are read over plain HTTP."""
    path: Literal["/metrics"] = "/metrics"
    """The path that every engine here has."""
    insecure_skip_verify: bool = True
    """No effect over plain HTTP."""


class ModelsSourceParameters(Parameters, frozen=True, kw_only=True):
    """Parameters of ``models-data-source``: only what the scraper does."""

    scheme: Literal["http"] = "http"
    """Models are read over plain HTTP."""
    path: Literal["/v1/models"] = "/v1/models"
    """The path that every engine here has."""
    insecure_skip_verify: bool = True
    """No effect over plain HTTP."""
    interval: str = ""
    """No effect: models are read every five seconds, and at once when an engine restarts."""


class TokenProducerParameters(Parameters, frozen=True, kw_only=True):
    """Parameters of ``token-producer``: tokens are estimated from bytes."""

    backend: Literal["estimate"] = "estimate"
    """Four bytes each."""
    model_name: str = ""
    """No effect on an estimate."""


class InFlightProducerParameters(Parameters, frozen=True, kw_only=True):
    """Parameters of ``inflight-load-producer``: open requests and their prompt tokens are counted anyway."""

    add_estimated_output_tokens: Literal[False] = False
    """Answers are not estimated."""


PREFIX_PRODUCER = "approx-prefix-cache-producer"
SERVED_VERIFIER = "destination-endpoint-served-verifier"
PASSTHROUGH_PARSER = "passthrough-parser"
SINGLE_PROFILE = "single-profile-handler"
HEADER_PROFILE = "header-profile-handler"

INFRASTRUCTURE: Mapping[str, type[Parameters]] = {
    SINGLE_PROFILE: NoParameters,
    HEADER_PROFILE: HeaderProfileParameters,
    PREFIX_PRODUCER: PrefixProducerParameters,
    "inflight-load-producer": InFlightProducerParameters,
    "token-producer": TokenProducerParameters,
    "metrics-data-source": MetricsSourceParameters,
    "core-metrics-extractor": ExtractorParameters,
    SERVED_VERIFIER: NoParameters,
    "models-data-source": ModelsSourceParameters,
    "models-data-extractor": NoParameters,
    "openai-parser": NoParameters,
    "anthropic-parser": NoParameters,
    PASSTHROUGH_PARSER: NoParameters,
}
"""What Modelyard does anyway, with the parameters that it can honour."""

FILE_DISCOVERY = "file-discovery"
"""Read by the endpoint picker's process before the policies are; it is no part of picking."""

NOT_IMPLEMENTED = frozenset(
    [
        "disagg-profile-handler",
        "pd-profile-handler",
        "data-parallel-profile-handler",
        "prefix-based-pd-decider",
        "always-disagg-pd-decider",
        "always-disagg-multimodal-decider",
        "by-label",
        "by-label-selector",
        "disagg-headers-handler",
        "prefill-header-handler",
        "slo-headroom-tier-filter",
        "endpoint-attribute-filter",
        "topology-affinity-filter",
        "precise-prefix-cache-scorer",
        "latency-scorer",
        "predicted-latency-scorer",
        "predicted-latency-profile-handler",
        "mm-embeddings-cache-scorer",
        "endpoint-attribute-scorer",
        "topology-affinity-scorer",
        "precise-prefix-cache-producer",
        "predicted-latency-producer",
        "session-id-producer",
        "mm-embeddings-cache-producer",
        "burst-prefix-cache-producer",
        "p2p-source-producer",
        "latency-slo-admitter",
        "probabilistic-admitter",
        "request-attribute-reporter",
        "agent-identity",
        "disaggregatedset-rollout-screener",
        "vllmhttp-parser",
        "sglanghttp-parser",
        "vllmgrpc-parser",
        "vertexai-parser",
        "k8s-notification-source",
        "endpoint-notification-source",
        "dcgm-data-source",
        "dcgm-extractor",
        "topology-extractor",
        "program-aware-fairness",
        "priority-holdback-policy",
        "soft-reflective-ceiling-policy",
        "sheddable-eviction-filter",
        "priority-then-time-eviction-order-policy",
    ]
)
"""Plugins that exist elsewhere: the message says that they are known and missing, not that they are misspelt."""
