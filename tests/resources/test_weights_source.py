from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.resources.weights_source import WeightsSource, parse_source


@pytest.mark.parametrize(
    ("text", "kind", "name", "revision"),
    [
        ("demo://demo-llama", "demo", "demo-llama", ""),
        ("/data/models/a b", "path", "/data/models/a b", ""),
        ("./models/llama", "path", "./models/llama", ""),
        ("../llama", "path", "../llama", ""),
        ("meta-llama/Llama-3.1-8B-Instruct", "hub", "meta-llama/Llama-3.1-8B-Instruct", ""),
        ("gpt2", "hub", "gpt2", ""),
        ("google/gemma-2b-it@2ac59a5", "hub", "google/gemma-2b-it", "2ac59a5"),
        ("google/gemma-2b-it@refs/pr/7", "hub", "google/gemma-2b-it", "refs/pr/7"),
        ("hub://google/gemma-2b-it", "hub", "google/gemma-2b-it", ""),
        ("gs://bucket/google/gemma-2b-it/", "gs", "bucket/google/gemma-2b-it", ""),
        ("gs://bucket", "gs", "bucket", ""),
        ("s3://my.bucket/llama", "s3", "my.bucket/llama", ""),
    ],
)
def test_sources_are_told_apart(text, kind, name, revision):
    source = parse_source(text)
    assert source == WeightsSource(kind=kind, name=name, revision=revision)
    assert parse_source(str(source)) == source


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("ftp://bucket/llama", "weights from ftp:// are not fetched"),
        ("https://host/llama", "give its path"),
        ("demo://", "names no demo model"),
        ("demo://a/../b", "names no demo model"),
        ("~/llama", "'~' is not expanded"),
        ("", "is no source"),
        ("org/model/file", "is no source"),
        ("a b", "is no source"),
        ("--flag", "is no source"),
        ("/a\nb", "control characters"),
        ("org/model@", "is no source"),
        ("org/model@../../x", "is no source"),
        ("hub://org/model/file", "names no model of the hub"),
        ("gs://", "names no bucket"),
        ("gs://../x", "names no bucket"),
        ("s3://bucket/../x", "no .."),
        ("gs://bucket/a//b", "no empty parts"),
    ],
)
def test_what_is_no_source_says_what_would_be(text, says):
    with pytest.raises(ValueError, match=r"^[^\n]*$") as raised:
        parse_source(text)
    assert says in str(raised.value)


@pytest.mark.parametrize(
    ("text", "folder"),
    [
        ("google/gemma-2b-it", "hub--google--gemma-2b-it@main"),
        ("google/gemma-2b-it@v1.0", "hub--google--gemma-2b-it@v1.0"),
        ("demo://demo-llama", "demo--demo-llama"),
        ("gs://bucket/google/gemma-2b-it", "gs--bucket--google--gemma-2b-it"),
    ],
)
def test_the_folder_is_readable(text, folder):
    assert parse_source(text).folder == folder


_texts = st.from_regex(r"(gs://bucket/|s3://bucket/|hub://org/)[a-z-]{1,3}((/| |@)[a-zA-Z-]{1,3}){0,3}", fullmatch=True)


@given(_texts, _texts)
def test_different_sources_have_different_safe_folders(one, other):
    found = []
    for text in (one, other):
        try:
            found.append(parse_source(text))
        except ValueError:
            return
    folders = [source.folder for source in found]
    assert (folders[0] == folders[1]) == (found[0] == found[1])
    assert all("/" not in folder and len(folder) < 160 and not folder.startswith(".") for folder in folders)
