from __future__ import annotations

import hashlib

import msgspec
import pytest

from modelyard.lora.s3_signature import LATE_SECONDS, Key, SignedRequest, is_signed

KEY = Key(id="AKIAIOSFODNN7EXAMPLE", secret="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
"""Of the examples in Amazon's documentation of the signature; so are the requests below."""
EMPTY = hashlib.sha256(b"").hexdigest()
NOW = 1369353600.0
"""20130524T000000Z."""


def signed(target: str, names: str, signature: str, **headers: str) -> SignedRequest:
    scope = f"{KEY.id}/20130524/us-east-1/s3/aws4_request"
    return SignedRequest(
        method="GET",
        target=target,
        headers={
            "host": "examplebucket.s3.amazonaws.com",
            "x-amz-content-sha256": EMPTY,
            "x-amz-date": "20130524T000000Z",
            "authorization": f"AWS4-HMAC-SHA256 Credential={scope},SignedHeaders={names},Signature={signature}",
            **headers,
        },
    )


OBJECT = signed(
    "/test.txt",
    "host;range;x-amz-content-sha256;x-amz-date",
    "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
    range="bytes=0-9",
)
LIST = signed(
    "/?max-keys=2&prefix=J",
    "host;x-amz-content-sha256;x-amz-date",
    "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
)


def without(request: SignedRequest, name: str, value: str | None = None) -> SignedRequest:
    headers = {key: one for key, one in request.headers.items() if key != name}
    return msgspec.structs.replace(request, headers={**headers, **({name: value} if value is not None else {})})


def test_the_documented_examples_are_accepted() -> None:
    assert is_signed(OBJECT, KEY, NOW)
    assert is_signed(LIST, KEY, NOW + LATE_SECONDS - 1)
    sorted_elsewhere = msgspec.structs.replace(LIST, target="/?prefix=J&max-keys=2")
    assert is_signed(sorted_elsewhere, KEY, NOW)


@pytest.mark.parametrize(
    "request_",
    [
        without(OBJECT, "authorization"),
        without(OBJECT, "authorization", "AWS4-HMAC-SHA256"),
        without(OBJECT, "authorization", "Basic Zm9vOmJhcg=="),
        without(OBJECT, "authorization", OBJECT.headers["authorization"][:-1] + "2"),
        without(OBJECT, "authorization", OBJECT.headers["authorization"].replace(KEY.id, "another")),
        without(OBJECT, "authorization", OBJECT.headers["authorization"].replace("/20130524", "")),
        without(OBJECT, "authorization", OBJECT.headers["authorization"].replace("host;", "")),
        without(OBJECT, "authorization", OBJECT.headers["authorization"][:-1] + "\xe9"),
        without(OBJECT, "range", "bytes=0-10"),
        without(OBJECT, "x-amz-date"),
        without(OBJECT, "x-amz-date", "yesterday"),
        msgspec.structs.replace(OBJECT, target="/other.txt"),
        msgspec.structs.replace(OBJECT, target="/test.txt?list-type=2"),
        msgspec.structs.replace(OBJECT, method="HEAD"),
    ],
)
def test_anything_else_is_not(request_: SignedRequest) -> None:
    assert not is_signed(request_, KEY, NOW)


def test_a_signature_is_good_for_a_short_while_and_with_its_key_only() -> None:
    assert not is_signed(OBJECT, KEY, NOW + LATE_SECONDS + 1)
    assert not is_signed(OBJECT, KEY, NOW - LATE_SECONDS - 1)
    assert not is_signed(OBJECT, Key(id=KEY.id, secret="another"), NOW)


def test_a_key_is_not_shown() -> None:
    assert KEY.secret not in repr(KEY)
