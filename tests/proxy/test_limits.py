from __future__ import annotations

import ast
import inspect

import pytest

from modelyard.proxy import limits
from modelyard.proxy.limits import ProxyLimits


def test_every_limit_is_explained() -> None:
    """A docstring follows each field: meaning, unit, why this default."""
    (body,) = [node.body for node in ast.parse(inspect.getsource(limits)).body if isinstance(node, ast.ClassDef)]
    for node, following in zip(body, [*body[1:], None], strict=True):
        if isinstance(node, ast.AnnAssign):
            assert isinstance(following, ast.Expr), ast.unparse(node.target)
            assert isinstance(following.value, ast.Constant), ast.unparse(node.target)


def test_defaults_fit_together() -> None:
    default = ProxyLimits()
    assert default.upstream_idle < 5
    assert default.header_timeout < default.keep_alive_idle
    assert default.max_pipelined >= default.max_request_head


def test_limits_are_frozen() -> None:
    with pytest.raises(AttributeError):
        ProxyLimits().max_body = 1  # type: ignore[misc]
