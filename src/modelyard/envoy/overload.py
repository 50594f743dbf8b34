"""What Envoy does when memory or connections run out: refuse new requests rather than end with all that is open.

Pressure is memory in use over the limit. The order: give freed memory back, cut the streams that hold most (bodies that
are being read, answers that nobody reads), and only then refuse: who holds memory for ever must not have the last word.
"""

from __future__ import annotations

from modelyard.envoy.api import NOTE, Config, extension, seconds, typed
from modelyard.envoy.settings import EdgeSettings

CONNECTIONS = 20_000
"""Of clients; the gateway's own bound (``proxy.limits``)."""
OVERLOADED = "overload"
"""What Envoy tells of the answer to a request that it refuses for want of memory."""

_MONITORS = "extensions.resource_monitors"
_HEAP, _CONTAINER = "envoy.resource_monitors.fixed_heap", "envoy.resource_monitors.cgroup_memory"
_SHRINK_AT, _CUT_FROM, _CUT_ALL_AT, _REFUSE_AT = 0.85, 0.88, 0.94, 0.95
_SMALLEST_ACCOUNT = 15
"""Power of two: streams with 32 KiB and more in buffers are told apart, in eight steps up to 4 MiB."""


def overload_manager(settings: EdgeSettings) -> Config:
    """``overload_manager`` of a bootstrap."""
    limit = typed(
        f"{_MONITORS}.downstream_connections.v3.DownstreamConnectionsConfig",
        max_active_downstream_connections=CONNECTIONS,
    )
    monitors = [extension("envoy.resource_monitors.global_downstream_max_connections", limit)]
    memory = _memory_monitors(settings)
    if not memory:
        return {"resource_monitors": monitors}
    names = [item["name"] for item in memory]
    return {
        NOTE: "Short of memory, Envoy cuts the streams that hold most of it, then answers new requests with 503.",
        "refresh_interval": seconds(0.25),
        "buffer_factory_config": {"minimum_account_to_track_power_of_two": _SMALLEST_ACCOUNT},
        "resource_monitors": [*monitors, *memory],
        "actions": [
            _action("shrink_heap", names, {"threshold": {"value": _SHRINK_AT}}),
            _action(
                "reset_high_memory_stream",
                names,
                {"scaled": {"scaling_threshold": _CUT_FROM, "saturation_threshold": _CUT_ALL_AT}},
            ),
            _action("stop_accepting_requests", names, {"threshold": {"value": _REFUSE_AT}}),
        ],
    }


def _memory_monitors(settings: EdgeSettings) -> list[Config]:
    found: list[Config] = []
    if settings.max_heap:
        heap = typed(f"{_MONITORS}.fixed_heap.v3.FixedHeapConfig", max_heap_size_bytes=settings.max_heap)
        found.append({NOTE: "Of this Envoy's own heap.", **extension(_HEAP, heap)})
    if settings.container_memory:
        note = (
            "Of the container's memory limit; nothing where it has none. Envoy does not start where there are no"
            " cgroups, and the page cache counts: no log into a file of the container."
        )
        container = typed(f"{_MONITORS}.cgroup_memory.v3.CgroupMemoryConfig")
        found.append({NOTE: note, **extension(_CONTAINER, container)})
    return found


def _action(name: str, monitors: list[str], trigger: Config) -> Config:
    return {"name": f"envoy.overload_actions.{name}", "triggers": [{"name": one, **trigger} for one in monitors]}
