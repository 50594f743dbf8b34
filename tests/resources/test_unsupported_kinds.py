from __future__ import annotations

from modelyard.resources.kinds import KINDS_BY_NAME
from modelyard.resources.unsupported_kinds import UNSUPPORTED, unsupported_reason


def test_no_kind_is_both_used_and_unused():
    assert not UNSUPPORTED.keys() & KINDS_BY_NAME.keys()


def test_a_kind_of_a_whole_group():
    assert unsupported_reason("rbac.authorization.k8s.io", "Role")
    assert unsupported_reason("a.example", "Role") is None
