from __future__ import annotations

import pytest

from modelyard.resources.weights_source import WeightsSource, parse_source


@pytest.mark.parametrize(
    ("text", "kind", "name"),
    [
        ("demo://demo-llama", "demo", "demo-llama"),
        ("/data/models/a b", "path", "/data/models/a b"),
        ("./models/llama", "path", "./models/llama"),
        ("../llama", "path", "../llama"),
        ("meta-llama/Llama-3.1-8B-Instruct", "hub", "meta-llama/Llama-3.1-8B-Instruct"),
        ("gpt2", "hub", "gpt2"),
    ],
)
def test_sources_are_told_apart(text, kind, name):
    assert parse_source(text) == WeightsSource(kind=kind, name=name)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("gs://bucket/llama", "weights from gs:// are not fetched"),
        ("s3://bucket/llama", "weights from s3:// are not fetched"),
        ("https://host/llama", "give its path"),
        ("demo://", "names no demo model"),
        ("demo://a/../b", "names no demo model"),
        ("~/llama", "'~' is not expanded"),
        ("", "is no source"),
        ("org/model/file", "is no source"),
        ("a b", "is no source"),
        ("--flag", "is no source"),
        ("/a\nb", "control characters"),
    ],
)
def test_what_is_no_source_says_what_would_be(text, says):
    with pytest.raises(ValueError, match=r"^[^\n]*$") as raised:
        parse_source(text)
    assert says in str(raised.value)
