"""Text of a manifest file -> typed objects and errors: the entrance to this layer.

bytes -> text -> documents (``documents``) -> what each is (``identification``) -> typed (``msgspec.convert``;
``shapes`` says what does not fit) -> rules (``validation``) -> objects, each with its origin.
"""

from __future__ import annotations

import binascii
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from modelyard.resources.bases import Origin
from modelyard.resources.documents import Document, read_documents
from modelyard.resources.errors import ResourceError
from modelyard.resources.faults import Fault, Path, Report, render_path
from modelyard.resources.helm import VALUES_ROOTS, BodyBasedRouter, BodyBasedRouterValues
from modelyard.resources.identification import identify, is_helm_values, is_list
from modelyard.resources.inference_v1alpha2 import OldInferencePool
from modelyard.resources.jobs import with_generated_name
from modelyard.resources.kinds import AnyResource, Kind
from modelyard.resources.metadata import ObjectMeta
from modelyard.resources.placeholders import with_namespace
from modelyard.resources.shapes import check_shape
from modelyard.resources.unsupported import Unsupported
from modelyard.resources.validation.helm import check_values
from modelyard.resources.validation.rules import check_rules
from modelyard.resources.yaml_documents import MAX_DOCUMENTS

MAX_BYTES = 16 * 1024 * 1024
"""Size of one file. Kubernetes itself takes objects of 1.5 MiB."""


class LoadResult(msgspec.Struct, frozen=True, kw_only=True):
    """What one file holds."""

    objects: tuple[AnyResource, ...] = ()
    errors: tuple[ResourceError, ...] = ()


def load_documents(text: str | bytes, source: str) -> LoadResult:
    """Objects and errors of a YAML or JSON file. A broken document never hides the others. Never raises."""
    try:
        decoded = _decoded(text)
    except _RefusedError as error:
        return LoadResult(errors=(ResourceError(source=source, message=str(error)),))
    return _load_all(read_documents(decoded, source))


def load_value(value: Mapping[str, Any], origin: Origin) -> LoadResult:
    """The object that a plain value describes, loaded as strictly as one of a file. Never raises."""
    report = Report()
    loaded = _load(dict(value), origin, report)
    if loaded is not None and not report.faults:
        return LoadResult(objects=(loaded,))
    errors = [
        ResourceError.at(
            origin,
            subject=_subject(value),
            path=render_path(fault.path),
            message=fault.message,
            allowed=fault.allowed,
            suggestion=fault.suggestion,
        )
        for fault in report.faults
    ]
    return LoadResult(errors=tuple(errors))


class _RefusedError(Exception):
    """The whole file is refused."""


def _decoded(text: str | bytes) -> str:
    if len(text) > MAX_BYTES:
        raise _RefusedError(f"is larger than {MAX_BYTES // 1024 // 1024} MiB; split it")
    try:
        decoded = text if isinstance(text, str) else text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _RefusedError(f"is not UTF-8 text (byte {error.start}); save it as UTF-8") from None
    if decoded.count("\n---") > MAX_DOCUMENTS:
        raise _RefusedError(f"has more than {MAX_DOCUMENTS:,} documents; split it")
    return decoded


def _load_all(documents: list[Document]) -> LoadResult:
    objects: list[AnyResource] = []
    errors: list[ResourceError] = []
    for document in documents:
        for value, path in _items(document):
            report = Report()
            loaded = _load(value, _origin(document, path), report)
            if loaded is not None and not report.faults:
                objects.append(loaded)
            errors.extend(_error(fault, document, path, value) for fault in report.faults)
        errors.extend(_syntax_error(fault, document) for fault in document.faults)
    return LoadResult(objects=tuple(objects), errors=tuple(errors))


def _items(document: Document) -> Iterator[tuple[Any, Path]]:
    """The document's objects: itself, or what a ``List`` holds (lists in lists too)."""
    if not document.faults:
        yield from _expand(document.value, ())


def _expand(value: Any, path: Path) -> Iterator[tuple[Any, Path]]:
    if isinstance(value, dict) and is_list(value):
        for index, item in enumerate(value["items"]):
            yield from _expand(item, (*path, "items", index))
    else:
        yield value, path


def _origin(document: Document, path: Path) -> Origin:
    if not path:
        return document.origin
    return msgspec.structs.replace(document.origin, line=document.line_of(path))


def _load(value: Any, origin: Origin, report: Report) -> AnyResource | None:
    if not isinstance(value, dict):
        report.fault("a manifest is a mapping with apiVersion and kind, not a list or a plain value")
        return None
    value = with_namespace(_without_nulls(value))
    if is_helm_values(value):
        return _load_helm_values(value, origin, report)
    found = identify(value, report)
    if found is None:
        return None
    if isinstance(found, str):
        return _unsupported(value, origin, found)
    return _load_kind(value, origin, found, report)


def _load_kind(value: dict[str, Any], origin: Origin, row: Kind, report: Report) -> AnyResource | None:
    written_as = row.written_as or row.type
    if "origin" in value and row.strict:
        report.at("origin").fault("unknown field")
    resource = _convert(_prepared(value, row), written_as, report, secret=row.kind == "Secret")
    if resource is None:
        return None
    check_rules(resource, report, namespaced=row.namespaced)
    resource = msgspec.structs.replace(resource, origin=origin)
    return resource.upgraded() if isinstance(resource, OldInferencePool) else resource


def _prepared(value: dict[str, Any], row: Kind) -> dict[str, Any]:
    """Without what only a cluster writes, and with the namespace that the kind's scope implies."""
    skipped = {"origin"} if row.kind == "Pod" else {"origin", "status"}
    prepared = {name: item for name, item in value.items() if name not in skipped}
    metadata = prepared.get("metadata")
    if row.kind == "Job":
        prepared = with_generated_name(prepared)
    if row.kind == "EndpointPickerConfig" and metadata is not None and isinstance(metadata, dict):
        prepared["metadata"] = {"name": "default", **metadata}
    elif not row.namespaced and isinstance(metadata, dict):
        prepared["metadata"] = {**metadata, "namespace": ""}
    for field in ("data", "binaryData") if row.kind in ("Secret", "ConfigMap") else ():
        if (row.kind, field) != ("ConfigMap", "data") and isinstance(prepared.get(field), dict):
            prepared[field] = {key: _joined(item) for key, item in prepared[field].items()}
    return prepared


def _joined(item: Any) -> Any:
    """Base64 may be folded over several lines."""
    return "".join(item.split()) if isinstance(item, str) else item


def _convert(value: dict[str, Any], type_: type[Any], report: Report, *, secret: bool = False) -> Any:
    try:
        return msgspec.convert(value, type_)
    except (msgspec.ValidationError, binascii.Error, OverflowError) as error:
        before = len(report.faults)
        check_shape(value, type_, report, secret=secret)
        if len(report.faults) == before:
            report.fault("is not valid" if secret else f"is not valid: {error}")
    return None


def _load_helm_values(value: dict[str, Any], origin: Origin, report: Report) -> BodyBasedRouterValues | None:
    root = next(root for root in VALUES_ROOTS if root in value)
    router: BodyBasedRouter | None = _convert(value[root], BodyBasedRouter, report.at(root))
    if router is None:
        return None
    values = BodyBasedRouterValues(bbr=router, origin=origin)
    check_values(values, report.at(root))
    return values


def _unsupported(value: dict[str, Any], origin: Origin, reason: str) -> Unsupported:
    metadata = value.get("metadata")
    try:
        meta = msgspec.convert(metadata or {}, ObjectMeta)
    except msgspec.ValidationError:
        name = metadata.get("name") if isinstance(metadata, Mapping) else ""
        meta = ObjectMeta(name=name if isinstance(name, str) else "")
    return Unsupported(api_version=value["apiVersion"], kind=value["kind"], metadata=meta, origin=origin, reason=reason)


def _without_nulls(value: Any) -> Any:
    """A key without a value counts as absent, as on Kubernetes."""
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return value


def _error(fault: Fault, document: Document, path: Path, value: Any) -> ResourceError:
    return ResourceError(
        source=document.origin.source,
        document=document.origin.document,
        line=document.line_of(path + fault.path),
        subject=_subject(value),
        path=render_path(fault.path),
        message=fault.message,
        allowed=fault.allowed,
        suggestion=fault.suggestion,
    )


def _syntax_error(fault: Fault, document: Document) -> ResourceError:
    return ResourceError(
        source=document.origin.source,
        document=document.origin.document,
        line=document.fault_line,
        message=fault.message,
    )


def _subject(value: Any) -> str:
    """``Gateway edge``, or as much of it as the document tells."""
    if not isinstance(value, dict):
        return ""
    metadata = value.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    kind = value.get("kind")
    return " ".join(part[:80] for part in (kind, name) if isinstance(part, str))
