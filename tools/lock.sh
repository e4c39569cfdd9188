#!/bin/sh
# Pin requirements/*.in to requirements/*.lock with hashes, for every supported Python and platform.
# run.lock is made first and constrains the others, so one environment can hold them all.
# UPGRADE=1 takes newer versions; without it, pins move only where the .in files force them to.
set -eu
cd "$(dirname "$0")/../requirements"
uv=${UV:-../.venv/bin/uv}

pin() {
    name=$1
    shift
    # The machine's own index, mirrors and constraints must not leak into a file others install from.
    env -u UV_INDEX -u UV_INDEX_URL -u UV_DEFAULT_INDEX -u UV_EXTRA_INDEX_URL -u UV_FIND_LINKS \
        -u UV_CONSTRAINT -u UV_OVERRIDE \
        "$uv" pip compile --no-config --quiet --universal --generate-hashes --python-version 3.11 \
        --default-index https://pypi.org/simple ${UPGRADE:+--upgrade} \
        --custom-compile-command "make lock" --output-file "$name.lock" "$@" "$name.in"
}

pin run
pin dev --constraint run.lock
pin build --constraint dev.lock
pin node
pin sbom --constraint dev.lock
