"""Paths as another gateway shows them: with a prefix that its route takes off later, and perhaps no model API at all.

An allow-list cannot hold where the path that the endpoint will see is not known, so here the paths that control an
engine are refused by name, in whatever spelling and under whatever prefix.
"""

from __future__ import annotations

from functools import lru_cache

from modelyard.bodies.api_paths import normalise_path
from modelyard.bodies.dialects import BY_PATH, Dialect, dialect_for

_CONTROLS = frozenset(
    {
        # vLLM
        "load_lora_adapter", "unload_lora_adapter", "sleep", "wake_up", "is_sleeping", "pause", "resume", "is_paused",
        "reset_prefix_cache", "reset_mm_cache", "reset_encoder_cache", "collective_rpc", "update_weights",
        "init_weight_transfer_engine", "scale_elastic_ep", "is_scaling_elastic_ep", "invocations", "server_info",
        "start_profile", "stop_profile", "abort_requests", "metrics",
        # SGLang
        "flush_cache", "clear_hicache_storage_backend", "update_weights_from_disk", "update_weights_from_tensor",
        "update_weights_from_distributed", "init_weights_update_group", "destroy_weights_update_group",
        "release_memory_occupation", "resume_memory_occupation", "pause_generation", "continue_generation",
        "set_internal_state", "get_internal_state", "get_server_info", "abort_request", "configure_logging",
        "slow_down", "open_session", "close_session", "dump_expert_distribution_record",
        # Triton
        "repository", "systemsharedmemory", "cudasharedmemory", "trace", "logging",
    }
)  # fmt: skip
"""Segments of engines' control paths (model-server documentation of each)."""


_CACHED_LENGTH = 256
"""Longest path whose answer is remembered: clients choose paths."""
_LONGEST_API = max(map(len, BY_PATH))


def controls_engine(path: str) -> bool:
    """Whether ``path`` could reach more of an engine than its model API: it names a control path, or its spelling
    leaves open what it names."""
    return _controls_known(path) if len(path) <= _CACHED_LENGTH else _controls(path)


def prefixed_dialect(method: str, path: str) -> Dialect | None:
    """The API that a request to ``path``, or to the end of it, speaks."""
    return _dialect_known(method, path) if len(path) <= _CACHED_LENGTH else _dialect(method, path)


def _controls(path: str) -> bool:
    normal = normalise_path(path) if path.startswith("/") else None
    if normal is None:
        return True
    return not _CONTROLS.isdisjoint(normal.lower().replace("%", "/").split("/"))


def _dialect(method: str, path: str) -> Dialect | None:
    normal = normalise_path(path) if path.startswith("/") else None
    at = max(0, len(normal or "") - _LONGEST_API) - 1
    while normal is not None and (at := normal.find("/", at + 1)) >= 0:
        dialect = dialect_for(method, normal[at:])
        if dialect is not None:
            return dialect
    return None


_controls_known = lru_cache(maxsize=4096)(_controls)
_dialect_known = lru_cache(maxsize=4096)(_dialect)
