from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.resources.validation import formats

CASES = [
    (formats.dns_label, ["a", "a-1", "1a", "a" * 63], ["", "-a", "a-", "A", "a.b", "a" * 64, "a\n"]),
    (formats.dns_label_1035, ["a", "a-1"], ["1a", "", "A"]),
    (formats.dns_subdomain, ["a", "a.b", "a-1.b"], ["", "a..b", ".a", "a.", "a" * 254, "a_b"]),
    (formats.hostname, ["a", "a.example", "*.example"], ["*", "", "a.*", "*a.b", "1.2.3.4", "a:80", "[::1]", "A.b"]),
    (formats.precise_hostname, ["a.example"], ["*.example"]),
    (formats.header_name, ["X-A", "a_b", "~"], ["", "a b", "a:", "é", "a" * 257]),
    (formats.header_value, ["a b", "é"], ["", "a\nb", "a\x00", "a" * 4097]),
    (
        formats.absolute_path,
        ["/", "/a/b", "/a%20b", "/a/.b"],
        ["", "a", "/a//b", "/./", "/a/..", "/a#", "/a?b", "/%zz"],
    ),
    (formats.duration, ["0s", "1h30m", "500ms"], ["", "1", "-1s", "1.5s", "123456s", "1h1m1s1ms1h"]),
    (formats.quantity, ["1", "500m", "1.5Gi", "1e3", "0"], ["", "-1", "1 Gi", "Gi", "1gi"]),
    (formats.label_key, ["a", "a.b/c_d", "A"], ["", "/a", "a/", "a b", "a" * 64, "A.b/c"]),
    (formats.label_value, ["", "a", "A-1_b.c"], ["-a", "a b", "a" * 64]),
    (formats.controller_name, ["a.example/x", "a/b/c"], ["a", "/a", "A/b", ""]),
    (formats.env_name, ["A", "a.b-c"], ["", "A=B", "A\n"]),
    (formats.kind, ["Gateway", "a-b"], ["", "1a", "a_b"]),
    (formats.group, ["", "a.b"], ["A"]),
]


@pytest.mark.parametrize(("check", "good", "bad"), CASES, ids=[check.__name__ for check, _, _ in CASES])
def test_formats(check, good, bad):
    assert {text: check(text) for text in good} == dict.fromkeys(good)
    assert [text for text in bad if check(text) is None] == []


@given(st.text(max_size=300))
def test_every_message_is_short_and_on_one_line(text):
    for check, _, _ in CASES:
        message = check(text)
        assert message is None or (len(message) < 500 and "\n" not in message)


@pytest.mark.parametrize(("value", "ok"), [(80, True), ("http", True), (0, False), ("80", False), ("a" * 16, False)])
def test_port_or_name(value, ok):
    assert (formats.port_or_name(value) is None) is ok
