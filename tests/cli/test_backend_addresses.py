from __future__ import annotations

import pytest
import typer

from modelyard.cli.backend_addresses import addresses_by_backend, addresses_given, backend_named, spelling
from modelyard.fleet.fleet import BackendKey

LLM = BackendKey(kind="InferencePool", namespace="default", name="llm")
CHAT = BackendKey(kind="InferencePool", namespace="prod", name="chat")
WEB = BackendKey(kind="Service", namespace="default", name="web", port=80)
SAME = BackendKey(kind="Service", namespace="default", name="llm", port=8000)
TWO = [BackendKey(kind="Service", namespace="prod", name="two", port=port) for port in (80, 81)]
KNOWN = (LLM, CHAT, WEB, SAME, *TWO)


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("llm", LLM),
        ("default/llm", LLM),
        ("InferencePool/default/llm", LLM),
        ("prod/chat", CHAT),
        ("web", WEB),
        ("web:80", WEB),
        ("default/web:80", WEB),
        ("Service/default/web:80", WEB),
        ("llm:8000", SAME),
        ("Service/default/llm", SAME),
        ("prod/two:81", TWO[1]),
    ],
)
def test_every_spelling(name: str, key: BackendKey) -> None:
    assert backend_named(name, KNOWN) == key


@pytest.mark.parametrize("key", KNOWN, ids=str)
def test_what_is_shown_is_understood(key: BackendKey) -> None:
    assert backend_named(spelling(key), KNOWN) == key


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("chat=1.2.3.4:1", "there is: llm, prod/chat, llm:8000, web:80"),
        ("prod/two=1.2.3.4:1", "several ports, name one of: prod/two:80, prod/two:81"),
        ("a/b/c/d=1.2.3.4:1", "[NAMESPACE/]NAME=IP:PORT"),
        ("llm=", "[NAMESPACE/]NAME=IP:PORT"),
        ("=1.2.3.4:1", "[NAMESPACE/]NAME=IP:PORT"),
        ("1.2.3.4:1", "[NAMESPACE/]NAME=IP:PORT"),
        ("llm=host:1", "'host:1' is not IP:PORT"),
        ("llm=1.2.3.4:0", "a number from 1 to 65535"),
    ],
)
def test_what_is_refused(given: str, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit):
        addresses_by_backend([given], KNOWN)
    assert told in " ".join(capsys.readouterr().err.split())


def test_addresses_of_one_backend_add_up() -> None:
    given = ["llm=1.2.3.4:1,[::1]:2", "web=5.6.7.8:9", "default/llm=1.2.3.4:1,1.2.3.5:1"]
    assert addresses_by_backend(given, KNOWN) == {
        LLM: ("1.2.3.4:1", "[::1]:2", "1.2.3.5:1"),
        WEB: ("5.6.7.8:9",),
    }
    assert addresses_given("1.2.3.4:1, 1.2.3.5:1") == ("", ("1.2.3.4:1", "1.2.3.5:1"))
