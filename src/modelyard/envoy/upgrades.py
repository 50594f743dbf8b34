"""Requests that ask for an upgrade of the connection: WebSocket alone, and only without a body.

Envoy takes whatever follows such a head for bytes of the new protocol, a body included, which neither picker nor router
sees. The own proxy reads a request with a body as any other; Envoy has begun to pass bytes by then, so it is refused.
"""

from __future__ import annotations

from modelyard.envoy.api import NOTE, Config, extension, typed

_POLICY = "body_of_upgrade"
BODY_REFUSED = f"rbac_access_denied_matched_policy[{_POLICY}]"
"""What Envoy tells of its answer."""


def refuse_bodies() -> Config:
    """An HTTP filter. What it answers, ``local_replies`` knows by ``BODY_REFUSED``."""
    has_body = [
        {"header": {"name": "transfer-encoding", "present_match": True}},
        {"header": {"name": "content-length", "string_match": {"safe_regex": {"regex": ".*[^0].*"}}}},
        {"header": {"name": ":method", "string_match": {"exact": "GET"}, "invert_match": True}},
    ]
    rules = {_POLICY: {"permissions": [{"or_rules": {"rules": has_body}}], "principals": [{"any": True}]}}
    config = typed("extensions.filters.http.rbac.v3.RBAC", rules={"action": "DENY", "policies": rules})
    return {NOTE: "What follows the head is no body that anybody reads.", **extension("modelyard.upgrades", config)}
