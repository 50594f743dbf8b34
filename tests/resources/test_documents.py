from __future__ import annotations

from modelyard.resources.documents import read_documents

TEXT = """\
# a comment
a: 1
---
b: [1
---

c:
  d: [x, {e: 1}]
"""


def test_a_broken_document_hides_no_other():
    first, broken, last = read_documents(TEXT, "f.yaml")
    assert (first.value, first.origin.line) == ({"a": 1}, 2)
    assert broken.faults
    assert broken.fault_line == 5
    assert last.value == {"c": {"d": ["x", {"e": 1}]}}
    assert [document.origin.document for document in (first, broken, last)] == [1, 2, 3]


def test_lines_are_found_on_demand():
    last = read_documents(TEXT, "f.yaml")[-1]
    assert last.line_of(("c",)) == 7
    assert last.line_of(("c", "d", 1, "e")) == 8
    assert last.line_of(("c", "missing")) == 7
    assert last.line_of(("missing",)) == 7


def test_json_that_yaml_cannot_read():
    (document,) = read_documents('{\n\t"a": "\\ud83d\\ude00",\n\t"b": [1]\n}', "f.json")
    assert document.value == {"a": "😀", "b": [1]}


def test_json_with_a_key_twice():
    (document,) = read_documents('{\n\t"a": 1, "a": 2}', "f.json")
    assert "'a' is there twice" in document.faults[0].message


def test_deep_json_is_refused():
    (document,) = read_documents("[" * 5000 + "]" * 5000, "f.json")
    assert "nested deeper" in document.faults[0].message
    (document,) = read_documents('{"a":\t\n\t' + "[" * 5000 + "]" * 5000 + "}", "f.json")
    assert document.faults
