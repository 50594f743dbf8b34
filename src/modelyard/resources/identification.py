"""Decides from apiVersion and kind what a document is."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from modelyard.resources.errors import nearest, shown
from modelyard.resources.faults import Report
from modelyard.resources.helm import VALUES_ROOTS
from modelyard.resources.kinds import KINDS, KINDS_BY_NAME, Kind
from modelyard.resources.unsupported_kinds import UNKNOWN_KIND, UNSUPPORTED, unsupported_reason

_CLOSE = 0.85

_OWN_GROUPS = tuple(dict.fromkeys(row.group for row in KINDS))
_ALL_GROUPS = frozenset((*_OWN_GROUPS, *(group for group, _ in UNSUPPORTED)))


def is_helm_values(value: Mapping[str, Any]) -> bool:
    """Whether this is the body-based router's values file, which has no kind."""
    return "kind" not in value and "apiVersion" not in value and any(root in value for root in VALUES_ROOTS)


def is_list(value: Mapping[str, Any]) -> bool:
    """Whether this is a ``List`` (or ``HTTPRouteList``…) of objects."""
    kind = value.get("kind")
    return isinstance(kind, str) and kind.endswith("List") and isinstance(value.get("items"), list)


def identify(value: Mapping[str, Any], report: Report) -> Kind | str | None:
    """The row of the table; or the reason why the kind is not used; or None, with faults in ``report``."""
    api_version, kind = _text(value, "apiVersion", report), _text(value, "kind", report)
    if not api_version or not kind:
        return None
    group, _, version = api_version.rpartition("/")
    row = KINDS_BY_NAME.get((group, kind))
    if row is not None:
        return _checked_version(row, version, report)
    if (group, kind) in UNSUPPORTED:
        return UNSUPPORTED[group, kind]
    if _is_misspelt(api_version, group, kind, report):
        return None
    return unsupported_reason(group, kind) or UNKNOWN_KIND


def _text(value: Mapping[str, Any], name: str, report: Report) -> str:
    text = value.get(name)
    if isinstance(text, str) and text:
        return text
    if text is None:
        report.at(name).fault("is required and missing", suggestion=_likely(value, name))
    else:
        report.at(name).fault(f"must be a text, not {shown(text)}")
    return ""


def _likely(value: Mapping[str, Any], name: str) -> str:
    if name == "apiVersion":
        versions = [row.api_versions[0] for row in KINDS if row.kind == value.get("kind")]
        return versions[0] if versions else ""
    return ""


def _checked_version(row: Kind, version: str, report: Report) -> Kind | None:
    if version in row.versions:
        return row
    report.at("apiVersion").fault(
        f"{shown(version)} is no version of {row.kind} that is read here",
        allowed=row.api_versions,
        suggestion=row.api_versions[0],
    )
    return None


def _is_misspelt(api_version: str, group: str, kind: str, report: Report) -> bool:
    """Reports a kind or group that is almost one in use; leaves alone what is simply foreign."""
    same_kind = [row for row in KINDS if row.kind.casefold() == kind.casefold()]
    in_group = [row.kind for row in KINDS if row.group == group]
    if same_kind and (group in _OWN_GROUPS or _is_almost_own(group)):
        _report_group(api_version, group, kind, same_kind, report)
        return True
    closed = group in _OWN_GROUPS and (group, "*") not in UNSUPPORTED
    known = [*in_group, *(name for in_, name in UNSUPPORTED if in_ == group and name != "*")]
    if closed or _close(kind, in_group):
        report.at("kind").fault(
            f"{shown(kind)} is no kind of {group or 'the core group'} that is known here",
            allowed=sorted(known),
            suggestion=nearest(kind, known),
        )
        return True
    if _is_almost_own(group):
        right = nearest(group, _OWN_GROUPS)
        report.at("apiVersion").fault(
            f"{shown(group)} is no API group that is known here",
            suggestion=right and api_version.replace(group, right, 1),
        )
        return True
    return False


def _is_almost_own(group: str) -> bool:
    """A group without a dot is none of a custom resource: ``extensions``, ``app``."""
    return group not in _ALL_GROUPS and ("." not in group or _close(group, _OWN_GROUPS))


def _report_group(api_version: str, group: str, kind: str, rows: list[Kind], report: Report) -> None:
    exact = rows[0].kind
    if kind != exact and any(row.group == group for row in rows):
        report.at("kind").fault(f"{shown(kind)} is no kind that is known here", suggestion=exact)
        return
    allowed = tuple(version for row in rows for version in row.api_versions)
    report.at("apiVersion").fault(
        f"{shown(api_version)} is no apiVersion of {exact}",
        allowed=allowed,
        suggestion=nearest(api_version, allowed) or allowed[0],
    )


def _close(name: str, names: Iterable[str]) -> bool:
    folded = [candidate.casefold() for candidate in names]
    return bool(difflib.get_close_matches(name[:200].casefold(), folded, n=1, cutoff=_CLOSE))
