"""Rules of the body-based router's values: known plugins, and parameters that name a field and a header."""

from __future__ import annotations

from modelyard.resources.errors import nearest, shown
from modelyard.resources.faults import Report
from modelyard.resources.helm import BodyBasedRouterValues, BodyPlugin
from modelyard.resources.validation import formats

BODY_FIELD_TO_HEADER = "body-field-to-header"
PLUGIN_TYPES = (BODY_FIELD_TO_HEADER, "base-model-to-header", "no-op-plugin")
_PARAMETERS = ("field_name", "header_name", "fieldName", "headerName")


def check_values(values: BodyBasedRouterValues, report: Report) -> None:
    for index, plugin in enumerate(values.plugins):
        _check_plugin(plugin, report.at("plugins", index))


def _check_plugin(plugin: BodyPlugin, report: Report) -> None:
    if plugin.type not in PLUGIN_TYPES:
        report.at("type").fault(
            f"{shown(plugin.type)} is no plugin of the body-based router",
            allowed=PLUGIN_TYPES,
            suggestion=nearest(plugin.type, PLUGIN_TYPES),
        )
        return
    allowed = _PARAMETERS if plugin.type == BODY_FIELD_TO_HEADER else ()
    for name, value in plugin.json.items():
        if name not in allowed:
            report.at("json", name).fault("unknown parameter", allowed=allowed, suggestion=nearest(name, allowed))
        elif not isinstance(value, str):
            report.at("json", name).fault(f"must be a string, not {shown(value)}")
    if plugin.type == BODY_FIELD_TO_HEADER:
        report.at("json", "field_name").require(bool(plugin.field_name), "is required and missing")
        report.at("json", "header_name").check(formats.header_name(plugin.header_name))
