"""The rest of the API over plain HTTP."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any

import pytest

from modelyard.sim import tokens

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        ({"model": "x"}, 400, "body"),
        ({"model": 3}, 400, "body.model"),
        ({"model": "x", "messages": [{"role": "user", "content": "hi"}]}, 404, "model"),
        ({"messages": [{"role": "user", "content": "hi"}], "max_tokens": 0}, 400, "max_tokens"),
    ],
)
def test_errors_have_openais_shape(run: Any, body: Any, status: int, param: str) -> None:
    async def scenario(server: Any) -> None:
        got, answer = await server.post("/v1/chat/completions", body)
        assert (got, answer["error"]["code"], answer["error"]["param"]) == (status, status, param)

    run(scenario)


def test_a_body_that_is_not_declared_as_json_is_refused(run: Any) -> None:
    async def scenario(server: Any) -> None:
        status, answer = await server.call("POST", "/v1/chat/completions", data=b"{}")
        assert status == 400
        assert "application/json" in answer["error"]["message"]

    run(scenario)


def test_unknown_paths_and_methods(run: Any) -> None:
    async def scenario(server: Any) -> None:
        assert (await server.get("/nothing"))[0] == 404
        assert (await server.get("/v1/chat/completions"))[0] == 405
        assert (await server.call("HEAD", "/health"))[0] == 200

    run(scenario)


def test_a_body_that_is_too_long_is_a_413(run: Any) -> None:
    async def scenario(server: Any) -> None:
        status, answer = await server.chat(user="x" * 2000)
        assert (status, answer["error"]["code"]) == (413, 413)

    run(scenario, max_body_bytes=1000)


def test_anthropic_messages(run: Any) -> None:
    async def scenario(server: Any) -> None:
        body = {"model": "m", "max_tokens": 6, "messages": [{"role": "user", "content": "hi"}]}
        status, whole = await server.post("/v1/messages", body)
        assert (status, whole["stop_reason"], whole["usage"]["output_tokens"]) == (200, "max_tokens", 6)
        _, counted = await server.post("/v1/messages/count_tokens", body)
        assert counted["input_tokens"] == whole["usage"]["input_tokens"]
        _, stream = await server.post("/v1/messages", {**body, "stream": True})
        assert stream.startswith("event: message_start\n")
        assert stream.rstrip().endswith('{"type":"message_stop"}')
        status, error = await server.post("/v1/messages", {**body, "model": "x"})
        assert (status, error["type"], error["error"]["type"]) == (404, "error", "NotFoundError")

    run(scenario)


def test_rerank_and_score(run: Any) -> None:
    async def scenario(server: Any) -> None:
        documents = ["a cup of tea", "harbors freeze in winter"]
        _, ranked = await server.post("/v1/rerank", {"query": "winter harbors", "documents": documents, "top_n": 1})
        assert [result["index"] for result in ranked["results"]] == [1]
        _, scored = await server.post("/v1/score", {"text_1": "winter harbors", "text_2": documents})
        assert scored["data"][1]["score"] > scored["data"][0]["score"]
        status, _ = await server.post("/v1/score", {"text_1": ["a", "b"], "text_2": ["a", "b", "c"]})
        assert status == 400

    run(scenario)


def test_tokens_go_there_and_back_and_agree_with_usage(run: Any) -> None:
    async def scenario(server: Any) -> None:
        _, made = await server.post("/tokenize", {"prompt": "håndball", "return_token_strs": True})
        assert made["count"] == len(made["tokens"]) == len(made["token_strs"])
        assert (await server.post("/detokenize", {"tokens": made["tokens"]}))[1] == {"prompt": "håndball"}
        messages = [{"role": "user", "content": "hello"}]
        _, counted = await server.post("/tokenize", {"messages": messages})
        _, answer = await server.chat(messages=messages)
        assert counted["count"] == answer["usage"]["prompt_tokens"]
        assert (await server.post("/detokenize", {"tokens": [tokens.VOCABULARY]}))[0] == 400
        assert (await server.post("/tokenize", {"prompt": "x", "model": "y"}))[0] == 404

    run(scenario)


def test_operation_paths_say_that_it_is_simulated(run: Any) -> None:
    async def scenario(server: Any) -> None:
        assert (await server.get("/health")) == (200, "")
        assert (await server.get("/ping"))[0] == 200
        assert (await server.get("/version"))[1]["simulated"] is True
        assert (await server.get("/load"))[1] == {"server_load": 0}

    run(scenario)


def test_load_counts_requests_under_way(run: Any) -> None:
    async def scenario(server: Any) -> None:
        chats = [asyncio.ensure_future(server.chat(stream=True, max_tokens=1000)) for _ in range(3)]
        await server.until(lambda: server.sim.simulator.load == 3)
        assert (await server.get("/load"))[1] == {"server_load": 3}
        for chat in chats:
            chat.cancel()
        await server.until(lambda: server.sim.simulator.load == 0)
        assert server.sim.engine.statistics.finished["abort"] == 3

    run(scenario, itl_s=1.0)


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_goes_away_ends_its_request(run: Any, stream: bool) -> None:
    async def scenario(server: Any) -> None:
        chat = asyncio.ensure_future(server.chat(stream=stream, max_tokens=1000))
        await server.until(lambda: server.sim.engine.running)
        chat.cancel()
        await server.until(lambda: not server.sim.engine.running)
        assert server.sim.engine.cache.used == 0

    run(scenario, itl_s=1.0)


def test_a_full_queue_is_a_503_without_retry_after(run: Any) -> None:
    async def scenario(server: Any) -> None:
        chats = [asyncio.ensure_future(server.chat(max_tokens=1000))]
        await server.until(lambda: len(server.sim.engine.running) == 1)
        chats.append(asyncio.ensure_future(server.chat(max_tokens=1000)))
        await server.until(lambda: server.sim.engine.waiting == 1)
        async with server.session.post(
            server.sim.url + "/v1/completions", json={"model": "m", "prompt": "x"}
        ) as answer:
            assert answer.status == 503
            assert "Retry-After" not in answer.headers
        for chat in chats:
            chat.cancel()

    run(scenario, itl_s=1.0, max_num_seqs=1, max_num_queued_reqs=1)


def test_an_api_key_protects_v1_only(run: Any) -> None:
    async def scenario(server: Any) -> None:
        assert await server.chat() == (401, {"error": "Unauthorized"})
        assert (await server.get("/health"))[0] == 200
        headers = {"Authorization": "Bearer secret"}
        assert (await server.get("/v1/models", headers=headers))[0] == 200

    run(scenario, api_key="secret")


def test_request_ids(run: Any) -> None:
    async def scenario(server: Any) -> None:
        url, headers = server.sim.url + "/v1/completions", {"X-Request-Id": "my-id"}
        async with server.session.post(url, json={"prompt": "x"}, headers=headers) as answer:
            assert answer.headers["X-Request-Id"] == "my-id"
            assert (await answer.json())["id"] == "cmpl-my-id"

    run(scenario, enable_request_id_headers=True)


def test_what_was_received_can_be_read_back(run: Any) -> None:
    async def scenario(server: Any) -> None:
        body = b'{"prompt": "hello"}'
        headers = {"Content-Type": "application/json", "X-Odd_Name": "1"}
        await server.call("POST", "/v1/completions?a=b%20c", data=body, headers=headers)
        await server.get("/metrics")
        await server.get("/un%2Fknown")
        _, log = await server.get("/sim/requests")
        assert log["total"] == 2
        first, second = log["requests"]
        assert (first["path"], first["query"], first["body"]) == ("/v1/completions", "a=b%20c", body.decode())
        assert first["body_sha256"] == hashlib.sha256(body).hexdigest()
        assert ["X-Odd_Name", "1"] in first["headers"]
        assert (second["method"], second["path"]) == ("GET", "/un%2Fknown")
        assert server.sim.requests[0].header("x-odd_name") == "1"
        assert (await server.get("/sim/requests?limit=x"))[0] == 400
        await server.call("DELETE", "/sim/requests")
        assert (await server.get("/sim/requests"))[1]["requests"] == []

    run(scenario)


def test_an_echo_shows_the_request(run: Any) -> None:
    async def scenario(server: Any) -> None:
        _, echoed = await server.call("PUT", "/sim/echo?x=1", data=b"\xff\x00", headers={"X-One": "two"})
        assert (echoed["method"], echoed["query"], echoed["body"]) == ("PUT", "x=1", None)
        assert echoed["body_length"] == 2
        assert ["X-One", "two"] in echoed["headers"]
        assert echoed["endpoint"] == server.sim.address

    run(scenario)


def test_an_echoing_server_says_what_it_was_told(run: Any) -> None:
    async def scenario(server: Any) -> None:
        _, answer = await server.chat(max_tokens=None, messages=[{"role": "user", "content": "söme wörds — here"}])
        assert answer["choices"][0]["message"]["content"] == "söme wörds — here"
        _, stream = await server.chat(max_tokens=None, stream=True)
        assert '"content":"hell"' in stream

    run(scenario, answer="echo")


def test_http_1_0_gets_a_stream_without_chunks(run: Any) -> None:
    async def scenario(server: Any) -> None:
        reader, writer = await asyncio.open_connection(server.sim.host, server.sim.port)
        body = b'{"prompt": "x", "stream": true, "max_tokens": 3}'
        head = b"POST /v1/completions HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        writer.write(head % len(body) + body)
        answer = await reader.read()
        assert b"chunked" not in answer.lower()
        assert answer.endswith(b"data: [DONE]\n\n")
        writer.close()

    run(scenario)


def test_expect_100_continue(run: Any) -> None:
    async def scenario(server: Any) -> None:
        reader, writer = await asyncio.open_connection(server.sim.host, server.sim.port)
        body = b'{"prompt": "x"}'
        writer.write(
            b"POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(body)
        )
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(body)
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
        writer.close()

    run(scenario)
