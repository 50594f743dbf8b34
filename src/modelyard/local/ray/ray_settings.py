"""What a Ray head is told beyond the manifest: environment and flags, with the reason; one table, shown to people.

Ray binds every interface of the machine unless its node address is 127.0.0.1, and whoever reaches its ports can run
code. So every cluster here lives on 127.0.0.1 with ports of its own, asks for a token, and only Serve and the
dashboard are on the cluster's own loopback address.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from modelyard.local.replica_plan import AppliedSetting

NODE_ADDRESS = "127.0.0.1"
OBJECT_STORE_BYTES = 100 * 1024 * 1024
"""Requests between deployments are small; Ray's default is 30 % of the memory for each cluster."""
LEAST_LOGICAL_CPUS = 32


class EnvRow(msgspec.Struct, frozen=True, kw_only=True):
    """One variable of every cluster. It wins over the manifest's."""

    name: str
    value: str
    reason: str
    quiet: bool = False
    """Changes nothing that anybody could notice: shown only where the manifest says otherwise."""


FIXED_ENVIRONMENT: tuple[EnvRow, ...] = (
    EnvRow(
        name="RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER",
        value="0",
        reason="Ray's own processes listen on 127.0.0.1 only, not on every interface",
    ),
    EnvRow(name="RAY_AUTH_MODE", value="token", reason="other users of this machine cannot run code in the cluster"),
    EnvRow(name="RAY_USAGE_STATS_ENABLED", value="0", reason="usage reports would leave this machine"),
    EnvRow(
        name="RAY_SERVE_ENABLE_HA_PROXY",
        value="0",
        reason="HAProxy binds every interface of the machine, so that two clusters would meet on one port",
    ),
    EnvRow(
        name="RAY_SERVE_ENABLE_DIRECT_INGRESS",
        value="0",
        reason="replicas would listen beside the proxy; here every request goes through the cluster's address",
    ),
    EnvRow(name="RAY_enable_worker_prestart", value="0", reason="idle workers would take 100 MB each", quiet=True),
    EnvRow(
        name="RAY_prestart_worker_first_driver", value="0", reason="idle workers would take 100 MB each", quiet=True
    ),
    EnvRow(
        name="RAY_BACKEND_LOG_LEVEL",
        value="warning",
        reason="the log shows the application, not Ray's inner life",
        quiet=True,
    ),
    EnvRow(
        name="RAY_LOGGER_LEVEL",
        value="warning",
        reason="the log shows the application, not Ray's inner life",
        quiet=True,
    ),
    EnvRow(name="RAY_SERVE_LOG_TO_STDERR", value="1", reason="`modelyard logs` shows Serve's log too", quiet=True),
    EnvRow(name="RAY_COLOR_PREFIX", value="0", reason="the log is a file", quiet=True),
    EnvRow(name="RAY_memory_monitor_refresh_ms", value="0", reason="replicas beside Ray would make it kill its own"),
    EnvRow(
        name="RAY_metrics_report_interval_ms",
        value="1000",
        reason="the gateway sees queues a second late, not ten",
    ),
    EnvRow(name="VLLM_HOST_IP", value=NODE_ADDRESS, reason="the processes of one engine talk over loopback"),
    EnvRow(name="VLLM_NO_USAGE_STATS", value="1", reason="vLLM's usage reports would leave this machine"),
)

CPU_ENVIRONMENT: tuple[EnvRow, ...] = (
    EnvRow(
        name="VLLM_CPU_OMP_THREADS_BIND",
        value="nobind",
        reason="by itself every replica pins its threads to the same first cores",
    ),
)
"""Added without a GPU where the manifest does not set them."""


def apply_environment(
    env: Mapping[str, str], *, has_gpu: bool, cores: int
) -> tuple[dict[str, str], tuple[AppliedSetting, ...]]:
    """The environment of a cluster's processes, and what of the manifest's was changed or added."""
    values = dict(env)
    settings: list[AppliedSetting] = []
    for row in FIXED_ENVIRONMENT:
        was = values.get(row.name)
        values[row.name] = row.value
        if was != row.value and not (row.quiet and was is None):
            change = f"{row.value} (was {was})" if was is not None else f"added {row.value}"
            settings.append(AppliedSetting(setting=f"env {row.name}", change=change, reason=row.reason))
    threads = EnvRow(
        name="OMP_NUM_THREADS",
        value=str(max(1, cores // 2)),
        reason="half of the cores per replica: threads of two replicas do not stall each other",
    )
    for row in () if has_gpu else (*CPU_ENVIRONMENT, threads):
        if row.name not in values:
            values[row.name] = row.value
            settings.append(AppliedSetting(setting=f"env {row.name}", change=f"added {row.value}", reason=row.reason))
    return values, tuple(settings)
