"""Where the weights of a model and its adapters are mounted, and the claims that hold them."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator

import msgspec

from modelyard.resources.weights_source import parse_source
from modelyard.resources.yard import RAY_SERVE, YardAdapter, YardModel, object_name
from modelyard.shortform.target import Manifest, Setting

DEMO_CLAIM = "demo-models"
"""One claim for all demo models of a namespace: they are made together, once."""
DEMO_MOUNT = "/models"
WEIGHTS_MOUNT = "/weights"
BUCKET_DRIVER = "gcsfuse.csi.storage.gke.io"
HUB_SECRET = {"name": "hf-token", "key": "token", "optional": True}
"""Where a gated model's token is read; on this machine the variable itself is enough."""
_WEIGHTS_ANNOTATION = "modelyard.dev/weights"


class Mounted(msgspec.Struct, frozen=True, kw_only=True):
    """What a server's container sees."""

    volumes: tuple[Manifest, ...] = ()
    mounts: tuple[Manifest, ...] = ()


def weights_path(item: YardModel | YardAdapter) -> str:
    """What the engine is given: a path inside the container, or a hub id. The same on every target."""
    source = parse_source(item.source)
    match source.kind:
        case "demo":
            return f"{DEMO_MOUNT}/{source.name}"
        case "hub":
            return str(source)
        case _:
            return f"{WEIGHTS_MOUNT}/{object_name(item.name)}"


def uses_hub(model: YardModel) -> bool:
    """Whether the engine downloads anything."""
    return any(parse_source(item.source).kind == "hub" for item in model.served)


def mounted(model: YardModel, setting: Setting) -> Mounted:
    """The volumes of a model's Pods and where its server has them."""
    pairs = [
        *_demo(model),
        *(_folders(model, setting) if setting.local else _weights_claim(model)),
        *_google_buckets(model),
        *(_buckets(model) if setting.local else ()),
    ]
    return Mounted(volumes=tuple(volume for volume, _ in pairs), mounts=tuple(mount for _, mount in pairs))


def claims(setting: Setting) -> Iterator[Manifest]:
    """The PersistentVolumeClaims of the whole Yard."""
    models = setting.yard.spec.models
    if any(_of_kind(model, "demo") for model in models):
        yield _claim(setting, DEMO_CLAIM, "1Gi", source="demo://")
    for model in models:
        if not setting.local:
            if _of_kind(model, "path", "s3"):
                yield _claim(setting, weights_claim(model), "100Gi")
            continue
        for item in _of_kind(model, "s3"):
            yield _claim(setting, _bucket_claim(item), "100Gi", source=item.source)


def weights_claim(model: YardModel) -> str:
    """Name of the claim that holds a model's own folders on a cluster."""
    return f"{object_name(model.name)}-weights"


def folders_to_fill(model: YardModel) -> list[tuple[str, str]]:
    """(path inside the container, source as written) of everything that a claim must hold on a cluster."""
    return [(weights_path(item), item.source) for kind in ("demo", "path", "s3") for item in _of_kind(model, kind)]


def _claim(setting: Setting, name: str, storage: str, source: str = "") -> Manifest:
    spec = {"accessModes": ["ReadWriteMany"], "resources": {"requests": {"storage": storage}}}
    annotations = {_WEIGHTS_ANNOTATION: source} if source else None
    return setting.object("v1", "PersistentVolumeClaim", name, annotations, spec=spec)


def _demo(model: YardModel) -> Iterable[tuple[Manifest, Manifest]]:
    if _of_kind(model, "demo"):
        yield _pair("models", DEMO_MOUNT, {"persistentVolumeClaim": {"claimName": DEMO_CLAIM}})


def _weights_claim(model: YardModel) -> Iterable[tuple[Manifest, Manifest]]:
    if _of_kind(model, "path", "s3"):
        yield _pair("weights", WEIGHTS_MOUNT, {"persistentVolumeClaim": {"claimName": weights_claim(model)}})


def _folders(model: YardModel, setting: Setting) -> Iterable[tuple[Manifest, Manifest]]:
    """On this machine a path is the folder itself."""
    for item in _of_kind(model, "path"):
        folder = posixpath.normpath(posixpath.join(setting.folder, parse_source(item.source).name))
        yield _pair(f"weights-{object_name(item.name)}", weights_path(item), {"hostPath": {"path": folder}})


def _google_buckets(model: YardModel) -> Iterable[tuple[Manifest, Manifest]]:
    """A folder of a bucket, mounted by the cluster's own driver; here the same volume is fetched."""
    for item in _of_kind(model, "gs"):
        source = parse_source(item.source)
        attributes = {"bucketName": source.bucket, "mountOptions": f"implicit-dirs,only-dir={source.prefix}"}
        if not source.prefix:
            attributes["mountOptions"] = "implicit-dirs"
        csi = {"driver": BUCKET_DRIVER, "readOnly": True, "volumeAttributes": attributes}
        yield _pair(f"weights-{object_name(item.name)}", weights_path(item), {"csi": csi})


def _buckets(model: YardModel) -> Iterable[tuple[Manifest, Manifest]]:
    for item in _of_kind(model, "s3"):
        claim = {"persistentVolumeClaim": {"claimName": _bucket_claim(item), "readOnly": True}}
        yield _pair(f"weights-{object_name(item.name)}", weights_path(item), claim)


def _bucket_claim(item: YardModel | YardAdapter) -> str:
    return f"{object_name(item.name)}-bucket"


def uses_google_bucket(model: YardModel) -> bool:
    """Whether its Pods mount a bucket, for which a cluster wants an annotation."""
    return bool(_of_kind(model, "gs"))


def _of_kind(model: YardModel, *kinds: str) -> list[YardModel | YardAdapter]:
    """What its Pods mount: Ray's adapters come from a bucket of their own."""
    items = (model,) if model.engine == RAY_SERVE else model.served
    return [item for item in items if parse_source(item.source).kind in kinds]


def _pair(name: str, path: str, source: Manifest) -> tuple[Manifest, Manifest]:
    return {"name": name, **source}, {"name": name, "mountPath": path, "readOnly": True}
