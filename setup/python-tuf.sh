#!/usr/bin/env bash
# The reference implementation of The Update Framework from PyPI, in an environment of its own: it judges our channels.
set -euo pipefail
output=$1
folder=$(dirname "$output")/.python-tuf
python3 -m venv "$folder"
"$folder/bin/pip" install --quiet --disable-pip-version-check tuf==7.0.1 'securesystemslib[crypto]==1.6.0'
# A link would not do: Python looks for its environment beside the name it is called by.
printf '#!/bin/sh\nexec "$(dirname "$0")/.python-tuf/bin/python3" "$@"\n' > "$output"
chmod +x "$output"
