from __future__ import annotations

import yaml

from modelyard.shortform import lora_syncer
from modelyard.shortform.target import Setting, Target

from .yards import FOLDER, yard


def test_the_config_map_says_which_adapters_are_to_be_there():
    adapters = [{"name": "food", "source": "org/food"}, {"name": "1e3", "source": "./sql"}]
    written = yard(models=[{"name": "Llama", "source": "org/m", "port": 8001, "adapters": adapters}])
    setting = Setting(yard=written, target=Target.KUBERNETES, folder=FOLDER)
    config = lora_syncer.config_map(written.spec.models[0], setting)
    assert yaml.safe_load(config["data"]["configmap.yaml"]) == {
        "vLLMLoRAConfig": {
            "name": "llama",
            "port": 8001,
            "defaultBaseModel": "Llama",
            "ensureExist": {
                "models": [{"id": "food", "source": "org/food"}, {"id": "1e3", "source": "/weights/m-1e3"}]
            },
        }
    }
    mounted = lora_syncer.volume(written.spec.models[0])
    assert mounted["configMap"]["name"] == config["metadata"]["name"]
    assert lora_syncer.sidecar()["volumeMounts"][0]["name"] == mounted["name"]
