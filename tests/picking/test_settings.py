from __future__ import annotations

from modelyard.picking.settings import ConfigError
from modelyard.resources.faults import Fault


def test_an_error_is_one_line_with_all_faults() -> None:
    faults = [
        Fault(path=("plugins", 0, "type"), message="is wrong", allowed=("a", "b"), suggestion="a"),
        Fault(message="is missing"),
    ]
    assert str(ConfigError(faults)) == "plugins[0].type: is wrong; did you mean 'a'? allowed: a, b; is missing"
