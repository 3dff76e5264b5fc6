#!/usr/bin/env bash
# Schemathesis from PyPI, in an environment of its own: it asks the daemon whatever docs/openapi.yaml allows, and what it
# doesn't.
set -euo pipefail
output=$1
folder=$(dirname "$output")/.schemathesis
python3 -m venv "$folder"
"$folder/bin/pip" install --quiet --disable-pip-version-check schemathesis==4.32.5
ln -sf ".schemathesis/bin/st" "$output"
