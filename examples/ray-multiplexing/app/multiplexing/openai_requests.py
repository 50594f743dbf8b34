"""What an OpenAI-compatible server reads out of a request, and how it refuses one."""

from __future__ import annotations

import json


class Refused(Exception):
    """The request is answered with an error, in the form that OpenAI's clients read."""

    def __init__(self, status: int, message: str, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        kind = "invalid_request_error" if status < 500 else "server_error"
        self.status = status
        self.body = {"error": {"message": message, "type": kind, "param": param, "code": code}}


def model_named_by(body: bytes, header: str) -> str:
    """The model that a request is for: what its body names. Raises Refused.

    ``header``: the multiplexed model id that the gateway set from the same body; empty without a gateway. Where both
    differ nothing is served, so that no client is answered by another model than the one that its body names.
    """
    try:
        value = json.loads(body)
    except ValueError:
        raise Refused(400, "the body is not valid JSON") from None
    model = value.get("model") if isinstance(value, dict) else None
    if not isinstance(model, str) or not model:
        raise Refused(400, "the body must name a model", "model")
    if header and header != model:
        raise Refused(400, f"the body asks for model {model!r} and the request is routed to {header!r}", "model")
    return model


def unknown_model(model: str) -> Refused:
    """404, with the code that clients look for."""
    return Refused(
        404, f"The model {model!r} does not exist. GET /v1/models lists those that do.", "model", "model_not_found"
    )
