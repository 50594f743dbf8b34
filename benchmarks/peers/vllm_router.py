"""vllm-router (Rust), with its cheapest policy that spreads requests."""

from __future__ import annotations

from benchmarks import processes
from benchmarks.peers.peer import Peer
from benchmarks.peers.ports import free_port
from benchmarks.peers.tools import tool

_ADDRESS = "127.9.0.3"


class VllmRouter(Peer):
    """The wheel ``vllm-router``."""

    name = "vllm-router"
    start_limit = 60.0

    def start(self) -> None:
        port = free_port(_ADDRESS)
        self.target = f"{_ADDRESS}:{port}"
        command = [tool("vllm-router"), "--host", _ADDRESS, "--port", str(port), "--policy", "round_robin"]
        command += ["--worker-urls", *(f"http://{endpoint}" for endpoint in self.endpoints)]
        command += ["--prometheus-host", _ADDRESS, "--prometheus-port", str(free_port(_ADDRESS))]
        self.process = processes.start([*command, "--log-level", "warning"], self.cores.peer, log=self.log)
