"""What Serve's REST interface says (``GET /api/serve/applications/`` of Ray's dashboard), as typed values."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

RUNNING = "RUNNING"
FAILED = ("DEPLOY_FAILED", "UNHEALTHY")
_SHOWN = 600


class _Part(msgspec.Struct, frozen=True, kw_only=True):
    """Unknown fields are skipped: Ray adds some with every release."""


class ReplicaDetails(_Part, frozen=True, kw_only=True):
    """One replica of a deployment."""

    replica_id: str = ""
    state: str = ""
    """STARTING, UPDATING, RECOVERING, RUNNING, STOPPING, PENDING_MIGRATION."""
    pid: int | None = None


class DeploymentDetails(_Part, frozen=True, kw_only=True):
    """One deployment of an application."""

    status: str = ""
    """UPDATING, HEALTHY, UNHEALTHY, UPSCALING, DOWNSCALING, DEPLOY_FAILED."""
    message: str = ""
    replicas: tuple[ReplicaDetails, ...] = ()
    target_num_replicas: int | None = None


class ApplicationDetails(_Part, frozen=True, kw_only=True):
    """One application."""

    status: str = "NOT_STARTED"
    """NOT_STARTED, DEPLOYING, RUNNING, DEPLOY_FAILED, DELETING, UNHEALTHY."""
    message: str = ""
    route_prefix: str | None = None
    deployments: Mapping[str, DeploymentDetails] = {}

    @property
    def reason(self) -> str:
        """Ray's own words for what is wrong, the deployments' included; empty where nothing is."""
        parts = [self.message] if self.status != RUNNING else []
        for name, deployment in self.deployments.items():
            if deployment.status not in ("HEALTHY", "") and deployment.message and deployment.message not in parts:
                parts.append(f"{name}: {deployment.message}")
        return brief("; ".join(part for part in parts if part))


class ServeStatus(_Part, frozen=True, kw_only=True):
    """One Serve instance."""

    applications: Mapping[str, ApplicationDetails] = {}

    def all_running(self, names: tuple[str, ...]) -> bool:
        """Whether every one of ``names`` is RUNNING."""
        return all(name in self.applications and self.applications[name].status == RUNNING for name in names)

    def any_running(self) -> bool:
        return any(app.status == RUNNING for app in self.applications.values())

    def problem(self) -> str:
        """What is wrong with which application, in Ray's words."""
        texts = []
        for name, app in sorted(self.applications.items()):
            if app.status in FAILED:
                texts.append(f"application {name} is {app.status}" + (f": {app.reason}" if app.reason else ""))
            elif app.status == RUNNING and app.reason:
                texts.append(f"application {name}: {app.reason}")
        return "; ".join(texts)

    def progress(self, names: tuple[str, ...]) -> str:
        """What is still waited for, in a few words."""
        waiting = []
        for name in names:
            app = self.applications.get(name)
            if app is None or app.status != RUNNING:
                state = app.status if app is not None else "NOT_STARTED"
                waiting.append(f"{name} {state}{_replicas(app)}")
        return ", ".join(waiting)

    def shown(self) -> dict[str, object]:
        """``applicationStatuses`` as KubeRay writes it."""
        return {
            name: {
                "status": app.status,
                **({"message": app.message} if app.message else {}),
                "serveDeploymentStatuses": {
                    part: {"status": one.status, **({"message": one.message} if one.message else {})}
                    for part, one in sorted(app.deployments.items())
                },
            }
            for name, app in sorted(self.applications.items())
        }


def _replicas(app: ApplicationDetails | None) -> str:
    """``(2/3 replicas)``: how many run."""
    if app is None or not app.deployments:
        return ""
    running = sum(r.state == "RUNNING" for d in app.deployments.values() for r in d.replicas)
    wanted = sum(d.target_num_replicas or 0 for d in app.deployments.values())
    return f" ({running}/{wanted} replicas)"


def brief(text: str) -> str:
    """The telling end of Ray's messages: a traceback says what went wrong on its last lines."""
    words = " ".join(text.split())
    return words if len(words) <= _SHOWN else words[: _SHOWN // 3] + " … " + words[-2 * _SHOWN // 3 :]


_DECODER = msgspec.json.Decoder(ServeStatus)


def parse_status(body: bytes) -> ServeStatus:
    """Raises ValueError for anything that is no status."""
    try:
        return _DECODER.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"Serve's answer cannot be read: {error}") from error
