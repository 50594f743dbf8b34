#!/usr/bin/env bash
# Makes the lock files anew from pyproject.toml: one resolution for every supported Python and platform, with hashes.
set -euo pipefail
cd "$(dirname "$0")/.."
[ -x .venv/bin/uv ] || .venv/bin/python -m pip install --quiet uv
compile() {
  local out=$1
  shift
  .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
    --no-emit-index-url --no-emit-find-links --no-header --no-annotate "$@" pyproject.toml -o "$out"
}
compile requirements/core.txt
compile requirements/dev.txt --group dev
compile requirements/bench.txt --group dev --group bench
