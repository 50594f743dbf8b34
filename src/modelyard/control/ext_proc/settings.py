"""What the command line asks of the control process of an endpoint picker or a body-based router."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from modelyard.control.ext_proc.metrics_place import MetricsPlace
from modelyard.fleet.metric_names import MetricNames
from modelyard.resources.helm import BodyPlugin
from modelyard.resources.inference import InferencePool
from modelyard.resources.loading import LoadResult
from modelyard.worker.protocol import PickerSettings, RouterSettings, TlsVersion


class Role(StrEnum):
    """Which of the two it is; the subcommand's name."""

    PICKER = "epp"
    ROUTER = "bbr"


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    """A folder with ``tls.crt`` and ``tls.key``, as Kubernetes mounts a Secret of type ``kubernetes.io/tls``."""

    folder: Path

    @property
    def certificate(self) -> Path:
        return self.folder / "tls.crt"

    @property
    def key(self) -> Path:
        return self.folder / "tls.key"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtProcSettings:
    """Settings of ``modelyard epp`` and ``modelyard bbr``."""

    role: Role
    paths: tuple[Path, ...] = ()
    """Manifest files and folders, watched; the file of the EndpointPickerConfig is one of them."""
    piped: LoadResult | None = None
    """What was loaded from elsewhere (standard input, ``--config-text``); it stays as it is."""
    config_source: str = ""
    """Where the EndpointPickerConfig comes from that counts for every pool, as objects name their origin; empty: each
    pool has its own, as ``picker_config_of`` finds it."""
    plugins: tuple[BodyPlugin, ...] = ()
    """The body-based router's, in place of those of values files; empty: those of the files."""
    pool: tuple[str, str] | None = None
    """Namespace and name of the only pool; None: every pool there is."""
    added_pools: tuple[InferencePool, ...] = ()
    """Pools that the command line describes; one of the manifests with the same name counts instead."""
    host: str = "127.0.0.1"
    """Address of all ports."""
    grpc_port: int = 9002
    health_port: int = 9003
    metrics_port: int = 9090
    admin: tuple[str, int] | None = None
    """Host and port of the admin API, which shows resources and explains picks; None: none."""
    tls: bool = True
    """Serve ext_proc over TLS; health checks on their own port are plain, as Kubernetes' probes are."""
    tls_files: TlsFiles | None = None
    """None: a self-signed certificate, made anew with every start."""
    socket_path: Path
    """Where the workers find the control process."""
    workers: int = 1
    drain_seconds: float = 30.0
    """How long open streams may go on after SIGTERM."""
    drain_delay: float = 0.0
    """How long new streams are still taken after SIGTERM, while health checks say that it ends."""
    refresh_seconds: float = 0.2
    """Between two readings of an endpoint's metrics."""
    body_limit: int = 64 * 1024 * 1024
    """Largest request body in bytes."""
    adapter_wait: float = 30.0
    """Seconds that a request may wait for an adapter that is being loaded."""
    metrics_place: MetricsPlace | None = None
    """Where endpoints show their metrics; None: where their engines do."""
    metric_names: MetricNames | None = None
    """Metrics of endpoints that are read instead of their engines' own."""
    stale_seconds: float | None = None
    """Age at which a reading counts as none where the EndpointPickerConfig does not say it; None: the default."""
    max_message: int = 0
    """Bytes of the longest gRPC message that is taken; 0: a body of the largest size in one message."""
    tls_minimum: TlsVersion = "TLSv1.2"
    access_log: str = ""
    """File; ``-`` for standard output; empty: none."""
    picker: PickerSettings | None = None
    router: RouterSettings | None = None
    """One of the two."""
