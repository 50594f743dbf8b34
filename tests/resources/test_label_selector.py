from __future__ import annotations

import pytest

from modelyard.resources.label_selector import LabelSelector, LabelSelectorRequirement

LABELS = {"app": "vllm", "tier": "gold"}


def one(operator, *values, key="app"):
    requirement = LabelSelectorRequirement(key=key, operator=operator, values=values)
    return LabelSelector(match_expressions=(requirement,))


@pytest.mark.parametrize(
    ("selector", "matches"),
    [
        (LabelSelector(), True),
        (LabelSelector(match_labels={"app": "vllm"}), True),
        (LabelSelector(match_labels={"app": "vllm", "tier": "iron"}), False),
        (one("In", "a", "vllm"), True),
        (one("In", "a"), False),
        (one("NotIn", "a"), True),
        (one("NotIn", "a", key="absent"), True),
        (one("NotIn", "vllm"), False),
        (one("Exists"), True),
        (one("DoesNotExist"), False),
        (one("DoesNotExist", key="absent"), True),
    ],
)
def test_matches(selector, matches):
    assert selector.matches(LABELS) is matches
