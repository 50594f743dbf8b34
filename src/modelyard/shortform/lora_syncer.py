"""What loads adapters on a cluster: the inference extension's LoRA syncer as a sidecar, and its ConfigMap."""

from __future__ import annotations

from modelyard.resources.yaml_writing import yaml_documents
from modelyard.resources.yard import YardModel, object_name
from modelyard.shortform.target import Manifest, Setting
from modelyard.shortform.volumes import weights_path

IMAGE = "us-central1-docker.pkg.dev/k8s-staging-images/gateway-api-inference-extension/lora-syncer:main"
FILE = "configmap.yaml"
_FOLDER = "/config"
_VOLUME = "lora-config"


def config_map(model: YardModel, setting: Setting) -> Manifest:
    """The adapters that are to be loaded; an edit of it takes effect while the servers run."""
    name = object_name(model.name)
    config = {
        "vLLMLoRAConfig": {
            "name": name,
            "port": model.port,
            "defaultBaseModel": model.name,
            "ensureExist": {"models": [{"id": item.name, "source": weights_path(item)} for item in model.adapters]},
        }
    }
    return setting.object("v1", "ConfigMap", _config_name(model), data={FILE: yaml_documents([config])})


def volume(model: YardModel) -> Manifest:
    """The Pod's volume with the ConfigMap."""
    return {"name": _VOLUME, "configMap": {"name": _config_name(model)}}


def sidecar() -> Manifest:
    """The container. No ``subPath``: a mount of one file would not follow the ConfigMap."""
    return {
        "name": "lora-adapter-syncer",
        "image": IMAGE,
        "restartPolicy": "Always",
        "env": [{"name": "DYNAMIC_LORA_ROLLOUT_CONFIG", "value": f"{_FOLDER}/{FILE}"}],
        "volumeMounts": [{"name": _VOLUME, "mountPath": _FOLDER}],
    }


def _config_name(model: YardModel) -> str:
    return f"{object_name(model.name)}-adapters"
