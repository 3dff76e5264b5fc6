#!/usr/bin/env bash
# Installs the Debian packages named in the file that are missing. A program that is there from elsewhere
# (go, npm) is not installed again.
set -euo pipefail
missing=()
while read -r name; do
  case $name in
    golang-go) command -v go >/dev/null && continue ;;
    npm) command -v npm >/dev/null && continue ;;
  esac
  dpkg-query -W -f '${Status}' "$name" 2>/dev/null | grep -q 'ok installed' || missing+=("$name")
done <"$1"
[ ${#missing[@]} -eq 0 ] && exit 0
if [ "$(id -u)" != 0 ]; then
  echo "cannot install ${missing[*]}: run as root, or install them yourself" >&2
  exit 1
fi
apt-get update -q
DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}"
