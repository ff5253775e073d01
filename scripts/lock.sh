#!/bin/sh
# Make the locks again after a change of dependencies: hashes yes, index hosts no.
set -eu
lock() { out=$1; shift; .venv/bin/uv pip compile pyproject.toml "$@" --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --unsafe-package none -q -o "$out"; }
lock requirements/base.txt --extra pg --extra build
lock requirements/dev.txt --extra pg --extra build --extra dev --extra e2e --extra fast
# Spark and what it needs, at the versions the others are locked to.
lock requirements/cluster.txt --extra cluster --extra pg --extra build --extra dev --extra e2e --extra fast
