from __future__ import annotations

from pathlib import Path

import pytest

from modelyard.local import arguments as argv
from modelyard.local.model_files import ModelFiles, ModelPlaces, ModelSources, model_names, resolve_models
from modelyard.resources.source_table import source_table
from modelyard.resources.weights_source import parse_source

GEMMA = "google/gemma-3-1b-it"


def path_of(text: str) -> Path:
    source = parse_source(text)
    return Path(source.name) if source.kind == "path" else Path("/w") / source.folder


def resolved(*arguments: str, **entries: str) -> ModelFiles:
    """Keys of ``entries`` are names with ``_`` for what Python does not allow."""
    table = source_table([(NAMES.get(name, name), where) for name, where in entries.items()])
    origins = {"/models": "demo://", "/gcs": "gs://kr1/tuned", "/hub": "org/base"}
    paths = {"/models": "/y/models", "/gcs": "/y/gcs", "/hub": "/y/hub", "/claim": "/y/claim"}
    sources = ModelSources(table=table, path_of=path_of)
    return resolve_models(tuple(arguments), ModelPlaces(sources, origins, paths))


NAMES = {"gemma": GEMMA, "gcs_a": "/gcs/a", "bucket": "gs://kr1", "sql_id": "org/sql"}


@pytest.mark.parametrize(
    ("word", "entries", "source", "folder"),
    [
        (GEMMA, {"gemma": "demo://demo-llama"}, "demo://demo-llama", "/w/demo--demo-llama"),
        (GEMMA, {"gemma": "/disk/gemma"}, "/disk/gemma", "/disk/gemma"),
        (GEMMA, {}, GEMMA, "/w/hub--google--gemma-3-1b-it@main"),
        ("/models/demo-llama", {}, "demo://demo-llama", "/w/demo--demo-llama"),
        ("/gcs/a", {}, "gs://kr1/tuned/a", "/w/gs--kr1--tuned--a"),
        ("/gcs/a", {"gcs_a": "demo://demo-llama"}, "demo://demo-llama", "/w/demo--demo-llama"),
        ("/gcs/a", {"bucket": "/disk"}, "/disk/tuned/a", "/disk/tuned/a"),
        ("/hub", {}, "org/base", "/w/hub--org--base@main"),
        ("/claim/a", {}, "/y/claim/a", "/y/claim/a"),
    ],
)
def test_where_a_model_comes_from(word: str, entries: dict[str, str], source: str, folder: str) -> None:
    files = resolved("--model", word, "--port=8000", **entries)
    assert [needed.source for needed in files.needed] == [source]
    assert argv.value(files.arguments, "--model") == folder
    assert argv.values(files.arguments, "--served-model-name") == [word]
    assert argv.value(files.arguments, "--port") == "8000"


def test_a_folder_of_this_machine_stays_as_it_is() -> None:
    files = resolved("--model", "/disk/x")
    assert files.arguments == ("--model", "/disk/x")
    assert [needed.source for needed in files.needed] == ["/disk/x"]
    assert files.settings == ()


def test_a_served_name_that_is_given_stays_and_may_name_the_source() -> None:
    files = resolved("--model=/claim/x", "--served-model-name", "gemma", "other", other="demo://demo-alpaca")
    assert argv.values(files.arguments, "--served-model-name") == ["gemma", "other"]
    assert [needed.source for needed in files.needed] == ["demo://demo-alpaca"]


def test_a_folder_has_no_revision() -> None:
    files = resolved("--model", GEMMA, "--revision", "v1", "--tokenizer-revision=v1", gemma="demo://demo-llama")
    assert argv.value(files.arguments, "--revision") is None
    assert argv.value(files.arguments, "--tokenizer-revision") is None
    assert [row.setting for row in files.settings][-2:] == ["--revision", "--tokenizer-revision"]


def test_a_revision_of_the_hub_is_fetched() -> None:
    files = resolved("--model", GEMMA, "--revision", "v1")
    assert [needed.source for needed in files.needed] == [f"{GEMMA}@v1"]
    assert argv.value(files.arguments, "--model") == "/w/hub--google--gemma-3-1b-it@v1"


@pytest.mark.parametrize(
    ("tokenizer", "entries", "expected"),
    [
        (GEMMA, {}, "/w/hub--google--gemma-3-1b-it@main"),
        (GEMMA, {"gemma": "demo://demo-llama"}, "/w/demo--demo-llama"),
        ("org/other", {"gemma": "demo://demo-llama"}, None),
        ("org/other", {}, "org/other"),
        ("/claim/t", {}, "/y/claim/t"),
    ],
)
def test_the_tokenizer_follows_the_model(tokenizer: str, entries: dict[str, str], expected: str | None) -> None:
    files = resolved("--model", GEMMA, "--tokenizer", tokenizer, **entries)
    assert argv.value(files.arguments, "--tokenizer") == expected


def test_adapters_by_path_by_name_and_as_json() -> None:
    files = resolved(
        *("--model", GEMMA, "--lora-modules", "food=/models/food-review", "sql=org/sql"),
        '{"name": "third", "path": "/x", "base_model_name": "b"}',
        gemma="demo://demo-llama",
        sql="demo://sql-chat",
        third="/disk/third",
    )
    assert argv.values(files.arguments, "--lora-modules") == [
        "food=/w/demo--food-review",
        "sql=/w/demo--sql-chat",
        '{"name": "third", "path": "/disk/third", "base_model_name": "b"}',
    ]
    assert [(needed.name, needed.adapter) for needed in files.needed] == [
        (GEMMA, False),
        ("/models/food-review", True),
        ("org/sql", True),
        ("/x", True),
    ]
    assert files.names == (GEMMA, "/models/food-review", "org/sql", "/x")


def test_what_else_names_the_model_by_its_path_is_led_there() -> None:
    assert resolved("--model=/models/demo-llama").paths == {"/models/demo-llama": "/w/demo--demo-llama"}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--port=1",), "names no model"),
        (("--model", "a/b/c"), "--source a/b/c=demo://demo-llama"),
        (("--model", "./x"), "--source ./x=demo://demo-llama"),
        (("--model", "/models"), "names no demo model"),
        (("--model", GEMMA, "--lora-modules", "food"), "is not name=path"),
        (("--model", GEMMA, "--lora-modules", "{"), "no JSON object"),
        (("--model", GEMMA, "--lora-modules", "a=b/c/d"), "--source b/c/d=demo://food-review"),
    ],
)
def test_what_cannot_be_found_says_what_to_add(arguments: tuple[str, ...], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        resolved(*arguments)


def test_names_are_known_without_sources() -> None:
    assert model_names(("--model=a/b", "--lora-modules", "x=c/d")) == ("a/b", "c/d")
    assert model_names(("--model=a/b", "--lora-modules", "x")) == ("a/b",)
    assert model_names(()) == ()
