"""What ``modelyard explain`` shows of a request: route, models, candidates with each policy's score, the pick."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modelyard.exchange.commands import Forward, Picked, ReadBody, Respond, Wait
from modelyard.exchange.picked_request import PickedRequest
from modelyard.picking.contract import CandidateWhy, Why

if TYPE_CHECKING:
    from modelyard.exchange.exchange import Exchange
    from modelyard.exchange.gateway import Gateway
    from modelyard.exchange.model_request import ModelRequest
    from modelyard.fleet.fleet import BackendKey
    from modelyard.http1.message_heads import RequestHead


def explanation(exchange: Exchange, command: ReadBody | Respond | Forward | Wait) -> dict[str, Any]:
    """Plain data, ready for JSON."""
    rule = exchange.rule
    route = None if rule is None else {"name": rule.route, "rule": rule.rule_index, "ruleName": rule.rule_name or None}
    return _explained(exchange, command, route)


def explain_picked(
    gateway: Gateway,
    key: BackendKey,
    head: RequestHead,
    body: bytes,
    now: float,
    *,
    most_endpoints: int,
    any_path: bool = True,
) -> dict[str, Any] | None:
    """The same of a request that another gateway carries to the pool ``key``; None: there is no such pool. Nothing is
    counted. ``picks`` are all endpoints of the pick, in order."""
    state = gateway.state_of(key)
    if state is None:
        return None
    request = PickedRequest.begin(
        gateway,
        state,
        head,
        now,
        within=None,
        forged=(),
        most_endpoints=most_endpoints,
        any_path=any_path,
        explain=True,
    )
    answer = _explained(request, request.on_request(body or None, now), None)
    request.discard()
    return answer


def _explained(
    exchange: ModelRequest[Any], command: ReadBody | Respond | Forward | Wait | Picked, route: dict[str, Any] | None
) -> dict[str, Any]:
    record = exchange.record
    answer: dict[str, Any] = {
        "request": {
            "method": record.method,
            "path": record.path,
            "host": exchange.head.host,
            "listener": record.listener,
            "model": exchange.facts.model,
            "dialect": exchange.facts.dialect or None,
            "stream": exchange.facts.stream,
        },
        "route": route,
        "backend": record.backend or None,
        "targetModel": exchange.target_model or None,
        "engineModel": exchange.engine_model or exchange.target_model or None,
        "priority": exchange.priority,
    }
    if isinstance(command, Forward):
        answer["pick"] = command.address
    elif isinstance(command, Picked):
        picks = command.targets.split(",")
        answer |= {"pick": picks[0], "picks": picks}
    elif isinstance(command, Respond):
        answer["answer"] = {
            "status": command.status,
            "reason": record.reason or None,
            "headers": dict(command.headers),
            "body": command.body.decode("utf-8", "replace"),
        }
    elif isinstance(command, Wait) and exchange.state is not None:
        answer["waits"] = {
            "until": f"adapter {exchange.target_model!r} is loaded",
            "endpoints": exchange.state.awaiting(exchange.target_model),
            "requestsBefore": exchange.state.load_waits.counts.get(exchange.target_model, 0),
        }
    if exchange.why is not None:
        answer["why"] = _why(exchange.why)
    return answer


def _why(why: Why) -> dict[str, Any]:
    return {
        "profile": why.profile,
        "picker": why.picker,
        "candidates": [_candidate(candidate) for candidate in why.candidates],
    }


def _candidate(candidate: CandidateWhy) -> dict[str, Any]:
    return {
        "endpoint": candidate.endpoint.address,
        "name": candidate.endpoint.name or candidate.endpoint.address,
        "total": candidate.total,
        "scores": [
            {"policy": score.policy, "weight": score.weight, "score": score.score} for score in candidate.scores
        ],
        "droppedBy": candidate.dropped_by or None,
    }
