from __future__ import annotations

from ext_proc_yard import FULL_DUPLEX, Yard

from modelyard.telemetry.picker_rows import RouterRows

PLUGINS = """
bbr:
  plugins:
  - {type: body-field-to-header, name: reads-model, json: {fieldName: model, headerName: X-Model}}
  - {type: body-field-to-header, json: {fieldName: user, headerName: X-User}}
  - {type: base-model-to-header, name: base}
"""


def test_plugins_and_what_bodies_lack() -> None:
    yard = Yard(PLUGINS)
    for body in (b'{"model": "m", "user": ""}', b'{"user": null}', b"no json", b'{"model": [1], "user": 7}', b""):
        call = yard.route()
        call.headers(protocol_config=FULL_DUPLEX)
        call.body(body)
    rows, plugins = yard.router.counts.drain()
    assert rows == RouterRows(routed=2, missing={"model": 2, "user": 1}, empty={"user": 2})
    assert {row.key: sum(row.seconds.buckets) for row in plugins} == {
        ("request", "body-field-to-header", "reads-model"): 4,
        ("request", "body-field-to-header", "body-field-to-header"): 4,
        ("request", "base-model-to-header", "base"): 4,
    }
    assert yard.router.counts.drain() == (RouterRows(), [])
