"""Message sequences at random through picker and router: lawful ones, broken ones, streams that end anywhere.

As a script: ``python tests/extproc/random_sequences.py 100000 [SEED]`` says what it did and how memory went.
"""

from __future__ import annotations

import gc
import json
import logging
import random
import resource
import sys
import tracemalloc
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from envoy.service.ext_proc.v3 import external_processor_pb2 as pb
from ext_proc_yard import MANIFEST, A, B, C, Call, Yard, endpoint, http_headers, metadata_context, set_headers

REWRITE = """
---
apiVersion: inference.networking.x-k8s.io/v1alpha2
kind: InferenceModelRewrite
metadata: {name: alias}
spec:
  poolRef: {name: pool}
  rules: [{matches: [{model: {value: alias}}], targets: [{modelRewrite: "the-real-model", weight: 1}]}]
---
apiVersion: inference.networking.x-k8s.io/v1alpha2
kind: InferenceObjective
metadata: {name: batch}
spec: {priority: -1, poolRef: {name: pool}}
---
apiVersion: inference.networking.x-k8s.io/v1alpha1
kind: EndpointPickerConfig
metadata: {name: pool}
featureGates: [flowControl]
plugins: [{type: queue-scorer}, {type: prefix-cache-scorer}]
schedulingProfiles: [{name: default, plugins: [{pluginRef: queue-scorer}, {pluginRef: prefix-cache-scorer}]}]
flowControl: {defaultRequestTTL: 5s, priorityBands: [{priority: 0, maxRequests: 20}]}
"""

_SUBSETS: list[Any] = [[A], f"{A},{B}", [], "", [C, 5], 7, None]
_BODIES = [
    b"",
    b"{}",
    b"nonsense",
    b'{"model": "m"}',
    b'{"model": "alias", "prompt": "x"}',
    b'{"model": 1}',
    b"\xff" * 9,
]
_BODIES += [json.dumps({"model": "m", "prompt": "long " * count}).encode() for count in (2000, 2000, 13_000)]
_ANSWERS = [b'{"model": "the-real-model"}', b'data: {"model": "the-real-model"}\n\n', b"data: [DONE]\n\n", b"", b"\x00"]
_ANSWERS += [b'data: {"model": "the-re', b'al-model"}\r\n\r\n', b'data: {"usage": {"prompt_tokens": 7}}', b"x" * 70_000]
_KINDS = ["application/json", "text/event-stream", "audio/mpeg", "", None]
_PATHS = ["/v1/completions", "/v1/chat/completions", "/v1/models", "/upload", "", "/v1/load_lora_adapter", "/v1/%zz"]
_EXTRA = [("x-llm-d-inference-objective", "batch"), ("x-gateway-model-name", "alias"), ("x-prefiller-host-port", A)]
_EXTRA += [
    ("x-llm-d-model-name-rewrite", "other"),
    ("X-Gateway-Model-Name-Rewrite", "x" * 2000),
    ("content-length", "7"),
]


class Sequences:
    """One yard, and streams through it."""

    def __init__(self, seed: int = 1) -> None:
        self.rng = random.Random(seed)
        self.yard = Yard(MANIFEST + REWRITE)
        self.yard.fleet(endpoint(A), endpoint(B), endpoint(C))
        self.streams = 0
        self.answers = 0
        self.faults = 0
        log = logging.getLogger("modelyard")
        log.addFilter(self._count_fault)
        for name in ("extproc.processor_stream",):
            logging.getLogger(f"modelyard.{name}").addFilter(self._count_fault)
        self._open: list[Call] = []
        self._scripts: dict[Call, list[int]] = {}

    def _count_fault(self, record: logging.LogRecord) -> bool:
        self.faults += 1
        return True

    def run(self, count: int) -> None:
        """``count`` streams, some at a time, and an end."""
        rng = self.rng
        for _ in range(count):
            self.streams += 1
            self._open.append(self.yard.call() if rng.random() < 0.8 else self.yard.route())
            for _ in range(rng.randrange(20)):
                if self._open:
                    self._step(rng.choice(self._open[-8:]))
            while len(self._open) > 8:
                self._end(self._open[0])
            self._time_passes()
        while self._open:
            self._end(self._open[-1])
        self.yard.alarms.pending.clear()
        self.yard.records.clear()

    def _time_passes(self) -> None:
        rng, yard = self.rng, self.yard
        chance = rng.random()
        yard.now += 0.001
        if chance < 0.02:
            yard.alarms.ring()
        elif chance < 0.025:
            yard.picker.stop_watching()
            yard.picker.ending = False
        elif chance < 0.04:
            yard.now += rng.random() * 6
            yard.gateway.step(yard.now)
        elif chance < 0.05:
            waiting = rng.choice([0, 0, 600])
            yard.fleet(*(endpoint(address, waiting=waiting) for address in (A, B, C) if rng.random() < 0.9))
            yard.records.clear()

    def _step(self, call: Call) -> None:
        if call.stream.status is not None or self.rng.random() < 0.08:
            self._end(call)
            return
        if self.rng.random() < 0.02:
            call.handler.on_message(self.rng.randbytes(self.rng.randrange(40)))
        elif self.rng.random() < 0.02:
            call.handler.on_message_begun(1 << 20)
        else:
            call.handler.on_message(self._message(call).SerializeToString())
        if self.rng.random() < 0.2:
            call.stream.room = self.rng.choice([None, 1, 2, 5])
        if call.stream.status is None and self.rng.random() < 0.2:
            call.handler.on_writable()
        self._look(call)

    def _natural(self) -> list[int]:
        """Kinds of messages in the order of a request and its answer, the last one first."""
        rng = self.rng
        kinds = [
            *[0] * (rng.random() < 0.95),
            *[1] * rng.randrange(3),
            *[2] * rng.randrange(2),
            *[5] * (rng.random() < 0.1),
        ]
        kinds += [3, *[4] * rng.randrange(5), *[6] * (rng.random() < 0.1)]
        return kinds[::-1]

    def _message(self, call: Call) -> pb.ProcessingRequest:
        rng = self.rng
        message = pb.ProcessingRequest()
        natural = self._scripts.setdefault(call, self._natural())
        strays = not natural or rng.random() < 0.06
        kind = rng.choices(range(8), (5, 6, 2, 4, 4, 1, 1, 1))[0] if strays else natural.pop()
        match kind:
            case 0:
                lines = [(":method", rng.choice(["POST", "GET"])), (":path", rng.choice(_PATHS))]
                lines += rng.sample(_EXTRA, rng.randrange(len(_EXTRA)))
                lines = lines if rng.random() < 0.9 else lines[2:]
                message.request_headers.CopyFrom(http_headers(lines, rng.random() < 0.2))
                if rng.random() < 0.1:
                    for line in message.request_headers.headers.headers:
                        line.value, line.raw_value = line.raw_value.decode(), b""
            case 1 | 2:
                body = rng.choice(_BODIES)
                cut = rng.randrange(len(body) + 1) if rng.random() < 0.4 else len(body)
                message.request_body.body = body[:cut]
                message.request_body.end_of_stream = 1 not in natural and 2 not in natural and 5 not in natural
            case 3:
                kind_of_body, encoding = rng.choice(_KINDS), rng.choice(["", "", "gzip"])
                lines = [(":status", status)] if (status := rng.choice(["200", "404", "503", "x", ""])) else []
                lines += [("content-type", kind_of_body)] if kind_of_body is not None else []
                lines += [("content-encoding", encoding)] if encoding else []
                message.response_headers.CopyFrom(http_headers(lines, rng.random() < 0.1))
                if rng.random() < 0.3:
                    served = {"x-gateway-destination-endpoint-served": rng.choice([A, B, C, "x", "1.1.1.1:1"])}
                    message.metadata_context.CopyFrom(metadata_context(envoy__lb=served))
            case 4:
                message.response_body.body = rng.choice(_ANSWERS)
                message.response_body.end_of_stream = 4 not in natural
            case 5:
                message.request_trailers.SetInParent()
            case 6:
                message.response_trailers.SetInParent()
            case _:
                message.attributes["envoy.filters.http.ext_proc"].update({"request.path": "/"})
        if rng.random() < (0.3, 0.1, 0.1, 0, 0, 0.1, 0, 0)[kind]:
            hint = {"x-gateway-destination-endpoint-subset": rng.choice(_SUBSETS)}
            message.metadata_context.CopyFrom(metadata_context(envoy__lb__subset_hint=hint))
        message.observability_mode = rng.random() < 0.01
        if kind == 0 and rng.random() < 0.8:
            message.protocol_config.request_body_mode = rng.randrange(6)
            message.protocol_config.response_body_mode = rng.randrange(6)
            message.protocol_config.send_body_without_waiting_for_header_response = rng.random() < 0.3
        return message

    def _look(self, call: Call) -> None:
        """Every answer is one that the protobuf library reads, of lawful sizes, with the same pick in both places."""
        for answer in call.stream.answers():
            self.answers += 1
            which = answer.WhichOneof("response")
            assert which or answer.HasField("override_message_timeout")
            if which in ("request_headers", "request_body", "response_body"):
                common = getattr(answer, which).response
                assert len(common.body_mutation.streamed_response.body) <= 62_000
                named = set_headers(common.header_mutation).get("x-gateway-destination-endpoint", "")
                told = answer.dynamic_metadata
                assert named == (told["envoy.lb"]["x-gateway-destination-endpoint"] if "envoy.lb" in told else "")

    def _end(self, call: Call) -> None:
        self._open.remove(call)
        self._scripts.pop(call, None)
        if call.stream.status is None:
            if self.rng.random() < 0.5:
                call.handler.on_half_close()
            for _ in range(1000):
                if call.stream.status is not None or self.rng.random() < 0.3:
                    break
                call.stream.room = None
                call.handler.on_writable()
        if call.stream.status is None:
            call.handler.on_cancelled()
        self._look(call)

    def check(self) -> None:
        """Nothing is left, and nothing went wrong."""
        assert self.faults == 0
        yard = self.yard
        yard.now += 60
        yard.gateway.step(yard.now)
        assert not any(yard.gateway.in_flight().values()), yard.gateway.in_flight()
        assert yard.gateway.open_exchanges == 0
        assert yard.picker.held_bodies == yard.router.held_bodies == 0
        assert not yard.picker.open_requests
        assert not yard.picker.watching


def memory() -> int:
    """Bytes that Python objects take."""
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


def main(count: int, seed: int = 1) -> None:
    sequences = Sequences(seed)
    sequences.run(2000)
    tracemalloc.start()
    sequences.run(500)
    before = memory()
    tracemalloc.stop()
    rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    sequences.run(count)
    sequences.check()
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - rss
    tracemalloc.start()
    sequences.run(500)
    after = memory()
    print(
        f"{sequences.streams} streams, {sequences.answers} answers, {sequences.faults} faults; "
        f"peak memory +{grown} KiB, objects of 500 streams {before} and {after} bytes"
    )
    assert grown < 16 * 1024


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
