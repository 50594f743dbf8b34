"""What the command line asks of the control process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from modelyard.local.envoy import Envoy
from modelyard.local.home import Home
from modelyard.local.replica_plan import EngineMode
from modelyard.resources.loading import LoadResult


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlSettings:
    """Settings of ``modelyard up`` and ``modelyard gateway``."""

    paths: tuple[Path, ...] = ()
    """Manifest files and folders, watched."""
    piped: LoadResult | None = None
    """Manifests from standard input; they stay as they are."""
    urls: tuple[str, ...] = ()
    """Model servers given by address (``http://host:8000``)."""
    home: Home
    run_local: bool = True
    """Run Deployments as local processes (``up``); False: gateway only."""
    engine: EngineMode = EngineMode.AUTO
    sources: Mapping[str, str] = field(default_factory=dict)
    """A manifest's model name, path or bucket -> where its files are taken from on this machine (``--source``)."""
    bind: str = "127.0.0.1"
    """Address of the first Gateway. Loopback by default: opening a model to the network is a decision."""
    ports: Mapping[int, int] = field(default_factory=dict)
    """Gateway port -> local port."""
    bind_privileged: bool = False
    """Take ports below 1024 as they are where this process may; False: 80 becomes 8080, 443 becomes 8443, so that the
    same command gives the same address for every user."""
    admin_host: str = "127.0.0.1"
    admin_port: int = 9901
    """0: any free port."""
    gateway_class: str | None = None
    """Serve only Gateways of this class; None: all."""
    workers: int = 1
    """Data-plane processes that share the listening ports."""
    envoy: Envoy | None = None
    """Envoy takes the clients' requests and asks the workers for endpoints (``--edge envoy``); None: the workers take
    them."""
    silence: float = 0.9
    """Seconds that Envoy waits for a picker or router that says nothing."""
    body_limit: int = 64 * 1024 * 1024
    """Largest request body in bytes."""
    drain_seconds: float = 30.0
    """How long open requests may go on after SIGTERM or Ctrl-C."""
    access_log: str = ""
    """File for the access log; ``-`` for standard output; empty: ``<home>/logs/access.log``."""
    adapter_wait: float = 30.0
    """Seconds that a request may wait for an adapter that is to be loaded; 0: it gets 503 at once."""
    endpoint_header: bool = False
    """Answer with ``x-modelyard-endpoint``."""
