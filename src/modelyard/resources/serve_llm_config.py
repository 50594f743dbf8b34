"""Arguments of ``ray.serve.llm:build_openai_app`` (Ray Serve LLM 2.60)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from modelyard.resources.serve_deployment import LLMDeploymentOptions, ServePart

UNLIMITED_REQUESTS = 1_000_000_000
"""What Ray Serve LLM sets ``max_ongoing_requests`` and ``target_ongoing_requests`` to by itself."""


class BucketSource(ServePart, frozen=True, kw_only=True):
    """Weights in a bucket, and single files beside them."""

    bucket_uri: str | None = None
    extra_files: tuple[Mapping[str, str], ...] = ()


class ModelLoadingConfig(ServePart, frozen=True, kw_only=True):
    """What a model is called and where its files are."""

    model_id: str
    """The name that clients use."""
    model_source: str | BucketSource | None = None
    """A hub id, a path, a bucket URL, or a bucket with extra files. None: ``model_id`` is a hub id or path."""
    tokenizer_source: str | None = None

    @property
    def source(self) -> str:
        """Where the files come from, as one text."""
        if isinstance(self.model_source, BucketSource):
            return self.model_source.bucket_uri or self.model_id
        return self.model_source or self.model_id


class AcceleratorConfig(ServePart, frozen=True, kw_only=True):
    """The kind of device, where it is not left to be inferred."""

    kind: Literal["cpu", "gpu", "tpu"]
    topology: str | None = None


class PlacementGroupConfig(ServePart, frozen=True, kw_only=True):
    """What Ray reserves for the engine's workers."""

    bundle_per_worker: Mapping[str, float] | None = None
    bundles: tuple[Mapping[str, float], ...] | None = None
    strategy: Literal["PACK", "STRICT_PACK", "SPREAD", "STRICT_SPREAD"] = "PACK"


class LoraConfig(ServePart, frozen=True, kw_only=True):
    """Adapters, loaded on first use."""

    dynamic_lora_loading_path: str | None = None
    """A folder of adapters in a bucket (``s3://``, ``gs://``, ``abfss://``, ``azure://``)."""
    max_num_adapters_per_replica: int = 16
    download_timeout_s: float | None = 30
    max_download_tries: int = 3


class LLMConfig(ServePart, frozen=True, kw_only=True):
    """One model and how it is served."""

    model_loading_config: ModelLoadingConfig
    llm_engine: str = "vLLM"
    engine_kwargs: Mapping[str, Any] = {}
    """Arguments of the engine, by their names in Python."""
    runtime_env: Mapping[str, Any] | None = None
    accelerator_type: str | None = None
    accelerator_config: AcceleratorConfig | None = None
    placement_group_config: PlacementGroupConfig | None = None
    lora_config: LoraConfig | None = None
    deployment_config: LLMDeploymentOptions = LLMDeploymentOptions()
    server_cls: str | None = None
    experimental_configs: Mapping[str, Any] = {}
    log_engine_metrics: bool = True
    callback_config: Mapping[str, Any] | None = None

    @property
    def model_id(self) -> str:
        return self.model_loading_config.model_id

    @property
    def devices(self) -> int:
        """GPUs of one replica: tensor times pipeline parallel size."""
        sizes = (self.engine_kwargs.get(name, 1) for name in ("tensor_parallel_size", "pipeline_parallel_size"))
        tensor, pipeline = (size if isinstance(size, int) and size > 0 else 1 for size in sizes)
        return tensor * pipeline

    @property
    def wants_accelerator(self) -> bool:
        """Whether Ray reserves a GPU or TPU for it: unless a device or the bundles say otherwise."""
        if self.accelerator_config is not None:
            return self.accelerator_config.kind != "cpu"
        placement = self.placement_group_config
        if placement is None:
            return True
        bundles = (placement.bundle_per_worker or {}, *(placement.bundles or ()))
        return any(bundle.get(device, 0) > 0 for bundle in bundles for device in ("GPU", "TPU"))

    @property
    def deployment_name(self) -> str:
        """What Serve calls the deployment (without the prefix that some server classes change)."""
        return "LLMServer:" + self.model_id.replace("/", "--").replace(".", "_")


class IngressClsConfig(ServePart, frozen=True, kw_only=True):
    """Another class for the ingress."""

    ingress_cls: str = ""
    ingress_extra_kwargs: Mapping[str, Any] = {}


class LLMServingArgs(ServePart, frozen=True, kw_only=True):
    """``args`` of the application."""

    llm_configs: tuple[LLMConfig | str, ...]
    """A text is the path of a YAML file that holds the configuration."""
    ingress_cls_config: IngressClsConfig | None = None
    ingress_deployment_config: LLMDeploymentOptions = LLMDeploymentOptions()

    @property
    def models(self) -> tuple[LLMConfig, ...]:
        """The configurations that are written in place."""
        return tuple(config for config in self.llm_configs if isinstance(config, LLMConfig))

    @property
    def model_ids(self) -> tuple[str, ...]:
        return tuple(config.model_id for config in self.models)
