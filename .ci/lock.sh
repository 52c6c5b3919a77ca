#!/usr/bin/env bash
# Writes the two locks anew (needs `uv` and the network). Every requirement with all its hashes, for Python 3.11 to 3.13 on
# Linux and Windows; the build backend is locked too, so that the editable install needs no network of its own.
set -euo pipefail
cd "$(dirname "$0")/.."

backend='hatchling>=1.27'
header='# Written by `make lock`. Names no index: your own pip settings say where packages come from; the hashes say which.'

compile() {
  uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
    --no-emit-index-url --extra postgres "$@" pyproject.toml - <<<"$backend"
}

new=$(mktemp -d)
trap 'rm -rf "$new"' EXIT
compile --extra test >"$new/test"
# The smaller lock is cut from the larger one, so that the two never disagree on a version.
grep '==' "$new/test" | sed 's/ *\\$//' >"$new/pins"
compile --constraint "$new/pins" >"$new/run"
{ echo "$header"; cat "$new/test"; } >requirements-test.lock
{ echo "$header"; cat "$new/run"; } >requirements.lock
