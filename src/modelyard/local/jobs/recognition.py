"""What a Job would do, decided from its environment and its command. Pure: the runner carries it out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import msgspec

from modelyard.local.environment import Environment, PodFacts, Sources, build_environment, expand
from modelyard.local.jobs.copy_script import CopyOrder, CopyScript, read_copy_script
from modelyard.local.jobs.job_plan import CopyStep, JobPlan
from modelyard.local.model_files import ModelPlaces, ModelSources
from modelyard.local.replica_plan import HUB_TOKENS, AppliedSetting
from modelyard.local.volumes import Places, plan_volumes
from modelyard.resources.source_table import how_to_say_where
from modelyard.resources.weights_source import parse_source

if TYPE_CHECKING:
    from modelyard.resources.jobs import Job
    from modelyard.resources.pods import Container

MODEL, BUCKET = "MODEL_ID", "MODEL_BUCKET_NAME"
"""Variables of the Jobs that download a model of the hub into a bucket."""
TOKEN_PATH = "HF_TOKEN_PATH"  # noqa: S105 - the name of a variable
REPLACE = "REPLACE_EXISTING"
_TRANSFER = ("HF_MAX_WORKERS", "HF_XET_CACHE", "HF_XET_NUM_CONCURRENT_RANGE_GETS", "HF_XET_HIGH_PERFORMANCE")
_SHELLS = frozenset({"sh", "bash"})


class JobContext(msgspec.Struct, frozen=True, kw_only=True):
    """What the plan of a Job depends on besides its manifest."""

    home: str
    objects: Sources
    """Secrets and ConfigMaps of its namespace."""
    claims: Mapping[str, str] = {}
    """Claim -> source of its content (annotation)."""
    models: ModelSources = ModelSources()
    needs_files: bool = True
    """False: the simulator stands for the engines, so no model files are needed."""


def plan_job(job: Job, context: JobContext) -> JobPlan:
    """The plan. What is missing is in it, for people."""
    return _JobPlanner(job, context).plan()


class _JobPlanner:
    """Works out one JobPlan."""

    def __init__(self, job: Job, context: JobContext) -> None:
        self.job, self.context = job, context
        self.spec = job.spec.template.spec
        self.container = self.spec.containers[0]
        self.settings: list[AppliedSetting] = []

    def plan(self) -> JobPlan:
        empty = JobPlan(
            namespace=self.job.metadata.namespace,
            name=self.job.metadata.name,
            backoff_limit=self.job.spec.backoff_limit,
            deadline=self.job.spec.active_deadline_seconds,
            suspended=self.job.spec.suspend,
        )
        environment = build_environment(self.container, self.context.objects, PodFacts(fields={}))
        try:
            steps, reason = self._steps(environment)
        except ValueError as error:
            return msgspec.structs.replace(empty, problem=str(error), settings=tuple(self.settings))
        if not reason and not self.context.needs_files:
            reason = "--engine sim: no model files are needed"
        return msgspec.structs.replace(
            empty,
            steps=() if reason else steps,
            reason=reason,
            token=self._token(environment.values),
            settings=() if reason else tuple(self.settings),
        )

    def _steps(self, environment: Environment) -> tuple[tuple[CopyStep, ...], str]:
        """What is to be done; or why it is not. Raises ValueError where something is missing."""
        names = {*environment.values, *environment.missing}
        if {MODEL, BUCKET} <= names:
            for name in (MODEL, BUCKET):
                if name in environment.missing:
                    raise ValueError(f"env {name}: {environment.missing[name]}")
            return (self._download(environment.values),), ""
        script = self._script(environment.values)
        if script is None or (not script.copies and not script.other):
            return (), self._why_not("")
        if script.other or not script.copies:
            return (), self._why_not(script.other)
        return tuple(self._copies(script, environment.values)), ""

    # ── a model of the hub into a bucket ──

    def _download(self, values: Mapping[str, str]) -> CopyStep:
        model, bucket = values[MODEL], f"gs://{values[BUCKET]}"
        source = self.context.models.table.find(model) or parse_source(model)
        if any(part in ("", ".", "..") for part in model.split("/")):
            raise ValueError(f"env {MODEL}: {model!r} is no name of a folder in a bucket")
        folder = self._folder_of_bucket(bucket)
        self._note("image", "not run", "Modelyard downloads the model itself: verified, resumed, published by a rename")
        for name in _TRANSFER:
            if name in values:
                self._note(f"env {name}", "not used", "Modelyard has its own limits for transfers")
        replace = values.get(REPLACE, "false").lower() == "true"
        if replace:
            self._note(f"env {REPLACE}", "after the download", "what is served now stays until all new files are there")
        return CopyStep(
            name=model, source=str(source), target=f"{folder}/{model}", others="replace" if replace else "refuse"
        )

    def _folder_of_bucket(self, bucket: str) -> str:
        """The folder that stands for ``gs://bucket/…`` on this machine. Raises ValueError where there is none."""
        found = self.context.models.table.find(bucket)
        if found is None or found.kind != "path":
            name = "/".join(bucket.split("/")[:3])
            raise ValueError(f"it writes to {name}; say which folder stands for it: --source {name}=/a/folder")
        return found.name.rstrip("/")

    # ── a copy between mounts ──

    def _script(self, values: Mapping[str, str]) -> CopyScript | None:
        """None: its command is no script."""
        line = [expand(word, values) for word in (*self.container.command, *self.container.args)]
        if len(line) == 3 and line[0].rpartition("/")[2] in _SHELLS and line[1].startswith("-") and "c" in line[1]:
            return read_copy_script(line[2], [mount.mount_path for mount in self.container.volume_mounts])
        return None

    def _copies(self, script: CopyScript, values: Mapping[str, str]) -> Iterator[CopyStep]:
        volumes = plan_volumes(self.spec, self.container, self.context.objects, self._places(), values)
        if volumes.missing:
            raise ValueError("; ".join(volumes.missing))
        paths = {**volumes.paths, **self._device_folders(script)}
        places = ModelPlaces(self.context.models, volumes.origins, paths)
        self._note("image", "not run", "Modelyard copies the files itself: verified, published by a rename")
        for order in script.copies:
            yield self._step(order, places, paths)

    def _step(self, order: CopyOrder, places: ModelPlaces, paths: Mapping[str, str]) -> CopyStep:
        place = places.place(order.source)
        if place is None:
            raise ValueError(f"{order.source} is a folder of the image; {how_to_say_where(order.source)}")
        target = self._target(order.target, paths)
        return CopyStep(name=order.source, source=place.source, target=target, others="keep")

    def _target(self, path: str, paths: Mapping[str, str]) -> str:
        if path.startswith("gs://"):
            return self._folder_of_bucket(path)
        mounts = [mount for mount in paths if f"{path}/".startswith(f"{mount}/")]
        mount = max(mounts, key=len, default="")
        if not mount:
            raise ValueError(f"it copies to {path}, which is no volume: nothing of it would be left")
        return f"{paths[mount]}{path[len(mount) :]}".rstrip("/")

    def _device_folders(self, script: CopyScript) -> dict[str, str]:
        """Folder where the script mounts a block device -> folder of that device's claim."""
        claims = {
            volume.name: volume.persistent_volume_claim.claim_name
            for volume in self.spec.volumes
            if volume.persistent_volume_claim is not None
        }
        devices = {device.device_path: claims.get(device.name) for device in self.container.volume_devices}
        found: dict[str, str] = {}
        for device, folder in script.devices:
            claim = devices.get(device)
            if claim is not None:
                found[folder] = f"{self._places().claims}/{claim}"
                self._note(
                    f"device {device}", f"-> {found[folder]}", f"claim {claim} is a folder here, never formatted"
                )
        return found

    # ── shared ──

    def _places(self) -> Places:
        namespace = self.job.metadata.namespace
        return Places(
            directory=f"{self.context.home}/jobs/{namespace}_{self.job.metadata.name}",
            claims=f"{self.context.home}/volumes/{namespace}",
            sources=self.context.claims,
            table=self.context.models.table,
        )

    def _note(self, setting: str, change: str, reason: str) -> None:
        self.settings.append(AppliedSetting(setting=setting, change=change, reason=reason))

    def _token(self, values: Mapping[str, str]) -> str | None:
        """From the environment, or the file that ``HF_TOKEN_PATH`` names where a Secret is mounted there."""
        given = next((values[name] for name in HUB_TOKENS if values.get(name)), None)
        return given or self._token_file(self.container, values.get(TOKEN_PATH, ""))

    def _token_file(self, container: Container, path: str) -> str | None:
        folder, _, key = path.rpartition("/")
        secrets = {volume.name: volume.secret for volume in self.spec.volumes if volume.secret is not None}
        for mount in container.volume_mounts:
            source = secrets.get(mount.name)
            secret = self.context.objects.secrets.get(source.secret_name) if source is not None else None
            if secret is not None and mount.mount_path.rstrip("/") == folder:
                value = secret.value(key)
                return value.decode("utf-8", "replace").strip() if value is not None else None
        return None

    def _why_not(self, line: str) -> str:
        image = self.container.image or "(none)"
        does = f"its script does more than copy files ({line[:80]})" if line else "it runs a program of its image"
        return (
            f"{does}, and images are not run here ({image}); only Jobs that download or copy models are carried out: "
            "run its program by hand against the Gateway's address"
        )
