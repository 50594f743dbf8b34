from __future__ import annotations

from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelyard.bodies.api_paths import ALLOWED_PATHS, is_model_api, normalise_path
from modelyard.bodies.dialects import BY_PATH

ENGINES = ["", "unknown", *ALLOWED_PATHS]

CLOSED = [
    "/v1/load_lora_adapter",
    "/v1/unload_lora_adapter",
    "/metrics",
    "/invocations",
    "/sleep",
    "/wake_up",
    "/is_sleeping",
    "/pause",
    "/resume",
    "/update_weights",
    "/scale_elastic_ep",
    "/collective_rpc",
    "/reset_prefix_cache",
    "/server_info",
    "/flush_cache",
    "/start_profile",
    "/update_weights_from_disk",
    "/load",
    "/version",
    "/health",
    "/ping",
    "/docs",
    "/openapi.json",
    "/kv_event_sources",
    "/-/routes",
    "/api/serve/applications/",
    "/v2/repository/models/x/load",
    "/",
]


@pytest.mark.parametrize("path", sorted(set().union(*ALLOWED_PATHS.values())))
def test_model_paths_pass_as_they_are(path: str) -> None:
    assert normalise_path(path) == path
    assert is_model_api(path)


@pytest.mark.parametrize("path", BY_PATH)
def test_every_path_with_a_dialect_is_a_model_path(path: str) -> None:
    assert is_model_api(path)


def test_each_engine_has_its_own_list() -> None:
    assert is_model_api("/tokenize", "vllm")
    assert not is_model_api("/tokenize", "openai")
    assert not is_model_api("/v1/responses", "ray-serve")
    assert is_model_api("/generate", "sglang")
    assert not is_model_api("/generate", "vllm")


@pytest.mark.parametrize(
    "path",
    [
        "/v1/models/qwen",
        "/v1/models/google/gemma-2-9b-it",
        "/v1/models/base:adapter",
        "/v1/responses/resp_1",
        "/v1/responses/resp_1/cancel",
        "/v1/responses/resp_1/input_items",
    ],
)
def test_paths_with_ids_pass(path: str) -> None:
    assert is_model_api(path)


@pytest.mark.parametrize(
    "path",
    [
        "/v1/models/",
        "/v1/models//x",
        "/v1/responses/x/y",
        "/v1/responses/x/cancel/y",
        "/v1/chat/completions/",
        "v1/models",
    ],
)
def test_near_misses_do_not_pass(path: str) -> None:
    assert not is_model_api(path)


@pytest.mark.parametrize(
    ("path", "normal"),
    [
        ("/", "/"),
        ("/a/b", "/a/b"),
        ("//a///b", "/a/b"),
        ("/a/b//", "/a/b/"),
        ("/./a/./b/.", "/a/b/"),
        ("/a/../b", "/b"),
        ("/a/b/..", "/a/"),
        ("/a/..", "/"),
        ("/%76%31/chat", "/v1/chat"),
        ("/%2e%2E/a", None),
        ("/a/%2e%2e/b", "/b"),
        ("/load%5Flora", "/load_lora"),
        ("/load%5flora", "/load_lora"),
        ("/%e6%a8%a1", "/%E6%A8%A1"),
        ("/a%20b", "/a%20b"),
        ("/a;x=1/b@c:d", "/a;x=1/b@c:d"),
        ("/..", None),
        ("/a/../../b", None),
        ("/a%2Fb", None),
        ("/a%2fb", None),
        ("/a%5Cb", None),
        ("/a%5cb", None),
        ("/a\\b", None),
        ("/a%00", None),
        ("/a%0d%0ab", None),
        ("/a%7f", None),
        ("/a%252Fb", None),
        ("/%2576%2531", None),
        ("/a%", None),
        ("/a%4", None),
        ("/a%zz", None),
        ("/a%%41", None),
        ("/a b", None),
        ("/a\x00", None),
        ("/a\n", None),
        ("/é", None),
        ("/a?b", None),
        ("/a#b", None),
        ("a/b", None),
        ("", None),
        ("*", None),
        ("http://x/v1/models", None),
    ],
)
def test_normalises_or_refuses(path: str, normal: str | None) -> None:
    assert normalise_path(path) == normal


@pytest.mark.parametrize("path", CLOSED)
def test_closed_paths_do_not_pass(path: str) -> None:
    for engine in ENGINES:
        assert not is_model_api(path, engine)


@st.composite
def spellings(draw: st.DrawFn, paths: list[str]) -> str:
    """A path written as someone would who wants it to be another one for the gateway."""
    parts = []
    for character in draw(st.sampled_from(paths)):
        style = draw(st.integers(0, 14))
        if character == "/":
            slashes = ["//", "/./", "/x/../", "%2F", "%2f", "/%2e/", "%252f", "\\", "%5C", "/v1/models/../../", "/;/"]
            parts.append(slashes[style] if style < len(slashes) else "/")
        else:
            escapes = [
                f"%{ord(character):02X}",
                f"%{ord(character):02x}",
                f"%25{ord(character):02x}",
                character.swapcase(),
            ]
            parts.append(escapes[style] if style < len(escapes) else character)
    return "".join(parts) + draw(
        st.sampled_from(["", "", "/", "/.", "/..", "%00", "%20", ";x", "?", "%3f", ".json", "#"])
    )


@settings(max_examples=500)
@given(spelling=spellings(CLOSED))
def test_closed_paths_do_not_pass_in_any_spelling(spelling: str) -> None:
    normal = normalise_path(spelling)
    if normal is None or not any(is_model_api(normal, engine) for engine in ENGINES):
        return
    # What passes is a model path for the engine as well, which decodes once more and may ignore case.
    assert normal.startswith("/v1/models/")
    assert unquote(normal) == normal
    assert normal.lower() not in {path.lower() for path in CLOSED}


@settings(max_examples=300)
@given(spelling=spellings(["/v1/chat/completions", "/v1/models/a/b", "/a b", *CLOSED]))
def test_a_normal_path_is_normal(spelling: str) -> None:
    normal = normalise_path(spelling)
    if normal is not None:
        assert normalise_path(normal) == normal
        assert "//" not in normal
        assert not {".", ".."} & set(normal.split("/"))


@settings(max_examples=300)
@given(path=st.text(max_size=30))
def test_any_text_is_normalised_or_refused(path: str) -> None:
    normal = normalise_path("/" + path)
    assert normal is None or normal.isascii()
