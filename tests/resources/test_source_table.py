from __future__ import annotations

import pytest

from modelyard.resources.source_table import how_to_say_where, source_table, split_option

TABLE = source_table(
    [
        ("google/gemma-3-1b-it", "demo://demo-llama"),
        ("/gcs", "/disk/models/"),
        ("/gcs/google/gemma-2-9b-it", "demo://demo-alpaca"),
        ("gs://kr-finetune/", "./tuned"),
        ("/data", "gs://bucket"),
        ("/one", "google/gemma"),
        ("google/gemma-3-1b-it", "demo://too-late"),
    ]
)


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("google/gemma-3-1b-it", "demo://demo-llama"),
        ("google/gemma-3-1b", None),
        ("google/gemma-3-1b-it/x", None),
        ("/gcs/google/gemma-2-9b-it", "demo://demo-alpaca"),
        ("/gcs/google/gemma-2-9b-it/", "demo://demo-alpaca"),
        ("/gcs/google/other", "/disk/models/google/other"),
        ("/gcs", "/disk/models/"),
        ("/gcs-2/x", None),
        ("gs://kr-finetune", "./tuned"),
        ("gs://kr-finetune/a/b", "./tuned/a/b"),
        ("gs://kr-finetune-2/a", None),
        ("/data/a/b", "gs://bucket/a/b"),
        ("/one", "google/gemma"),
        ("/one/below", None),
    ],
)
def test_what_stands_for_a_name(name: str, source: str | None) -> None:
    found = TABLE.find(name)
    assert (None if found is None else str(found)) == source


def test_the_first_name_with_an_entry_counts() -> None:
    assert str(TABLE.find("unknown", "google/gemma-3-1b-it")) == "demo://demo-llama"
    assert TABLE.find() is None


def test_an_option_is_split_at_its_first_equals_sign() -> None:
    assert split_option("a/b=demo://demo-llama") == ("a/b", "demo://demo-llama")
    assert split_option("gs://b=/a=b") == ("gs://b", "/a=b")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a/b", "write NAME=WHERE"),
        ("=x", "write NAME=WHERE"),
        ("a=", "write NAME=WHERE"),
        ("a=ftp://x", "of a: weights"),
    ],
)
def test_what_is_no_option_says_what_would_be(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        split_option(text)


def test_the_next_step_has_the_whole_flag() -> None:
    assert "--source google/gemma=demo://demo-llama for" in how_to_say_where("google/gemma")
    assert "--source sql=demo://food-review for" in how_to_say_where("sql", adapter=True)
    assert "--source 'a b=demo://demo-llama'" in how_to_say_where("a b")
