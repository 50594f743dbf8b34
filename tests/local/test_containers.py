from __future__ import annotations

import pytest

from modelyard.local.containers import DoneByModelyard, NotHere, VllmCommand, recognise


@pytest.mark.parametrize(
    ("image", "command", "args", "arguments"),
    [
        ("vllm/vllm-openai:v0.11.0", [], ["--model", "m"], ("--model", "m")),
        ("vllm/vllm-openai:v0.32.0", [], ["m", "--port=1"], ("--model", "m", "--port=1")),
        ("registry.example/mirror/vllm-openai-cpu@sha256:00", [], ["--model=m"], ("--model=m",)),
        ("x", ["python3", "-m", "vllm.entrypoints.openai.api_server"], ["--model=m"], ("--model=m",)),
        ("x", ["/usr/bin/python3.12"], ["-m", "vllm.entrypoints.openai.api_server", "--port=1"], ("--port=1",)),
        ("x", ["vllm", "serve"], ["m"], ("--model", "m")),
        ("x", ["vllm"], ["serve", "m", "--port=1"], ("--model", "m", "--port=1")),
        ("x", ["/bin/sh", "-c"], ["exec vllm serve m --port 1"], ("--model", "m", "--port", "1")),
    ],
)
def test_a_vllm_server_is_recognised(image: str, command: list[str], args: list[str], arguments: tuple[str]) -> None:
    assert recognise(image, command, args) == VllmCommand(arguments=arguments)


@pytest.mark.parametrize(
    ("image", "command", "args", "reason"),
    [
        ("nginx:1", [], [], "not known to be a vLLM server"),
        ("", [], [], "(none)"),
        ("vllm/vllm-openai", ["sleep"], ["9"], "(sleep 9) is not a vLLM server"),
        ("x", ["bash", "-c"], ["vllm serve m && echo done"], "shell script"),
        ("x", ["bash", "-c"], ["vllm serve 'm"], "shell script"),
        ("x", ["bash", "/start.sh"], [], "shell script"),
    ],
)
def test_what_has_no_meaning_here_says_why(image: str, command: list[str], args: list[str], reason: str) -> None:
    found = recognise(image, command, args)
    assert isinstance(found, NotHere)
    assert reason in found.reason


@pytest.mark.parametrize(
    ("image", "command", "args"),
    [
        ("registry/gateway-api-inference-extension/lora-syncer:main", [], []),
        ("registry/gateway-api-inference-extension/lora-syncer@sha256:" + "0" * 64, [], []),
        ("registry/modelyard:1", ["modelyard", "lora-sync"], ["--reconcile-trigger", "5"]),
        ("registry/modelyard:1", [], ["lora-sync"]),
    ],
)
def test_a_lora_syncers_work_is_done_here(image: str, command: list[str], args: list[str]) -> None:
    assert isinstance(recognise(image, command, args), DoneByModelyard)


@pytest.mark.parametrize(
    ("image", "command", "args", "told"),
    [
        ("registry.k8s.io/gateway-api-inference-extension/epp:v0.3.0", [], ["-poolName", "p"], "modelyard epp"),
        ("registry.k8s.io/gateway-api-inference-extension/bbr:v1.0.1", [], ["--streaming"], "modelyard bbr"),
        ("registry/modelyard:1", ["modelyard", "epp"], ["--pool-name", "p"], "modelyard epp"),
        ("registry/modelyard:1", [], ["bbr"], "modelyard bbr"),
    ],
)
def test_a_pickers_and_a_routers_work_is_done_here(image: str, command: list[str], args: list[str], told: str) -> None:
    found = recognise(image, command, args)
    assert isinstance(found, DoneByModelyard)
    assert found.reason.endswith(told)
