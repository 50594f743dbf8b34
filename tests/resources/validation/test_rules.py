from __future__ import annotations

from modelyard.resources.core import Namespace
from modelyard.resources.kinds import KINDS
from modelyard.resources.validation.rules import RULES


def test_every_kind_has_rules():
    types = {row.written_as or row.type for row in KINDS} - {Namespace}
    assert types == set(RULES)
