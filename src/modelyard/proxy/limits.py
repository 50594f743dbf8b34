"""Bounds of the data plane: sizes, times and counts that keep one peer from taking what belongs to others."""

from __future__ import annotations

import msgspec

KIB = 1024
MIB = 1024 * 1024
GIB = 1024 * MIB


class ProxyLimits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of a worker's sockets. Times are seconds, sizes bytes; every field has a safe default."""

    max_request_head: int = 64 * KIB
    """Largest request head; above it 431. Twice what common clients with large cookies reach."""
    max_body: int = 64 * MIB
    """Largest request body that is streamed through; above it 413. Holds long contexts and audio files."""
    max_held_bodies: int = GIB
    """Bytes of request bodies that routing has read and that a worker holds at a time, until their answers begin; above
    it 503. Many clients at once, each within ``max_body``, must not take the memory of the machine; thousands of
    queued requests with long contexts fit."""
    max_response_head: int = 64 * KIB
    """Largest response head of an endpoint; above it the answer is a bad response (502)."""
    max_pipelined: int = 64 * KIB
    """Bytes kept of requests that a client sends before the current answer ended; then reading pauses."""
    header_timeout: float = 10.0
    """From a request head's first byte to its last; then 408. Cuts clients that trickle headers."""
    keep_alive_idle: float = 75.0
    """How long a client's connection may wait for its next request. Longer than common load balancers (60 s),
    so that they close first and never write into a connection that is being closed here."""
    body_idle: float = 30.0
    """Longest pause between two pieces of a request body while it is being read; then 408."""
    body_min_rate: float = 500.0
    """Bytes per second that a request body must reach on average after ``body_idle`` of grace; then 408.
    Slower than any real link, faster than an attack that sends a byte at a time."""
    client_stall: float = 300.0
    """How long a client may take nothing of an answer that waits for it; then its connection is cut.
    Looked at this often, so one that stops after it took something is cut after up to twice as long."""
    linger: float = 2.0
    """How long the rest of a refused request is read and dropped, so that the client can read the answer
    before the connection is closed (closing with unread input resets it)."""
    max_connections: int = 20_000
    """Client connections per worker; above it new ones get 503. 0: no bound."""
    max_connections_per_address: int = 0
    """Client connections per IP address and worker. 0: no bound, since many clients share a load
    balancer's.
    """
    write_high_water: int = 32 * KIB
    """Bytes waiting for a slow reader at which reading from the other side pauses. Small: it is paid per
    stream.
    """
    upstream_idle: float = 4.0
    """How long an unused connection to an endpoint is kept. Below uvicorn's keep-alive of 5 s (vLLM, Ray
    Serve), so that the endpoint rarely closes a connection that is being used again."""
    upstream_max_connections: int = 0
    """Connections per endpoint and worker; further requests wait for one within their connect timeout. 0: no bound,
    since admission already decides how much an endpoint gets."""
    upstream_stall: float = 600.0
    """How long an endpoint may send nothing in the middle of an answer; then it is broken. Long: a preempted
    request pauses for minutes under load."""
    tunnel_idle: float = 3600.0
    """How long an upgraded connection (WebSocket) may be silent both ways."""
    replay_limit: int = 64 * KIB
    """Bytes of a streamed request body that are kept until the response begins, so that another endpoint can
    be tried. Larger bodies that were not read for routing are not retried."""
