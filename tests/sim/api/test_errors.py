from __future__ import annotations

from modelyard.sim.api.errors import ApiError, bad_request, too_long, unknown_model


def test_the_shape_is_openais() -> None:
    error = unknown_model("x", ("m", "n"))
    assert error.status == 404
    assert error.openai() == {
        "error": {
            "message": "The model `x` does not exist. Valid aliases: m, n.",
            "type": "NotFoundError",
            "param": "model",
            "code": 404,
        }
    }


def test_anthropics_shape_is_its_own() -> None:
    assert bad_request("no").anthropic() == {"type": "error", "error": {"type": "BadRequestError", "message": "no"}}


def test_a_kind_that_is_not_given_is_the_phrase_of_the_status() -> None:
    assert ApiError(503, "x").kind == "Service Unavailable"


def test_a_prompt_that_is_too_long_says_how_long_it_may_be() -> None:
    assert "context length is 10 tokens" in too_long(10, 20).message
