"""The old shape of InferencePool (``inference.networking.x-k8s.io/v1alpha2``), converted to ``v1``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from modelyard.resources.bases import Strict, StrictResource
from modelyard.resources.inference import (
    EndpointPickerPort,
    EndpointPickerRef,
    InferencePool,
    InferencePoolSpec,
    PoolSelector,
    TargetPort,
)

DEFAULT_PICKER_PORT = 9002
"""Port of the picker's Service where the old shape names none; ``v1`` needs one."""


class OldExtensionRef(Strict, frozen=True, kw_only=True):
    """The picker."""

    group: str = ""
    kind: str = "Service"
    name: str
    port_number: int | None = None
    failure_mode: Literal["FailOpen", "FailClose"] = "FailClose"

    def upgraded(self) -> EndpointPickerRef:
        """The same reference in the ``v1`` shape."""
        return EndpointPickerRef(
            group=self.group,
            kind=self.kind,
            name=self.name,
            port=EndpointPickerPort(number=self.port_number or DEFAULT_PICKER_PORT),
            failure_mode=self.failure_mode,
        )


class OldInferencePoolSpec(Strict, frozen=True, kw_only=True):
    """Flat selector and one port."""

    selector: Mapping[str, str]
    target_port_number: int
    extension_ref: OldExtensionRef | None = None


class OldInferencePool(StrictResource, frozen=True, kw_only=True):
    """An InferencePool as ``v1alpha2`` writes it."""

    spec: OldInferencePoolSpec

    def upgraded(self) -> InferencePool:
        """The same pool in the ``v1`` shape."""
        extension = self.spec.extension_ref
        return InferencePool(
            api_version=self.api_version,
            kind=self.kind,
            metadata=self.metadata,
            origin=self.origin,
            spec=InferencePoolSpec(
                selector=PoolSelector(match_labels=self.spec.selector),
                target_ports=(TargetPort(number=self.spec.target_port_number),),
                endpoint_picker_ref=None if extension is None else extension.upgraded(),
            ),
        )
