from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.weights.errors import WeightsError
from modelyard.weights.limits import ADAPTER_LIMITS, MODEL_LIMITS, FetchLimits, GiB
from modelyard.weights.selection import select
from modelyard.weights.store import RemoteFile


def names(*files: str, limits: FetchLimits = MODEL_LIMITS) -> list[str]:
    return [file.name for file in select((RemoteFile(name=name, size=1) for name in files), limits, "acme/tiny")]


def test_weights_configuration_and_tokenizer_are_taken_and_nothing_else() -> None:
    files = ["model.safetensors", "config.json", "tokenizer.model", "chat_template.jinja", "merges.txt"]
    others = ["README.md", "model.onnx", "pytorch_model.bin", "modeling.py", ".cache/x.json", "original/a.safetensors"]
    assert names(*files, *others) == sorted(files)


@pytest.mark.parametrize(
    "name",
    ["../a.json", "/etc/a.json", "a/../../b.json", "a//b.json", "./a.json", "a\\b.json", "a\n.json", "", "..", "a/\0"],
)
def test_a_name_that_could_leave_the_folder_ends_it(name: str) -> None:
    with pytest.raises(WeightsError, match="could leave its folder"):
        names("model.safetensors", name)


@given(st.lists(st.sampled_from(["a", "b.json", "..", ".", "", "/", "\\", "c.safetensors", "\u202e"]), max_size=5))
def test_what_is_taken_stays_in_the_folder(parts: list[str]) -> None:
    try:
        taken = names("model.safetensors", "/".join(parts))
    except WeightsError:
        return
    assert all(not name.startswith("/") and ".." not in name.split("/") for name in taken)


@pytest.mark.parametrize("name", ["x" * 300 + ".json", "/".join("abcdefghi") + ".json"])
def test_names_have_bounds(name: str) -> None:
    with pytest.raises(WeightsError, match="too long or too deep"):
        names("model.safetensors", name)


def test_pickles_are_for_those_who_ask() -> None:
    with pytest.raises(WeightsError, match=r"pytorch_model\.bin only: loading a pickled file can run any code"):
        names("config.json", "pytorch_model.bin")
    allowed = FetchLimits(allow_pickle=True)
    assert names("config.json", "pytorch_model.bin", limits=allowed) == ["config.json", "pytorch_model.bin"]
    assert names("model.safetensors", "pytorch_model.bin", limits=allowed) == ["model.safetensors"]


def test_a_source_without_weights() -> None:
    with pytest.raises(WeightsError, match=r"has no \.safetensors files"):
        names("config.json")


def test_sizes_have_bounds() -> None:
    large = [RemoteFile(name="adapter_model.safetensors", size=3 * GiB)]
    assert select(large, MODEL_LIMITS, "acme/tiny")
    with pytest.raises(WeightsError, match=r"has 3\.2 GB; of such files 2\.1 GB at most"):
        select(large, ADAPTER_LIMITS, "acme/tiny")
    shards = [RemoteFile(name=f"{number}.safetensors", size=GiB) for number in range(5)]
    with pytest.raises(WeightsError, match=r"has 5\.4 GB; at most 4\.3 GB are taken"):
        select(shards, ADAPTER_LIMITS, "acme/tiny")
    with pytest.raises(WeightsError, match="has 101 files; at most 100"):
        names(*(f"{number}.safetensors" for number in range(101)), limits=ADAPTER_LIMITS)


def test_names_that_some_disks_take_for_one() -> None:
    with pytest.raises(WeightsError, match=r"both Config\.json and config\.json"):
        names("model.safetensors", "config.json", "Config.json")
